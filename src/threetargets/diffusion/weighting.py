"""Loss weights lambda(i) on |eps - eps^|^2: three, because "the simple loss" is a different loss
for each target.

native: unweighted error in the target's own space; eps-equivalent: L_simple of Ho et al. 2020 for
every target;
elbo: the bound's own term for the fixed-small variance, 1/2 (SNR_{i-1} - SNR_i) |x0 - x0^|^2, which
in eps units is 1/2 expm1(l_{i-1} - l_i); for another variance the bound has this times C_i /
sigma_i^2, and a constant. Adding one: a function and a line in WEIGHTINGS.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.schedule import Table
from threetargets.diffusion.target import Target

Weighting = Callable[[Target, Table, Tensor], Tensor]


def native(target: Target, table: Table, i: Tensor) -> Tensor:
    """eps_scale(i)^2: {x0: s^2/a^2, eps: 1, score: 1/s^2, v: 1/a^2}."""
    return target.eps_scale(*signal_noise(table.log_snr[i])) ** 2


def eps_equivalent(target: Target, table: Table, i: Tensor) -> Tensor:
    """1 for every target and noise level."""
    return torch.ones_like(table.log_snr[i])


def v_equivalent(target: Target, table: Table, i: Tensor) -> Tensor:
    """1 / a_i^2 = 1 + exp(-l_i): the squared error of v = a eps - s x0 for every target (Salimans &
    Ho 2022, arXiv:2202.00512; the loss of Li & He 2025, arXiv:2511.13720, up to its schedule)."""
    return 1.0 + torch.exp(-table.log_snr[i])


def elbo(target: Target, table: Table, i: Tensor) -> Tensor:
    """1/2 (SNR_{i-1} - SNR_i) s_i^2 / a_i^2 = 1/2 expm1(l_{i-1} - l_i), for i >= 2.

    At i = 1 the bound's term is the decoder, not a squared error: ValueError.
    """
    if i.device.type == "cpu" and bool((i < 2).any()):  # the check would wait for a GPU
        raise ValueError("the elbo weight is defined for i >= 2; the term of i = 1 is the decoder")
    return 0.5 * torch.expm1(table.log_snr[i - 1] - table.log_snr[i])


WEIGHTINGS: dict[str, Weighting] = {
    "native": native,
    "eps-equivalent": eps_equivalent,
    "v-equivalent": v_equivalent,
    "elbo": elbo,
}
