"""The schedule of least variance, by quadrature over log-SNR.

Let g = 1/2 |eps - eps^|^2 at log-SNR l, which falls at the speed v(l); a draw is f = v g. Then E f
= int E g dl, whatever v is, and E f^2 = int v E g^2 dl. As t takes int dl / v = 1 in all, E f^2 is
least, (int sqrt(E g^2) dl)^2, where the density of l, 1 / v, is proportional to sqrt(E g^2) (Cauchy
and Schwarz).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from threetargets.diffusion.schedule import Schedule
from threetargets.experiments.continuous_bound import placed
from threetargets.experiments.learned_schedule.monotone import Tabulated

FINE = 2001
"""log-SNRs of a closed form."""
TIMES = 20_000
LEAST = 1e-9
"""Of the largest density of log-SNR: the least that the optimal schedule has."""


@dataclass(frozen=True)
class Moments:
    """E g and E g^2 at log-SNRs `at`, each (n,), float64; `at` rises from end to end."""

    at: Tensor
    first: Tensor
    second: Tensor

    @property
    def bound(self) -> float:
        """int E g dl, nats."""
        return float(torch.trapezoid(self.first, self.at))

    @property
    def least(self) -> float:
        """The least variance of one draw, nats^2."""
        return float(torch.trapezoid(self.second.sqrt(), self.at)) ** 2 - self.bound**2

    def optimal(self) -> Tabulated:
        """The schedule that has it."""
        root = self.second.sqrt().flip(0)
        root, values = root.clamp(min=LEAST * float(root.max())), self.at.flip(0)
        parts = 0.5 * (root[1:] + root[:-1]) * -values.diff()
        times = torch.cat([parts.new_zeros(1), parts.cumsum(0)])
        return Tabulated(times / times[-1], values)

    def variance(self, schedule: Schedule) -> float:
        """Of one draw under a schedule: int v^2 E g^2 dt less the bound's square, by midpoints."""
        t = (torch.arange(TIMES, dtype=torch.float64) + 0.5) / TIMES
        log_snr, speed = (v.detach().numpy() for v in placed(schedule, t))
        second = np.interp(log_snr, self.at, self.second)
        return float((speed**2 * second).mean()) - self.bound**2


def gaussian_moments(variances: Tensor, log_snr_max: float, log_snr_min: float) -> Moments:
    """Of independent Gaussian numbers of these variances (D,), exact denoiser: eps - eps^ is
    Gaussian, of variances v = sigmoid(l + log variance); E g = sum v / 2, E g^2 = ((sum v)^2 + 2
    sum v^2) / 4."""
    at = torch.linspace(log_snr_min, log_snr_max, FINE, dtype=torch.float64)
    v = torch.sigmoid(at[:, None] + variances.log())
    return Moments(at, v.sum(1) / 2, (v.sum(1) ** 2 + 2 * v.square().sum(1)) / 4)


def gaussian_bound(variances: Tensor, log_snr_max: float, log_snr_min: float) -> float:
    """int E g dl of the same: sum 1/2 log((1 + variance e^max) / (1 + variance e^min)), nats."""
    ends = (log_snr_max + variances.log(), log_snr_min + variances.log())
    high, low = (torch.nn.functional.softplus(end) for end in ends)
    return 0.5 * float((high - low).sum())
