"""How far the exact reverse steps are from Gaussian, and what it costs a perfect denoiser, as the
process is cut into more steps."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch

from threetargets.calibration.check_rows import Row, exact
from threetargets.calibration.densities import HUMPS
from threetargets.calibration.quadrature import Array, slope
from threetargets.diffusion.schedule import SCHEDULES, Table
from threetargets.likelihood import bound
from threetargets.likelihood.bound import prior_term
from threetargets.oracles import Mixture

STEPS = (4, 8, 16, 32, 64)
ENDS = (3.0, -7.0)
GRID: Array = np.linspace(-4.5, 4.5, 1801)
"""Of x_i and of x_{i-1}: every density here is below 1e-12 of its top at the ends."""


def cut(steps: int) -> Table:
    """The cosine process cut into T = `steps`, between one and the same first and last noise level,
    so that decoder and prior stay what they are."""
    t = torch.linspace(1.0 / STEPS[-1], 1.0, steps, dtype=torch.float64)
    clean = torch.tensor([math.inf], dtype=torch.float64)
    return Table(torch.cat([clean, SCHEDULES["cosine"](*ENDS).log_snr(t)]))


class Reverse(NamedTuple):
    """p(x_{i-1} | x_i) on GRID for some x_i: weights of these (n,), log p (GRID, n)."""

    weight: Array
    log_p: Array

    @property
    def p(self) -> Array:
        """Probabilities of the grid's cells, (GRID, n)."""
        return np.asarray(np.exp(self.log_p) * (GRID[1] - GRID[0]))


def _log_density(log_snr: torch.Tensor, law: Mixture = HUMPS) -> Array:
    """log q(x_i) on the grid."""
    points = torch.from_numpy(GRID)[:, None]
    return np.asarray(law.log_density(points, log_snr))


def reverse(near: torch.Tensor, far: torch.Tensor, law: Mixture = HUMPS) -> Reverse:
    """The exact reverse kernel from log-SNR `far` to `near`: q(x_{i-1}) q(x_i | x_{i-1}),
    normalised by a sum over the grid. x_i is smooth, so that every twelfth of the grid will do."""
    width = GRID[1] - GRID[0]
    abar = [float(torch.sigmoid(v)) for v in (near, far)]
    alpha = abar[1] / abar[0]
    prior = _log_density(near, law)
    centre = GRID * math.sqrt(alpha)
    marginal = np.exp(_log_density(far, law)) * width
    kept = np.flatnonzero(marginal > 1e-10)[::12]
    joint = prior[:, None] - (GRID[kept] - centre[:, None]) ** 2 / (2 * (1 - alpha))
    log_p = joint - joint.max(0)
    log_p -= np.log(np.exp(log_p).sum(0) * width)
    return Reverse(marginal[kept] / marginal[kept].sum(), log_p)


def divergences(own: Reverse) -> Array:
    """KL of each kernel to the Gaussian of its mean and variance, nats, (n,): log(2 pi e var) / 2
    less its entropy."""
    p = own.p
    mean = GRID @ p
    variance = (GRID**2) @ p - mean**2
    entropy = -(p * own.log_p).sum(0)
    return np.asarray(0.5 * np.log(2 * math.pi * math.e * variance) - entropy)


def non_gaussian(process: Table) -> float:
    """Sum over i = 2..T of E KL(p(x_{i-1} | x_i) || its Gaussian of the same mean and variance),
    nats: what remains of the bound's excess with the best Gaussian reverse steps."""
    total = 0.0
    for i in range(2, process.steps + 1):
        own = reverse(process.log_snr[i - 1], process.log_snr[i])
        total += float(own.weight @ divergences(own))
    return total


def missed_by(process: Table, law: Mixture = HUMPS) -> torch.Tensor:
    """Mean squared error of the perfect denoiser at i = 1..T, by sums over the grid."""
    width, points = GRID[1] - GRID[0], torch.from_numpy(GRID)[:, None]
    clean = torch.tensor(math.inf)
    second = float((np.exp(_log_density(clean, law)) * GRID**2).sum() * width)
    errors = []
    for log_snr in process.log_snr[1:]:
        guess = np.asarray(law.predict(points, log_snr).x0)[:, 0]
        errors.append(second - float((np.exp(_log_density(log_snr, law)) * guess**2).sum() * width))
    return torch.tensor(errors, dtype=torch.float64)


def excess(process: Table) -> float:
    """Nats by which the bound with a perfect denoiser and the fitted reverse variance exceeds the
    entropy of HUMPS; the decoder is a density here."""
    missed = missed_by(process)
    denoising = bound.denoising_terms(missed[None, 1:], process, "optimal", 1, missed).sum()
    decoder = 0.5 * math.log(2 * math.pi * math.e * float(missed[0]))
    density = np.exp(_log_density(torch.tensor(math.inf)))
    width = GRID[1] - GRID[0]
    entropy = -float((density * np.log(density + 1e-300)).sum() * width)
    second = math.sqrt(float((density * GRID**2).sum() * width))
    end = prior_term(torch.full((1, 1), second, dtype=torch.float64), process).sum()
    return float(denoising + end) + decoder - entropy


def rows() -> list[Row]:
    """Both fall with T, and ever more slowly; the first faster than 1/T."""
    processes = {steps: cut(steps) for steps in STEPS}
    shape = {steps: non_gaussian(process) for steps, process in processes.items()}
    cost = {steps: excess(process) for steps, process in processes.items()}
    table = []
    for fewer, more in pairwise(STEPS):
        for name, values in (
            ("distance of the reverse steps from Gaussians", shape),
            ("bound of the perfect denoiser less entropy", cost),
        ):
            what = f"{name}, T = {fewer}, above that at T = {more}"
            table.append(
                exact(
                    what,
                    values[more],
                    values[fewer],
                    1e-4,
                    "error of the grid",
                    n=len(GRID),
                    unit="nats",
                    origin=f"T = {more}",
                    relation=">",
                )
            )
    gains = [cost[a] - cost[b] for a, b in zip(STEPS[-3:-1], STEPS[-2:], strict=True)]
    what = f"gain of the bound from T = {STEPS[-3]} to {STEPS[-2]}, above that of the next doubling"
    table.append(
        exact(
            what,
            gains[1],
            gains[0],
            1e-4,
            "error of the grid",
            n=len(GRID),
            unit="nats",
            origin=f"gain from T = {STEPS[-2]} to {STEPS[-1]}: it saturates",
            relation=">",
        )
    )
    order = slope({steps: shape[steps] for steps in STEPS[-3:]})
    return [*table, _order(order)]


def _order(order: float) -> Row:
    what = "order in 1/T of the distance of the reverse steps from Gaussians"
    return exact(
        what,
        1.0,
        order,
        1e-3,
        "error of the grid",
        n=3,
        origin="T steps, each nearer to a Gaussian by more than 1/T",
        relation="≥",
    )
