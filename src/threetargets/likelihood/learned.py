"""The reverse variance as a head of the network: Sigma(x_t, t), one number for each pixel.

log sigma_i^2 = f log(1 - alpha_i) + (1 - f) log C_i with f = (head + 1) / 2, C_2 in the place of
C_1 = 0 (Nichol & Dhariwal 2021, arXiv:2102.09672, eq. 15). It is trained by the bound's own terms
with the mean held fixed (`variance_loss`; their section 3.1).
"""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.diffusion.kernel import aligned, posterior
from threetargets.diffusion.schedule import Table
from threetargets.levels import centres
from threetargets.likelihood.bound import reverse_variance
from threetargets.likelihood.decoders import gaussian_log_mass
from threetargets.likelihood.gaussian import total


def log_variance(head: Tensor, table: Table, i: Tensor) -> Tensor:
    """log sigma_i^2 of each pixel, shape of head, float64. i: (B,), in 1..T."""
    small, large = (
        aligned(reverse_variance(table, i, fixed), head).log()
        for fixed in ("fixed-small", "fixed-large")
    )
    share = (head.double() + 1.0) / 2.0
    return share * large + (1.0 - share) * small


def terms(
    levels: Tensor, x0_hat: Tensor, head: Tensor, table: Table, i: Tensor, count: int
) -> Tensor:
    """The bound's term of each example at its noise level i (B,), nats, shape (B,): for i >= 2 the
    KL between the posterior and N(mean, diag sigma_i^2), for i = 1 the decoder's -log p(x_0 |
    x_1)."""
    x0, log_var = centres(levels, count).double(), log_variance(head, table, i)
    j = i.clamp(min=2)
    log_snr = table.log_snr.to(head.device)
    q = posterior(log_snr[j - 1], log_snr[j])
    A, C = (aligned(v, head) for v in (q.A, q.C))
    ratio = C * torch.exp(-log_var)
    shift = (A * (x0_hat.double() - x0)) ** 2 * torch.exp(-log_var)
    kl = 0.5 * total(ratio - 1.0 - torch.log(C) + log_var + shift)
    decoder = -total(gaussian_log_mass(levels, x0_hat, torch.exp(0.5 * log_var), count))
    return torch.where(i == 1, decoder, kl)


def variance_loss(
    levels: Tensor, x0_hat: Tensor, head: Tensor, table: Table, i: Tensor, count: int
) -> Tensor:
    """T times the bound's term per dimension, shape (B,), with the mean held fixed: its gradient
    reaches the head alone."""
    dims = levels[0].numel()
    return table.steps * terms(levels, x0_hat.detach(), head, table, i, count) / dims
