"""A manifold experiment of a few seconds."""

from __future__ import annotations

import copy

import pytest

from threetargets.experiments.manifold.spec import Manifold

TINY = {
    "data": {"modes": 4, "spread": 0.2, "embedding_seed": 0},
    "dimensions": [2, 4, 16],
    "targets": ["x0", "eps", "v"],
    "weighting": "v-equivalent",
    "input_skip": False,
    "width": 8,
    "depth": 2,
    "controls": [
        {"dimensions": [16], "input_skip": True},
        {"dimensions": [16], "targets": ["x0"], "weighting": "native"},
    ],
    "process": {
        "schedule": {"name": "cosine", "log_snr_max": 6.0, "log_snr_min": -7.0},
        "steps": 20,
    },
    "training": {
        "steps": 30,
        "batch": 32,
        "learning_rate": 0.001,
        "warmup_steps": 5,
        "ema_halflife_images": 500,
    },
    "sampling": {"sampler": "heun", "steps": 4, "samples": 50, "directions": 4},
    "excess": {"levels": 3, "draws": 50},
}


@pytest.fixture
def tiny() -> Manifold:
    return Manifold.model_validate(copy.deepcopy(TINY))
