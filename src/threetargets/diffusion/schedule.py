"""Noise schedules: log-SNR as a decreasing function of t in [0, 1], within a stated range, in
float64.

A schedule is one method, `log_snr(t)`. `table(schedule, T)` is the discrete process with T steps,
index 0 clean. Adding one: a frozen dataclass with `log_snr` and an entry in SCHEDULES.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from threetargets.diffusion.kernel import signal_noise


class Schedule(Protocol):
    @property
    def log_snr_max(self) -> float: ...

    @property
    def log_snr_min(self) -> float: ...

    def log_snr(self, t: Tensor) -> Tensor:
        """log(a^2 / s^2) at t, float64: log_snr_max at t = 0, log_snr_min at t = 1."""
        ...


@dataclass(frozen=True)
class Cosine:
    """a = cos(theta), s = sin(theta) with theta linear in t, so log-SNR = -2 log tan(theta).

    Nichol & Dhariwal 2021, arXiv:2102.09672; the ends are cut at the stated range instead of
    clipping betas.
    """

    log_snr_max: float
    log_snr_min: float

    def log_snr(self, t: Tensor) -> Tensor:
        first, last = (
            math.atan(math.exp(-self.log_snr_max / 2)),
            math.atan(math.exp(-self.log_snr_min / 2)),
        )
        return -2.0 * torch.log(torch.tan(first + (last - first) * t.double()))


@dataclass(frozen=True)
class Linear:
    """-log abar = b0 u + (b1 - b0) u^2 / 2 with b0 = 0.1, b1 = 20: beta linear in time u (Ho et al.
    2020; Song et al. 2021).

    u runs over the interval on which log-SNR = -log expm1(-log abar) covers the stated range.
    """

    log_snr_max: float
    log_snr_min: float
    beta_start: float = 0.1
    beta_end: float = 20.0

    def _time(self, log_snr: float) -> float:
        slope = self.beta_end - self.beta_start
        target = math.log1p(math.exp(-log_snr))
        return (
            2.0 * target / (self.beta_start + math.sqrt(self.beta_start**2 + 2.0 * slope * target))
        )

    def log_snr(self, t: Tensor) -> Tensor:
        first, last = self._time(self.log_snr_max), self._time(self.log_snr_min)
        u = first + (last - first) * t.double()
        return -torch.log(
            torch.expm1(self.beta_start * u + (self.beta_end - self.beta_start) * u**2 / 2)
        )


@dataclass(frozen=True)
class LogLinear:
    """log-SNR linear in t: every step contributes the same weight to the bound."""

    log_snr_max: float
    log_snr_min: float

    def log_snr(self, t: Tensor) -> Tensor:
        return self.log_snr_max + (self.log_snr_min - self.log_snr_max) * t.double()


SCHEDULES: dict[str, type[Cosine] | type[Linear] | type[LogLinear]] = {
    "cosine": Cosine,
    "linear": Linear,
    "log-linear": LogLinear,
}


@dataclass(frozen=True)
class Table:
    """log-SNR of x_0 .. x_T, shape (T + 1,), float64. Index 0 is clean data: log_snr[0] = inf, a_0
    = 1, s_0 = 0."""

    log_snr: Tensor

    def __post_init__(self) -> None:
        if self.log_snr.ndim != 1 or len(self.log_snr) < 2 or not torch.isposinf(self.log_snr[0]):
            raise ValueError("a table needs log-SNRs of x_0 .. x_T, infinite at 0")
        if not bool((self.log_snr.diff() < 0).all()):
            raise ValueError("log-SNR must fall from each index to the next")
        if torch.isneginf(self.log_snr[-1]):
            raise ValueError(
                "zero terminal SNR: from x_T alone neither eps nor score give x0; use a finite "
                "log-SNR"
            )

    @property
    def steps(self) -> int:
        """T."""
        return len(self.log_snr) - 1

    @property
    def a(self) -> Tensor:
        return signal_noise(self.log_snr)[0]

    @property
    def s(self) -> Tensor:
        return signal_noise(self.log_snr)[1]


def table(schedule: Schedule, steps: int) -> Table:
    """The discrete process x_0 .. x_T with log_snr[i] = schedule.log_snr(i / T) for i >= 1 and x_0
    clean."""
    t = torch.arange(1, steps + 1, dtype=torch.float64) / steps
    return Table(torch.cat([torch.tensor([math.inf], dtype=torch.float64), schedule.log_snr(t)]))


def table_of_betas(betas: Tensor) -> Table:
    """The table of 1 - alpha_i = betas[i - 1] (Ho et al. 2020): log abar = sum log1p(-beta),
    log-SNR = -log expm1(-log abar)."""
    log_abar = torch.log1p(-betas.double()).cumsum(0)
    return Table(
        torch.cat(
            [torch.tensor([math.inf], dtype=torch.float64), -torch.log(torch.expm1(-log_abar))]
        )
    )
