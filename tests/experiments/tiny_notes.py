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
    "inpainting": {
        "correlation": 0.8,
        "mixture": {"centres": [[-1.0, 0.0], [1.0, 0.5]], "spread": 0.4},
        "schedule": {"name": "cosine", "log_snr_max": 6.0, "log_snr_min": -6.0},
        **{"calls": [4, 8], "resampling": 2, "conditions": 2, "samples": 20},
        "vae": {
            **{"models": 2, "visible": 2, "holes": 1, "latent": 2, "std": 0.5},
            **{"steps": [1, 3], "chains": 100},
        },
    },
    "reinforce": {
        "gaussian": {
            **{"size": 3, "latent": 2, "noise": 0.5},
            "training": {"steps": 4, "draws": 8, "learning_rate": 0.01, "points": 3},
        },
        "binary": {
            **{"split": SPLIT, "latent": 2, "hidden": 8, "temperature": 0.5},
            "training": {"steps": 4, "draws": 8, "learning_rate": 0.01, "points": 3},
        },
        "repeats": 3,
    },
    "amortised": {
        "split": SPLIT,
        "digits": {"latent": 2, "hidden": 16, "depth": 1, "training": {"steps": 4, **STEPS}},
        "linear": {"size": 3, "latent": 2, "noise": 0.7},
        "inference": {
            **{"images": 5, "steps": 3, "draws": 2, "learning_rate": 0.03, "points": 3},
            **{"evaluation": 8, "importance": 20},
        },
    },
}
