"""The diffusion bound, term by term: -log p(x_0) <= L_T + sum_{i=2..T} L_{i-1} + L_0, in nats per
example.

L_T = KL(q(x_T | x_0) || N(0, I)); L_{i-1} = E KL(q(x_{i-1} | x_0, x_i) || p(x_{i-1} | x_i)); L_0 =
-E log p(x_0 | x_1). (Sohl-Dickstein et al. 2015, arXiv:1503.03585; Ho et al. 2020,
arXiv:2006.11239, eq. 5.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from threetargets.diffusion.kernel import posterior, transition_variance
from threetargets.diffusion.schedule import Table
from threetargets.likelihood.decoders import gaussian_log_mass
from threetargets.likelihood.gaussian import kl_isotropic, kl_to_standard, total

VARIANCES = ("fixed-small", "fixed-large", "fixed-large-override")
FITTED = ("learned-interpolation", "optimal")
LEARNED = ("learned",)
"""By a head of the network: likelihood/learned.py."""


def reverse_variance(table: Table, i: Tensor, variance: str, mse: Tensor | None = None) -> Tensor:
    """sigma_i^2 of p(x_{i-1} | x_i), shape of i, float64; at i = 1 it is the width of the decoder.

    fixed-small: C_i, and C_2 at i = 1, where C_1 = 0. fixed-large: 1 - alpha_i.
    fixed-large-override: 1 - alpha_i, and C_2 at i = 1, which published code uses for a better
    decoder term (Nichol & Dhariwal 2021); where the schedule's first steps are short, C_2 is far
    below 1 - alpha_1 and the override costs instead.

    Two take mse (T,), the denoiser's mean squared error per dimension at i = 1..T. optimal: C_i
    + A_i^2 mse_i, the isotropic variance of least bound for i >= 2, given the means (Bao et al.
    2022, arXiv:2201.06503); with a perfect denoiser of isotropic Gaussian data it is the exact
    reverse variance. learned-interpolation: exp(v_i log(1 - alpha_i) + (1 - v_i) log C_i), v_i in
    [0, 1] of least bound (Nichol & Dhariwal 2021, arXiv:2102.09672, eq. 15, one v for each noise
    level): the optimal one, cut at fixed-small and fixed-large.
    """
    if variance not in VARIANCES + FITTED:
        raise ValueError(
            f"unknown variance {variance!r}; expected one of {', '.join(VARIANCES + FITTED)}"
        )
    log_snr = table.log_snr.to(i.device)
    large = transition_variance(log_snr[i - 1], log_snr[i])
    if variance == "fixed-large":
        return large
    if variance in FITTED:
        if mse is None:
            raise ValueError(
                f"variance {variance!r} is fitted: it takes mean squared errors by noise level"
            )
        q = posterior(log_snr[i - 1], log_snr[i])
        optimal = q.C + q.A**2 * mse.to(large)[i - 1]
        if variance == "optimal":
            return optimal
    if table.steps < 2:
        raise ValueError(f"{variance} takes two steps or more: at i = 1 it is C_2")
    j = i.clamp(min=2)
    small = posterior(log_snr[j - 1], log_snr[j]).C
    if variance == "learned-interpolation":
        return torch.clamp(optimal, torch.minimum(small, large), torch.maximum(small, large))
    return small if variance == "fixed-small" else torch.where(i <= 1, small, large)


def prior_term(x0: Tensor, table: Table) -> Tensor:
    """L_T = KL(N(a_T x_0, s_T^2 I) || N(0, I)), shape (B,)."""
    a, s = table.a[-1].to(x0), table.s[-1].to(x0)
    return kl_to_standard(a * x0, torch.log(s).expand_as(x0))


def decoder_term(
    levels: Tensor,
    x0_hat: Tensor,
    table: Table,
    variance: str,
    count: int,
    mse: Tensor | None = None,
) -> Tensor:
    """L_0 = -log p(x_0 | x_1), p a Gaussian around x0^ of standard deviation sigma_1 integrated
    over the K bins, shape (B,)."""
    # One element and not a scalar: a scalar index would be read by the host, which waits for a GPU.
    one = torch.ones(1, dtype=torch.long, device=x0_hat.device)
    std = reverse_variance(table, one, variance, mse).sqrt()
    return -total(gaussian_log_mass(levels, x0_hat, std, count))


def denoising_terms(
    squared: Tensor, table: Table, variance: str, dims: int, mse: Tensor | None = None
) -> Tensor:
    """L_{i-1} for i = 2..T, shape (B, T - 1), from squared[:, i - 2] = |x_0 - x0^(x_i)|^2: the KL
    between the posterior with x_0 and the one with x0^ and sigma_i^2. It is linear in the squared
    error, so an average of draws may be given."""
    i = torch.arange(2, table.steps + 1, device=squared.device)
    log_snr = table.log_snr.to(squared.device)
    q = posterior(log_snr[1:-1], log_snr[2:])
    return kl_isotropic(q.A**2 * squared, q.C, reverse_variance(table, i, variance, mse), dims)


@dataclass(frozen=True)
class Bound:
    """The parts of the bound for N examples; `denoising[n, i - 2]` is L_{i-1} of example n,
    averaged over the draws."""

    prior: Tensor
    denoising: Tensor
    decoder: Tensor

    @property
    def nats(self) -> Tensor:
        """The bound on -log p, shape (N,)."""
        return self.prior + self.denoising.sum(1) + self.decoder
