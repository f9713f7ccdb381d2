"""What is lost where a mean is taken in other coordinates: decode(E[z | x_t]) in the place of
E[x_0 | x_t], exact for pixels that are independent of each other.

Each pixel x_0 has a law P(k) over the K bin centres c_k, and x_t = a x_0 + s eps is a number: both
means are sums over levels, and what is expected over x_t is an integral by the trapezoid rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.schedule import Table
from threetargets.experiments.normal_targets.encodings import Scores
from threetargets.levels import centres
from threetargets.likelihood.bound import reverse_variance

REACH, FINE = 9.0, 20
"""Standard deviations of noise beyond the outermost centres, and points of the grid in one."""


@dataclass(frozen=True)
class Errors:
    """E (x_0 - x0^)^2 of a pixel at i = 1..T, mean over pixels, (T,): of the posterior mean, and of
    the decoded mean of z."""

    table: Table
    best: Tensor
    decoded: Tensor

    @property
    def bits(self) -> float:
        """By what the bound's terms of i = 2..T are larger, each with the variance that is optimal
        for its errors: sum_i 1/2 log2 of the ratio of these variances, bits/dim."""
        i = torch.arange(2, self.table.steps + 1)
        own, best = (
            reverse_variance(self.table, i, "optimal", mse) for mse in (self.decoded, self.best)
        )
        return 0.5 * float(torch.log2(own / best).sum())


def errors(scores: Scores, table: Table) -> Errors:
    """Of the law that the scores were made for, which has all levels."""
    each = [_at(scores, log_snr) for log_snr in table.log_snr[1:]]
    best, decoded = torch.tensor(each, dtype=torch.float64).unbind(1)
    return Errors(table, best, decoded)


def _at(scores: Scores, log_snr: Tensor) -> tuple[float, float]:
    """The two errors at one noise level."""
    a, s = (float(v) for v in signal_noise(log_snr))
    law, count = scores.law, scores.law.shape[1]
    x0 = centres(torch.arange(count), count).double()
    end = a * float(x0[-1]) + REACH * s
    x = torch.linspace(-end, end, math.ceil(2 * end / s * FINE) + 1, dtype=torch.float64)
    likelihood = torch.exp(-0.5 * ((x[:, None] - a * x0) / s) ** 2) / (s * math.sqrt(2 * math.pi))
    density = likelihood @ law.T  # (points, D)
    mean, square = (likelihood @ (law * v).T / density for v in (x0, x0**2))
    z = likelihood @ (law * scores.scores).T / density
    excess = (scores.decode(z) - mean) ** 2
    best, lost = ((density * v).sum(0).mean() * (x[1] - x[0]) for v in (square - mean**2, excess))
    return float(best), float(best + lost)
