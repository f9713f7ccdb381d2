"""The notes' experiments in a second each."""

from __future__ import annotations

from typing import Any

STEPS = {"batch": 16, "learning_rate": 0.002, "warmup_steps": 2, "ema_halflife_images": 100}
SPLIT = {"train": 60, "validation": 1, "test": 10}
FIT = {
    "steps": 30,
    "batch": 32,
    "learning_rate": 0.002,
    "warmup_steps": 5,
    "ema_halflife_images": 500,
}
NET = {"hidden": 16, "depth": 1, "training": {"steps": 4, **STEPS}}
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
    "normal_targets": {
        "split": {"train": 300, "validation": 1, "test": 10},
        "process": {
            "schedule": {"name": "cosine", "log_snr_max": 6.0, "log_snr_min": -6.0},
            "steps": 4,
        },
        **{"smoothing": 1.0, "width": 16, "depth": 1, "fit_images": 10},
        "training": {"steps": 4, **STEPS},
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
    "super_resolution": {
        "split": SPLIT,
        "schedule": {"name": "cosine", "log_snr_max": 6.0, "log_snr_min": -6.0},
        "laws": {"noise": 0.2, "calls": [2, 4], "conditions": 2, "samples": 8},
        "digits": {
            **{"hidden": 16, "depth": 1, "training": {"steps": 3, **STEPS}},
            **{"images": 4, "samples": 2, "calls": 3},
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
    "deeper_hierarchy": {
        "split": SPLIT,
        **{"levels": [2, 4], "early": 0.0},
        "schedule": {"name": "cosine", "log_snr_max": 6.0, "log_snr_min": -7.0},
        "digits": {
            **{"latent": 4, "width": 8, "depth": 1},
            **{"training": {"steps": 3, **STEPS}, "denoising": {"steps": 9, **STEPS}},
        },
        "known": {"size": 3, "latent": 1, "draws": 50},
    },
    "density_ladder": {
        "split": SPLIT,
        "hidden": {"counted": 3, "annealed": 5},
        "mixture": {"iterations": 3, "starts": 2, "smoothing": 0.5},
        "boltzmann": {
            **{"steps": 6, "batch": 10, "learning_rate": 0.05, "decay": 0.0001},
            **{"points": 3, "repeats": 2},
        },
        "annealing": {"levels": 5, "runs": 8},
        "walking": {"chains": 10, "burn_in": 1, "sweeps": 32},
        "autoregressive": {"decay": 0.0001, "training": {"steps": 4, **STEPS}},
        "plane": {
            **{"weights": [0.6, 0.4], "means": [[-0.8, 0.0], [0.8, 0.5]], "spreads": [0.4, 0.5]},
            **{"points": 50, "width": 8, "depth": 2, "training": {"steps": 3, **STEPS}},
        },
        "ratio": {"states": 3, "pixels": 4, "images": 3, "draws": [1, 2, 4, 8], "first": 2},
    },
    "learned_schedule": {
        "split": SPLIT,
        "ends": {"log_snr_max": 6.0, "log_snr_min": -6.0},
        "pieces": 4,
        "gaussian": {"size": 3, "least": 0.01, "training": FIT},
        "digits": {"target": "x0", "hidden": 16, "depth": 1, "training": {"steps": 4, **STEPS}},
        "measuring": {"gaussian": 40, "digits": 2, "batch": 10, "levels": 5},
    },
    "progressive_vae": {
        "split": SPLIT,
        "linear": {
            **{"size": 3, "latents": [2, 1], "noise": 0.4, "encoders": 2},
            **{"steps": [2, 8], "end": 0.001},
        },
        "digits": {
            **{"latents": [4, 2], "noises": [0.2, 0.5], "width": 8, "components": 2},
            "training": {"steps": 3, **STEPS},
        },
    },
    "detectors": {
        "split": SPLIT,
        "changes": {"pixels": 2, "noise": 3.0, "contrast": 0.5},
        "digits": {
            "images": 5,
            "ends": {"log_snr_max": 6.0, "log_snr_min": -6.0},
            "denoiser": {"target": "eps", **NET},
            "vae": {"latent": 2, **NET},
            "classifier": NET,
            "scoring": {"draws": 4, "steps": 3, "probes": 1, "importance": 4},
        },
        "larger": None,
    },
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
    "gradient_flow": {
        "data": {"modes": 3, "spread": 0.2},
        "process": {
            "schedule": {"name": "cosine", "log_snr_max": 6.0, "log_snr_min": -7.0},
            "steps": 20,
        },
        "network": {"width": 8, "depth": 2, "training": FIT},
        "moves": {
            "samples": 50,
            "directions": 4,
            "levels": 6,
            "langevin_steps": 3,
            "ascent_steps": 30,
            "rate": 0.3,
        },
    },
    "reverse_kernel": {
        "parts": 3,
        "step": {"log_snr": 4.0, "betas": [0.01, 0.1, 0.9]},
        "regression": {
            "process": {
                "schedule": {"name": "cosine", "log_snr_max": 6.0, "log_snr_min": -7.0},
                "steps": 8,
            },
            "width": 8,
            "depth": 2,
            "training": FIT,
            "steps": [10, 30],
            "points": 100,
        },
    },
    "langevin_density": {
        "data": {"weights": [0.4, 0.6], "means": [-0.7, 0.7], "spreads": [0.5, 0.4]},
        "walking": {"step_sizes": [0.02, 0.08], "chains": 100, "time": 0.4},
        "energy": {"width": 8, "training": FIT, "step": 0.05, "time": 1.0},
        "annealing": {
            "data": {"weights": [0.2, 0.8], "means": [-4.0, 4.0], "spreads": [0.5, 0.5]},
            "sigma_max": 8.0,
            "sigma_min": 0.1,
            "levels": 3,
            "steps": 10,
            "step": 0.005,
            "chains": 100,
        },
    },
}
