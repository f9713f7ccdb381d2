"""Floating-point operations of a diffusion model beyond its training."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from threetargets.data.read import Manifest
from threetargets.diffusion.guidance import conditional
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.sampler import sample
from threetargets.diffusion.target import Prediction
from threetargets.families.build import build
from threetargets.families.counted import counted
from threetargets.families.diffusion.likelihood import STEP_CHECK
from threetargets.families.diffusion.model import Ddpm
from threetargets.families.diffusion.sampling import grid_of, guided, step_of
from threetargets.likelihood.ode import hutchinson
from threetargets.pipeline.cells import Run
from threetargets.pipeline.jobs import gammas, guidances, guide_of
from threetargets.study.schema import Study


def _model(study: Study, manifest: Manifest, run: Run) -> Ddpm:
    model = build(study, manifest, run).eval()
    assert isinstance(model, Ddpm)
    return model


def evaluations(study: Study, run: Run) -> int:
    """How often the sampler asks the predictor for one image."""
    calls, x = 0, torch.zeros(1, 1)

    def predictor(x_t: Tensor, log_snr: Tensor) -> Prediction:
        nonlocal calls
        calls += 1
        return Prediction(x_t, x_t)

    sample(predictor, step_of(study, run), grid_of(study, run), x, lambda: x)
    return calls


def sampling(study: Study, manifest: Manifest, run: Run) -> float:
    """Of all sample sets of one run."""
    model, images = _model(study, manifest, run), study.sampling.images
    label = torch.zeros(1, dtype=torch.int64)
    total, known, calls = 0.0, dict[tuple[str, bool], float](), evaluations(study, run)
    for guidance in guidances(study, run):
        by = guide_of(run, guidance)
        guide: nn.Module | None = build(study, manifest, by).eval() if by else None
        for gamma in map(float, gammas(study, guidance)):
            # A classifier is not asked at gamma = 0; else gamma changes no cost.
            kind = (guidance, gamma == 0)
            if kind not in known:
                predictor = guided(model, guide, label, guidance, gamma)
                known[kind] = _one_call(manifest, model, predictor)
            total += images * calls * known[kind]
    return total


def _one_call(manifest: Manifest, model: Ddpm, predictor: Predictor) -> float:
    """Of a predictor for one image."""
    x = torch.zeros(1, *manifest.shape, dtype=torch.float64)
    with torch.no_grad():
        return counted(lambda: predictor(x, model.table.log_snr[1]))


def likelihood(study: Study, manifest: Manifest, run: Run) -> float:
    """Bounds with and without labels and at other lengths; two forms; two densities by the ODE, and
    one of them again with half the steps. A slope of the ODE is a forward pass and one backward
    pass for each probe or dimension."""
    model = _model(study, manifest, run)
    chosen, noise_levels, ode = study.likelihood, model.table.steps, study.likelihood.ode
    images = chosen.images or study.data.split.test
    predictor = conditional(model.conditional, torch.zeros(1, dtype=torch.int64))
    forward = _one_call(manifest, model, predictor)

    def function(x: Tensor) -> Tensor:
        return predictor(x, model.table.log_snr[1]).eps

    x = torch.zeros(1, *manifest.shape, dtype=torch.float64)
    back = counted(lambda: hutchinson(x[None])(function, x)) - forward
    slope = forward + (ode.probes or math.prod(manifest.shape)) * back
    lengths = sum(chosen.lengths.steps) * (chosen.lengths.images + chosen.fit_images)
    calls = chosen.draws * (noise_levels * (2 * images + chosen.fit_images) + lengths)
    calls += chosen.forms.images * chosen.forms.draws * (2 * noise_levels - 1) + ode.images
    slopes = 4 * (2 * ode.images * ode.steps + min(STEP_CHECK, ode.images) * (ode.steps // 2))
    return calls * forward + slopes * slope
