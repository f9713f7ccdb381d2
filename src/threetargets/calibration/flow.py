"""Log-densities by the probability-flow ODE against densities that are known."""

from __future__ import annotations

import math

import torch

from threetargets.calibration.check_rows import Row, drawn, exact
from threetargets.calibration.densities import PLANE, tensor
from threetargets.diffusion.predictor import Predictor
from threetargets.likelihood.ode import hutchinson, log_prob, rademacher
from threetargets.oracles import Gaussian
from threetargets.streams import generator

HIGH, LOW = 14.0, -26.0
PROBES = 150


def correlated(dims: int) -> Gaussian:
    """A Gaussian whose covariance has no zeros."""
    source = generator(0, "calibrate/flow", dims)
    root = torch.randn(dims, dims, generator=source, dtype=torch.float64)
    mean = torch.randn(dims, generator=source, dtype=torch.float64)
    return Gaussian(mean, root @ root.T / dims + 0.1 * torch.eye(dims, dtype=torch.float64))


def rows() -> list[Row]:
    """Exact trace within 1e-4 nats; one fixed probe a solve is right on average, with the error it
    has."""
    table = []
    for dims in (2, 8):
        exactly = correlated(dims)
        x = exactly.draw(6, generator(0, "calibrate/flow/points", dims))
        known = exactly.log_density(x, tensor(HIGH))
        table += _compared(
            f"correlated Gaussian, {dims} dimensions", exactly.predict, x, known, 100
        )
    x, _ = PLANE.draw(8, generator(0, "calibrate/flow/points", 0))
    table += _compared(
        "mixture of three", PLANE.predict, x, PLANE.log_density(x, tensor(HIGH)), 400
    )
    return [*table, _probed()]


def _compared(
    name: str, predictor: Predictor, x: torch.Tensor, known: torch.Tensor, steps: int
) -> list[Row]:
    measured = log_prob(predictor, x, HIGH, LOW, steps)
    why = f"error of {steps} Runge-Kutta steps"
    return [
        exact(
            f"log p, {name}, mean", known.mean(), measured.mean(), 1e-4, why, n=len(x), unit="nats"
        ),
        exact(
            f"log p, {name}, largest error",
            0.0,
            (measured - known).abs().max(),
            1e-4,
            why,
            n=len(x),
            unit="nats",
        ),
    ]


def _probed() -> Row:
    """All solves in one batch: a probe stays with its copy of x."""
    exactly = correlated(8)
    x = exactly.draw(1, generator(0, "calibrate/flow/probed"))
    probes = rademacher(1, (PROBES, 8), generator(0, "calibrate/flow/probes"))
    values = log_prob(exactly.predict, x.expand(PROBES, -1), HIGH, LOW, 60, hutchinson(probes))
    return drawn(
        "log p, correlated Gaussian, 8 dimensions, one Hutchinson probe a solve",
        exactly.log_density(x, tensor(HIGH)).mean(),
        values.mean(),
        float(values.std()) / math.sqrt(PROBES),
        "probes",
        n=PROBES,
        unit="nats",
    )
