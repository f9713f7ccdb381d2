"""Figures of the probability-flow ODE of a diffusion model."""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.data.read import Manifest
from threetargets.diffusion.predictor import Predictor
from threetargets.families.diffusion import spec
from threetargets.families.diffusion.model import Ddpm
from threetargets.families.measured import batches, likelihood_figure
from threetargets.likelihood.bound import LEARNED
from threetargets.likelihood.ode import (
    decoded_log_prob,
    exact_trace,
    hutchinson,
    level_log_prob,
    rademacher,
)
from threetargets.pipeline.cells import Run
from threetargets.pipeline.records import Figure
from threetargets.streams import generator
from threetargets.study.schema import Study

STEP_CHECK = 50
"""Images on which the ODE is solved again with half the steps."""


def ode_figures(
    study: Study,
    manifest: Manifest,
    run: Run,
    predictor: Predictor,
    model: Ddpm,
    images: Tensor,
    fitted: Tensor,
) -> list[Figure]:
    """-log P by the probability-flow ODE: of the uniformly dequantised image (ode), and of a draw
    of x_1 with the reported bound's own decoder behind it (ode_decoder); and what halving the
    solver's steps changes. fitted (T,): of that decoder.

    The same noise and probes for every model of a seed, so that they are compared in pairs.
    """
    chosen, levels = study.likelihood.ode, images[: study.likelihood.ode.images]
    table = model.table
    high, low = float(table.log_snr[1]), float(table.log_snr[-1])
    source = generator(run.seed, "ode")
    u = torch.rand(levels.shape, generator=source, dtype=torch.float64).to(levels.device)
    eps = torch.randn(levels.shape, generator=source, dtype=torch.float64).to(levels.device)
    probes = rademacher(max(1, chosen.probes), tuple(levels.shape), source).to(levels.device)

    def solve(rows: slice, steps: int) -> Tensor:
        trace = hutchinson(probes[:, rows]) if chosen.probes else exact_trace
        return -level_log_prob(
            predictor, levels[rows], u[rows], manifest.levels, high, low, steps, trace
        )

    def decoded(rows: slice) -> Tensor:
        trace = hutchinson(probes[:, rows]) if chosen.probes else exact_trace
        chosen_process = spec.process(study, run.cell)
        fixed = chosen_process.bound_variance in LEARNED  # its decoder has a width for each pixel
        variance = chosen_process.variance if fixed else chosen_process.bound_variance
        count = manifest.levels
        return -decoded_log_prob(
            predictor, levels[rows], eps[rows], table, variance, count, chosen.steps, trace, fitted
        )

    rows = batches(len(levels), study.likelihood.batch)
    nats = torch.cat([solve(r, chosen.steps) for r in rows])
    check = slice(0, min(STEP_CHECK, len(levels)))
    return [
        likelihood_figure(manifest, "ode", nats),
        likelihood_figure(manifest, "ode_decoder", torch.cat([decoded(r) for r in rows])),
        likelihood_figure(
            manifest,
            "ode_half_steps_difference",
            (solve(check, chosen.steps // 2) - nats[check]).abs(),
        ),
    ]
