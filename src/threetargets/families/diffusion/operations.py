"""Floating-point operations of a diffusion model beyond its training."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from threetargets.data.read import Manifest
from threetargets.diffusion.guidance import conditional, within
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.sampler import sample
from threetargets.diffusion.target import Prediction
from threetargets.families.build import build
from threetargets.families.counted import by_image, counted
from threetargets.families.diffusion import spec
from threetargets.families.diffusion.by_ode import STEP_CHECK
from threetargets.families.diffusion.model import Ddpm
from threetargets.families.diffusion.sampling import (
    ends_of,
    grid_of,
    guided,
    step_of,
    weakened,
)
from threetargets.families.measured import batches
from threetargets.likelihood.ode import hutchinson
from threetargets.pipeline.cells import Run
from threetargets.pipeline.jobs import gammas, guidances, guide_of
from threetargets.study.schema import Study


def _model(study: Study, manifest: Manifest, run: Run) -> Ddpm:
    model = build(study, manifest, run).eval()
    assert isinstance(model, Ddpm)
    return model


def visited(study: Study, run: Run) -> list[Tensor]:
    """The log-SNR of each call of the predictor for one image, in the sampler's order."""
    calls, x = list[Tensor](), torch.zeros(1, 1)

    def predictor(x_t: Tensor, log_snr: Tensor) -> Prediction:
        calls.append(log_snr)
        return Prediction(x_t, x_t)

    sample(predictor, step_of(study, run), grid_of(study, run), x, lambda: x)
    return calls


def evaluations(study: Study, run: Run) -> int:
    """How often the sampler asks the predictor for one image."""
    return len(visited(study, run))


def sampling(study: Study, manifest: Manifest, run: Run) -> float:
    """Of all sample sets of one run."""
    total, known, model = 0.0, dict[tuple[str, bool], float](), _model(study, manifest, run)
    for guidance in guidances(study, run):
        for gamma in map(float, gammas(study, guidance)):
            # A classifier is not asked at gamma = 0; else gamma changes no cost.
            kind = (guidance, gamma == 0)
            if kind not in known:
                known[kind] = _of_set(study, manifest, run, model, guidance, gamma)
            total += known[kind]
    return total


def _of_set(
    study: Study, manifest: Manifest, run: Run, model: Ddpm, guidance: str, gamma: float
) -> float:
    """Of one sample set: calls within an interval of guidance, and those beyond it."""
    chosen, ends, levels = study.sampling, ends_of(study), visited(study, run)
    by = run if weakened(guidance) else guide_of(run, guidance)
    guide: nn.Module | None = build(study, manifest, by).eval() if by else None
    rows = len(batches(chosen.images, chosen.batch))

    def predictor(n: int) -> Predictor:
        return guided(model, guide, torch.zeros(n, dtype=torch.int64), guidance, gamma, ends)

    total = 0.0
    inside = [ends is not None and within(ends, level) for level in levels]
    for side in dict.fromkeys(inside):
        calls = [level for level, here in zip(levels, inside, strict=True) if here == side]
        each, shared = _one_call(manifest, predictor, calls[0])
        total += len(calls) * (chosen.images * each + rows * shared)
    return total


def _one_call(
    manifest: Manifest, predictor: Callable[[int], Predictor], log_snr: Tensor
) -> tuple[float, float]:
    """Of a predictor: for each image, and for what all images of one call share."""

    def call(n: int) -> None:
        predictor(n)(torch.zeros(n, *manifest.shape, dtype=torch.float64), log_snr)

    with torch.no_grad():
        return by_image(call)


def likelihood(study: Study, manifest: Manifest, run: Run) -> float:
    """Bounds with and without labels and in more steps; both forms; two densities by the ODE, and
    one of them again with half the steps. A slope of the ODE is a forward pass and one backward
    pass for each probe or dimension."""
    model, chosen = _model(study, manifest, run), study.likelihood
    noise_levels, ode, forms = model.table.steps, chosen.ode, chosen.forms
    images = chosen.images or study.data.split.test

    def given(n: int) -> Predictor:
        return conditional(model.conditional, torch.zeros(n, dtype=torch.int64))

    def null(n: int) -> Predictor:
        return given(1)

    def slope(x: Tensor) -> Tensor:
        return null(1)(x, model.table.log_snr[1]).eps

    def rows(n: int) -> int:
        return len(batches(n, chosen.batch))

    each, shared = _one_call(manifest, null, model.table.log_snr[1])
    labelled, common = _one_call(manifest, given, model.table.log_snr[1])
    x = torch.zeros(1, *manifest.shape, dtype=torch.float64)
    back = counted(lambda: hutchinson(x[None])(slope, x)) - each - shared
    finest = max((t for t in chosen.lengths.steps if t > noise_levels), default=0)
    held = chosen.validation or 0
    levels = [(chosen.draws * noise_levels, n) for n in (images, chosen.fit_images, held)]
    levels.append((chosen.draws * finest, chosen.lengths.images))
    if chosen.curve:
        points = len(spec.curve_steps(study, run.cell)) + 1
        levels += [  # one draw each
            (points * chosen.curve.steps, n) for n in (chosen.curve.images, chosen.fit_images)
        ]
    slopes = 4 * (2 * ode.images * ode.steps + min(STEP_CHECK, ode.images) * (ode.steps // 2))
    seen = sum(calls * n for calls, n in levels) + ode.images + slopes
    seen += forms.images * forms.draws * (noise_levels - 1)
    calls = sum(calls * rows(n) for calls, n in levels) + rows(ode.images)
    calls += noise_levels - 1 + 4 * (2 * rows(ode.images) * ode.steps + ode.steps // 2)
    total = seen * each + calls * shared
    total += chosen.draws * noise_levels * (images * labelled + rows(images) * common)
    return total + slopes * (ode.probes or math.prod(manifest.shape)) * back
