"""Experiments of the lecture notes in a second each."""

from __future__ import annotations

FIT = {
    "steps": 30,
    "batch": 32,
    "learning_rate": 0.002,
    "warmup_steps": 5,
    "ema_halflife_images": 500,
}
SMALL: dict[str, dict] = {
    "score_sde": {
        "data": {"weights": [0.3, 0.7], "means": [-1.3, 0.8], "spreads": [0.25, 0.4]},
        "process": {
            "beta_start": 0.1,
            "beta_end": 20.0,
            "sigma_min": 0.01,
            "sigma_max": 20.0,
            "end": 0.001,
        },
        "chain": {"steps": [32, 64], "times": 4},
        "solving": {"evaluations": [4, 16], "samples": 100, "snr": 0.16},
        "matching": {"width": 8, "depth": 2, "training": FIT, "levels": 3, "points": 100},
    },
}
