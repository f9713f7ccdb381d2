"""Noise schedules beside those of diffusion/schedule.py: one that learns, one that is tabulated."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

GAIN = 10.0
"""By which the weights are multiplied: a schedule then learns at the rate of a network."""


class Monotone(nn.Module):
    """log-SNR falls in K straight pieces, each over 1/K of t: piece k by (max - min) softmax(GAIN
    w)_k.

    Whatever w, it falls throughout and the ends are those that are given; with w = 0 it is linear
    in t. (Kingma et al. 2021, arXiv:2107.00630, have a network of positive weights.)
    """

    def __init__(self, log_snr_max: float, log_snr_min: float, pieces: int):
        super().__init__()
        self.log_snr_max, self.log_snr_min = log_snr_max, log_snr_min
        self.weights = nn.Parameter(torch.zeros(pieces, dtype=torch.float64))

    def log_snr(self, t: Tensor) -> Tensor:
        """At t in [0, 1], float64, differentiable in t and in w."""
        pieces = len(self.weights)
        falls = (self.log_snr_max - self.log_snr_min) * torch.softmax(GAIN * self.weights, 0)
        start = self.log_snr_max - torch.cat([falls.new_zeros(1), falls.cumsum(0)[:-1]])
        place = pieces * t.double()
        k = place.detach().long().clamp(0, pieces - 1)
        return start[k] - (place - k) * falls[k]


@dataclass(frozen=True)
class Tabulated:
    """log-SNR by straight lines between its values (n,), falling, at times (n,), rising from 0 to
    1; float64."""

    times: Tensor
    values: Tensor

    @property
    def log_snr_max(self) -> float:
        return float(self.values[0])

    @property
    def log_snr_min(self) -> float:
        return float(self.values[-1])

    def log_snr(self, t: Tensor) -> Tensor:
        after = torch.searchsorted(self.times, t.detach().double(), right=True)
        k = after.clamp(1, len(self.times) - 1)
        share = (t.double() - self.times[k - 1]) / (self.times[k] - self.times[k - 1])
        return self.values[k - 1] + share * (self.values[k] - self.values[k - 1])
