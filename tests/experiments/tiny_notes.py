"""The notes' experiments in a second each."""

from __future__ import annotations

from typing import Any

STEPS = {"batch": 16, "learning_rate": 0.002, "warmup_steps": 2, "ema_halflife_images": 100}
SPLIT = {"train": 60, "validation": 1, "test": 10}
TINY: dict[str, dict[str, Any]] = {
    "discrete": {
        "split": SPLIT,
        "toy": {"levels": 2, "pixels": 3, "steps": [1, 2, 4]},
        "patch": {
            **{"top": 3, "left": 2, "height": 2, "width": 2, "hidden": 16, "depth": 1},
            **{"steps": [1, 2, 8], "training": {"steps": 5, **STEPS}},
        },
        "digits": {"hidden": 16, "depth": 1, "steps": 4, "training": {"steps": 3, **STEPS}},
    },
}
