"""Guidance where the classifier is exact: one path for both kinds, the component at gamma = 1, no
tilt above it."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from threetargets.calibration.check_rows import Row, drawn, exact, written
from threetargets.calibration.densities import PLANE, TWINS, cosine
from threetargets.diffusion.guidance import by_classifier, classifier_free
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.sampler import Step, ddim, heun, sample
from threetargets.streams import generator

GAMMAS = (0.0, 0.5, 1.0, 2.0, 5.0)
SAMPLES, TILTED = 20_000, 4.0


def path(guided: Predictor, step: Step, start: Tensor) -> Tensor:
    """Every state from x_T to x_0."""
    states = []

    def recorded(*arguments: object) -> Tensor:
        states.append(step(*arguments))  # type: ignore[arg-type]
        return states[-1]

    sample(guided, recorded, cosine(40), start, lambda: torch.zeros_like(start))
    return torch.stack(states)


def same() -> list[Row]:
    """Classifier and classifier-free guidance from the same x_T, state by state."""
    rows = []
    start = torch.randn(60, 2, generator=generator(0, "calibrate/guidance"), dtype=torch.float64)
    labels = torch.arange(60) % PLANE.null
    for name, step in (("ddim", ddim(0.0)), ("heun", heun())):
        for gamma in GAMMAS:
            free = path(classifier_free(PLANE.conditional, labels, PLANE.null, gamma), step, start)
            by = path(
                by_classifier(PLANE.conditional, PLANE.classify, labels, PLANE.null, gamma),
                step,
                start,
            )
            what = f"largest distance of the two paths, γ = {gamma:g}, {name}"
            size = float(free.abs().max())
            why = "1e-9 of the largest state"
            rows.append(
                exact(
                    what,
                    0.0,
                    (free - by).abs().max(),
                    1e-9 * size,
                    why,
                    n=60 * 40,
                    origin="the same path",
                )
            )
    return rows


def samples(gamma: float) -> Tensor:
    """x_0 of TWINS guided to its right hump, from x_T of the mixture's own, by Heun's method."""
    process = cosine(60)
    x0, _ = TWINS.draw(SAMPLES, generator(0, "calibrate/tilt"))
    z = torch.randn(SAMPLES, 1, generator=generator(1, "calibrate/tilt"), dtype=torch.float64)
    labels = torch.ones(SAMPLES, dtype=torch.long)
    guided = by_classifier(TWINS.conditional, TWINS.classify, labels, TWINS.null, gamma)
    start = process.a[-1] * x0 + process.s[-1] * z
    return sample(guided, heun(), process, start, lambda: torch.zeros_like(start))[:, 0]


def tilted(gamma: float) -> tuple[float, float]:
    """Mean and variance of p(x) p(y | x)^gamma, y the right hump, normalised on a grid."""
    grid = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    joint = TWINS.log_joint(grid[:, None])
    log_p = torch.logsumexp(joint, 1) + gamma * torch.log_softmax(joint, 1)[:, 1]
    p = torch.softmax(log_p, 0).numpy()
    mean = float((p * grid.numpy()).sum())
    return mean, float((p * (grid.numpy() - mean) ** 2).sum())


def tilt() -> list[Row]:
    """Means and variances of guided samples beside those of the component and of the tilted
    density."""
    rows = []
    known = {0.0: (0.0, 0.16 + 0.09), 1.0: (0.3, 0.16), TILTED: tilted(TILTED)}
    for gamma, (mean, variance) in known.items():
        outcomes = samples(gamma).numpy()
        squares = (outcomes - outcomes.mean()) ** 2
        errors = outcomes.std() / math.sqrt(SAMPLES), squares.std() / math.sqrt(SAMPLES)
        relation = "=" if gamma <= 1 else "≠"
        origin = {0.0: "the mixture", 1.0: "the component"}.get(gamma, "p(x) p(y|x)^γ on a grid")
        for what, expected, measured, error in zip(
            ("mean", "variance"),
            (mean, variance),
            (outcomes.mean(), np.mean(squares)),
            errors,
            strict=True,
        ):
            rows.append(
                drawn(
                    f"{what} of guided samples, γ = {written(gamma)}",
                    expected,
                    measured,
                    error,
                    "samples",
                    n=SAMPLES,
                    origin=origin,
                    relation=relation,
                )
            )
    return rows
