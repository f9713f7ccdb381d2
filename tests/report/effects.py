"""The figures of a made-up study, with the effects that the claims are about put into them."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from typing import Any

import numpy as np

from threetargets.families import spec_of, tags
from threetargets.metrics.catalogue import SAMPLES, by_features
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import FLOOR, Run
from threetargets.pipeline.records import Figure
from threetargets.report.topics.of_likelihood.routes import (
    DEQUANTISED,
    DIFFERENCE,
    GRADIENTS,
    HALVED,
    ODE,
    ONE,
    REPORTED,
    TWO,
)
from threetargets.study.schema import Study

EXTRACTOR = "judge-0123456789abcdef"
INCEPTION = "inception-fedcba9876543210"
LARGER = 50.0  # figures by Inception


def part(run: Run, name: str) -> str:
    """The target or the weighting of a run; empty where it has none."""
    return tags(run.cell).get(name, "")


def draws_of(*key: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32("/".join(map(str, key)).encode()))


def twin(run: Run) -> Run:
    """The same model by construction: score is eps under a matched weighting, native eps is
    eps-equivalent."""
    cell = (
        run.cell.replace("_score_", "_eps_")
        if part(run, "weighting") in ("eps-equivalent", "elbo")
        else run.cell
    )
    return Run("ddpm_eps_eps-equivalent" if cell == "ddpm_eps_native" else cell, run.seed)


def _effect(run: Run) -> float:
    """Bits/dim by which a cell is worse: x0 loses at native weighting, targets tie elsewhere, score
    is eps."""
    by_weighting = {"native": 0.06, "eps-equivalent": 0.04}.get(part(run, "weighting"), 0.0)
    base = {"vae": 2.45, "hvae": 2.4, "ddpm": 2.1}.get(run.cell.kind, 0.0)
    worse = {("x0", "native"): 0.35, ("score", "native"): 0.15, ("raw-score", "native"): 0.6}.get(
        (part(run, "target"), part(run, "weighting")), 0.0
    )
    return base + by_weighting + worse


def bound(run: Run) -> float:
    one = twin(run)
    rounding = 3e-9 if run.cell == "ddpm_score_elbo" else 0.0  # of float32, as in a real study
    noise = (
        0.02 * draws_of("seed", run.seed).normal()
        + 0.002 * draws_of("bound", one.cell, run.seed).normal()
    )
    return float(_effect(one) + noise + rounding)


IMAGES = 40


def by_image(run: Run, mean: float) -> list[float]:
    """A bound for every image around the mean: an image is as hard for every model, but for a
    little."""
    hard = draws_of("hard").normal(size=IMAGES)
    own = 0.01 * draws_of("image", twin(run).cell, run.seed).normal(size=IMAGES)
    return (mean + hard - hard.mean() + own - own.mean()).tolist()


def _curve(metric: str, gamma: float, run: Run, guidance: str) -> tuple[float, float]:
    run = twin(run)
    rng = draws_of(metric, gamma, run.cell, run.seed, guidance)
    offset = {"x0": 0.4, "eps": 0.0, "score": 0.1}.get(part(run, "target"), 0.3) + (
        0.5 if guidance == "classifier" else 0.0
    )
    mean, noise = {
        "fid": (3.0 + 0.9 * (gamma - 1.3) ** 2 + offset + 4 * (_effect(run) - 2.1), 0.15),
        "fid_infinity": (2.8 + 0.9 * (gamma - 1.3) ** 2 + offset + 4 * (_effect(run) - 2.1), 0.15),
        "kid": (0.01 + 0.004 * (gamma - 1.3) ** 2, 0.001),
        "accuracy": (1 / (1 + math.exp(-(1.2 * gamma + 0.6))), 0.008),
        "entropy": (0.9 * math.exp(-0.5 * gamma) + 0.05, 0.01),
        "precision": (0.75 + 0.03 * gamma, 0.008),
        "recall": (0.9 - 0.1 * gamma, 0.01),
    }[metric]
    return float(mean + noise * rng.normal()), noise / 2


def evaluated(study: Study, run: Run) -> list[Figure]:
    """By the judge, and the same figures times LARGER by Inception, for the extractors of the
    study."""
    judged, chosen = _judged(study, run), study.evaluation.extractors
    found = [f for f in judged if "judge" in chosen or f.metric not in by_features([*SAMPLES])]
    if "inception" in chosen:
        found += [
            replace(f, value=LARGER * (f.value or 0.0), extractor=INCEPTION)
            for f in judged
            if f.metric in by_features([*SAMPLES])
        ]
    return found


def _judged(study: Study, run: Run) -> list[Figure]:
    n = study.sampling.images
    facts: dict[str, Any] = {
        "n": n,
        "spread": "images",
        "reference": f"test, {n} images",
        "extractor": EXTRACTOR,
    }
    if run.cell == FLOOR:
        real = {
            "fid": 1.1,
            "fid_infinity": 0.4,
            "kid": 0.001,
            "precision": 0.82,
            "recall": 0.84,
            "accuracy": 0.975,
            "entropy": 0.08,
        }
        asked = study.evaluation.measured
        noise = {m: 0.02 * draws_of("floor", m, run.seed).normal() for m in asked}
        noise |= {
            "accuracy": 0.0,
            "entropy": 0.0,
        }  # of the judge on the test split: one number for all seeds
        errors = {"accuracy": math.sqrt(0.975 * 0.025 / study.data.split.test), "entropy": 0.01}
        sizes = {m: {"n": study.data.split.test if noise[m] == 0.0 else n} for m in asked}
        values = {m: real[m] * (1 + noise[m]) for m in asked}
        return [
            Figure(m, values[m], errors.get(m, 0.05 * real[m]), guidance="none", **facts | sizes[m])
            for m in asked
        ]
    figures = []
    for guidance in jobs.guidances(study, run):
        for gamma in jobs.gammas(study, guidance):
            for metric in study.evaluation.measured:
                if metric != "accuracy" or run.cell.kind == "ddpm":
                    value, stderr = _curve(metric, float(gamma), run, guidance)
                    figures.append(
                        Figure(metric, value, stderr, guidance=guidance, gamma=gamma, **facts)
                    )
    return figures


def likelihoods(study: Study, run: Run) -> tuple[list[Figure], dict[str, Any]]:
    n, total = study.data.split.test, bound(run)
    facts: dict[str, Any] = {"n": n, "spread": "test images", "reference": f"test, {n} images"}
    if run.cell.kind != "ddpm":
        parts = {
            "reconstruction_bpd": 0.8 * total,
            "kl_1_bpd": 0.2 * total if run.cell.kind == "vae" else 0.15 * total,
        }
        if run.cell.kind == "hvae":
            parts["kl_2_bpd"] = 0.05 * total
        noise = 0.001 * draws_of("iwae", run.cell, run.seed).normal()
        iwae = {
            f"iwae_{k}_bpd": total + noise - 0.03 * math.log10(k) for k in study.likelihood.iwae
        }
        figures = [
            Figure(m, v, 0.01, **facts) for m, v in {"bound_bpd": total, **parts, **iwae}.items()
        ]
        figures += [
            Figure("train_bound_bpd", total - 0.1, 0.01, **facts),
            Figure("active_units", 9.0, n=n),
        ]
        noise = math.exp(0.1 * draws_of("gradients", run.seed).normal())
        if run.cell.kind == "vae":
            figures += [
                Figure(m, r * noise, 1.0, **facts)
                for m, r in zip(GRADIENTS, (5000.0, 12.0), strict=True)
            ]
        return figures, {}
    steps = study.diffusion.steps
    log_snr = np.linspace(9, -9, steps)
    weight = np.exp(-0.5 * ((log_snr - 1.5 - _effect(run)) / 2.5) ** 2) + 1e-4
    terms = (
        0.95
        * total
        * weight
        / weight.sum()
        * (1 + 0.03 * draws_of("levels", run.cell, run.seed).normal(size=steps))
    ).tolist()
    levels = {
        "i": list(range(1, steps + 1)),
        "log_snr": log_snr.tolist(),
        "term": terms,
        "stderr": [t / 20 for t in terms],
        "eps_mse": [0.1 + t for t in terms],
    }
    parts = {
        "prior_bpd": 0.0001,
        "denoising_bpd": 0.95 * total - 0.0001,
        "decoder_bpd": 0.05 * total,
    }
    return [
        Figure(m, v, 0.01, **facts)
        for m, v in {"bound_bpd": total, **parts, **_routes(study, run)}.items()
    ], {"noise_levels": levels, "images": {"bound": by_image(run, total)}}


def _routes(study: Study, run: Run) -> dict[str, float]:
    """Other estimators of a diffusion model's likelihood: more steps help and saturate, the other
    form is noisier."""
    run = twin(run)
    total, rng = bound(run), draws_of("routes", run.cell, run.seed)
    found = {
        f"bound_{v}_bpd": total + shift
        for v, shift in zip(REPORTED, (2.0, 0.0, 2.1, -0.02, -0.1), strict=True)
    }
    found |= {
        f"bound_T{t}_bpd": total + 3.0 / t + 1e-4 * rng.normal()
        for t in study.likelihood.lengths.steps
    }
    found |= {
        f"bound_T{t}_fitted_bpd": total + 1.0 / t + 1e-4 * rng.normal()
        for t in study.likelihood.lengths.steps
    }
    found |= {ODE: total - 0.04, DEQUANTISED: total + 0.8, HALVED: 0.003}
    found |= {
        DIFFERENCE: 0.01 * rng.normal(),
        ONE: 1.1,
        TWO: 16000.0 * math.exp(0.01 * rng.normal()),
    }
    return found | {"two_sided_printed_difference_bpd": 350.0}


def trained(study: Study, run: Run, failed: bool) -> tuple[list[Figure], dict[str, Any]]:
    rng = draws_of("train", run.cell, run.seed)
    step = [s + 1 for s in range(study.training.ddpm.steps)][
        :: max(1, study.training.ddpm.steps // 30)
    ]
    start = 3.0 if run.cell.kind == "ddpm" else 80.0
    loss = [start * (0.2 + math.exp(-s / 500)) * (1 + 0.04 * rng.normal()) for s in step]
    held = {"step": step[9::10], "value": [1.03 * v for v in loss[9::10]]}
    curves: dict[str, Any] = {"loss": {"step": step, "train": loss}, "validation": held}
    if failed:
        curves["loss"]["train"][-1] = math.nan
        return [Figure("parameters", 150_000.0)], curves
    size = {"vae": 161_234.0, "hvae": 158_876.0, "ddpm": 151_360.0}.get(run.cell.kind, 42_000.0)
    figures = [
        Figure("parameters", size),
        Figure("train_seconds", 20 + rng.normal(), spread=""),
        Figure("train_images_per_second", 19000 + 300 * rng.normal()),
        Figure("validation_loss", loss[-1]),
    ]
    if not spec_of(run.cell).GENERATIVE:
        figures += [
            Figure("accuracy_validation", 0.96, 0.014, 200),
            Figure("accuracy_test", 0.95, 0.0097, study.data.split.test),
        ]
    return figures, curves
