"""Loss weights lambda(i) on |eps - eps^|^2, because "the simple loss" is a different loss for each
target.

Each is a function (target, table, i) -> lambda, at noise levels i of a table whose levels are drawn
uniformly (another proposal is made up for by its own weights). Where a paper states a weight over
log-SNR l, as w(l) in 1/2 E over l of w(l) |eps - eps^|^2 dl (Kingma & Gao 2023, arXiv:2303.00848,
eq. 5), lambda is T w(l_i) / 2 times the interval l_{i-1} - l_i that the level stands for, so that
the mean over i is the integral. Adding one: a function and a line in WEIGHTINGS.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.schedule import Table
from threetargets.diffusion.target import Target

Weighting = Callable[[Target, Table, Tensor], Tensor]


def native(target: Target, table: Table, i: Tensor) -> Tensor:
    """eps_scale(i)^2: {x0: s^2/a^2, eps: 1, score: 1/s^2, v: 1/a^2, flow: (a + s)^2/a^2}:
    unweighted error in the target's own space."""
    return target.eps_scale(*signal_noise(table.log_snr[i])) ** 2


def eps_equivalent(target: Target, table: Table, i: Tensor) -> Tensor:
    """1 for every target and noise level: L_simple of Ho et al. 2020 (arXiv:2006.11239)."""
    return torch.ones_like(table.log_snr[i])


def x0_equivalent(target: Target, table: Table, i: Tensor) -> Tensor:
    """s_i^2 / a_i^2 = exp(-l_i): the squared error of x0 for every target, the first of the three
    losses that Li & He 2025 (arXiv:2511.13720) cross with three outputs."""
    return torch.exp(-table.log_snr[i])


def v_equivalent(target: Target, table: Table, i: Tensor) -> Tensor:
    """1 / a_i^2 = 1 + exp(-l_i): the squared error of v = a eps - s x0 for every target (Salimans &
    Ho 2022, arXiv:2202.00512; the loss of Li & He 2025, arXiv:2511.13720, up to its schedule)."""
    return 1.0 + torch.exp(-table.log_snr[i])


def elbo(target: Target, table: Table, i: Tensor) -> Tensor:
    """1/2 (SNR_{i-1} - SNR_i) s_i^2 / a_i^2 = 1/2 expm1(l_{i-1} - l_i), for i >= 2: the bound's own
    term for the fixed-small variance; for another variance the bound has this times C_i /
    sigma_i^2, and a constant.

    At i = 1 the bound's term is the decoder, not a squared error: ValueError.
    """
    if i.device.type == "cpu" and bool((i < 2).any()):  # the check would wait for a GPU
        raise ValueError("the elbo weight is defined for i >= 2; the term of i = 1 is the decoder")
    return 0.5 * torch.expm1(table.log_snr[i - 1] - table.log_snr[i])


def _interval(table: Table, i: Tensor) -> Tensor:
    """l_{i-1} - l_i, the log-SNR that noise level i stands for; at i = 1, where it is infinite,
    that of i = 2."""
    j = i.clamp(min=2)
    return table.log_snr[j - 1] - table.log_snr[j]


def min_snr(target: Target, table: Table, i: Tensor) -> Tensor:
    """min(SNR, 5) in x0 units, min(1, 5 / SNR) in eps units: eps-equivalent, with less weight on
    fine noise (Hang et al. 2023, arXiv:2303.09556, with their gamma = 5)."""
    return torch.clamp(5.0 * torch.exp(-table.log_snr[i]), max=1.0)


def sigmoid(target: Target, table: Table, i: Tensor) -> Tensor:
    """w(l) = sigmoid(2 - l) over log-SNR: the bound's weight for coarse noise, falling off for fine
    (Kingma & Gao 2023, arXiv:2303.00848, with their shift of 2)."""
    return table.steps * 0.5 * torch.sigmoid(2.0 - table.log_snr[i]) * _interval(table, i)


def edm(target: Target, table: Table, i: Tensor) -> Tensor:
    """Levels drawn as log sigma ~ N(-1.2, 1.2^2), each with unit weight on EDM's own output F
    (Karras et al. 2022, arXiv:2206.00364, table 1): w(l) / 2 = N(l; 2.4, 2.4^2) (sigma^2 + d^2) /
    d^2, with sigma^2 = exp(-l) and d the standard deviation of the data."""
    log_snr, variance = table.log_snr[i], target.data_std**2
    density = torch.exp(-0.5 * ((log_snr - 2.4) / 2.4) ** 2) / (2.4 * math.sqrt(2.0 * math.pi))
    unit = (torch.exp(-log_snr) + variance) / variance
    return table.steps * density * unit * _interval(table, i)


WEIGHTINGS: dict[str, Weighting] = {
    "native": native,
    "eps-equivalent": eps_equivalent,
    "x0-equivalent": x0_equivalent,
    "v-equivalent": v_equivalent,
    "elbo": elbo,
    "min-snr-5": min_snr,
    "sigmoid": sigmoid,
    "edm": edm,
}
