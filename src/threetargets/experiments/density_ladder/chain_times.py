"""How many sweeps a chain takes to a fresh sample."""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.experiments.density_ladder.boltzmann import Machine

WINDOW = 5.0
"""The sum over lags ends at this many of its own value (Sokal 1997)."""
SHARE = 4
"""The longest lag is the length of the chains over this."""


def walked(
    machine: Machine, v: Tensor, burn_in: int, sweeps: int, source: torch.Generator
) -> Tensor:
    """The states after each sweep but the first `burn_in`, (sweeps, N, D)."""
    kept = []
    for step in range(burn_in + sweeps):
        v = machine.sweep(v, source)
        if step >= burn_in:
            kept.append(v)
    return torch.stack(kept)


def autocorrelation(states: Tensor) -> Tensor:
    """rho(t) = sum_d Cov(x_d(s), x_d(s + t)) / sum_d Var(x_d) of states (T, N, D), t = 0 .. T / 4,
    about the mean of all chains: of chains that stay apart it does not fall."""
    length, lags = len(states), len(states) // SHARE
    centred = states - states.mean((0, 1))
    total = torch.zeros(lags + 1, dtype=torch.float64)
    for chain in centred.unbind(1):
        power = torch.fft.rfft(chain, n=2 * length, dim=0).abs().square()
        total += torch.fft.irfft(power, dim=0)[: lags + 1].sum(1).double()
    total /= length - torch.arange(lags + 1)
    return total / total[0]


def integrated(rho: Tensor) -> float:
    """1 + 2 sum rho(t): the variance of a mean along the chain is so many times that of a mean of
    independent draws. The sum ends at the first t >= WINDOW times itself; where none is, with the
    last lag, and is then too small."""
    sums = 2 * rho.cumsum(0) - 1
    lags = torch.arange(len(rho))
    ends = torch.nonzero(lags >= WINDOW * sums)
    return float(sums[int(ends[0]) if len(ends) else -1])
