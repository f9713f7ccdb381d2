"""The diffusion bound, term by term: -log p(x_0) <= L_T + sum_{i=2..T} L_{i-1} + L_0, in nats per example.

L_T = KL(q(x_T | x_0) || N(0, I)); L_{i-1} = E KL(q(x_{i-1} | x_0, x_i) || p(x_{i-1} | x_i)); L_0 = -E log p(x_0 | x_1).
(Sohl-Dickstein et al. 2015, arXiv:1503.03585; Ho et al. 2020, arXiv:2006.11239, eq. 5.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from threetargets.diffusion.kernel import add_noise, like, posterior, transition_variance
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import Table
from threetargets.levels import centres
from threetargets.likelihood.decoders import gaussian_log_mass
from threetargets.likelihood.gaussian import kl_isotropic, kl_to_standard, total
from threetargets.streams import generator

VARIANCES = ("fixed-small", "fixed-large", "fixed-large-override")


def reverse_variance(table: Table, i: Tensor, variance: str) -> Tensor:
    """sigma_i^2 of p(x_{i-1} | x_i), shape of i, float64; at i = 1 it is the width of the decoder.

    fixed-small: C_i, and C_2 at i = 1, where C_1 = 0. fixed-large: 1 - alpha_i. fixed-large-override: 1 - alpha_i,
    and C_2 at i = 1, which published code uses for a better decoder term (Nichol & Dhariwal 2021); where the schedule's
    first steps are short, C_2 is far below 1 - alpha_1 and the override costs instead.
    """
    if variance not in VARIANCES:
        raise ValueError(f"unknown variance {variance!r}; expected one of {', '.join(VARIANCES)}")
    level = table.log_snr.to(i.device)
    large = transition_variance(level[i - 1], level[i])
    if variance == "fixed-large":
        return large
    if table.steps < 2:
        raise ValueError(f"{variance} takes two steps or more: at i = 1 it is C_2")
    j = i.clamp(min=2)
    small = posterior(level[j - 1], level[j]).C
    return small if variance == "fixed-small" else torch.where(i <= 1, small, large)


def prior_term(x0: Tensor, table: Table) -> Tensor:
    """L_T = KL(N(a_T x_0, s_T^2 I) || N(0, I)), shape (B,)."""
    a, s = table.a[-1].to(x0), table.s[-1].to(x0)
    return kl_to_standard(a * x0, torch.log(s).expand_as(x0))


def decoder_term(levels: Tensor, x0_hat: Tensor, table: Table, variance: str, count: int) -> Tensor:
    """L_0 = -log p(x_0 | x_1), p a Gaussian around x0^ of standard deviation sigma_1 integrated over the K bins,
    shape (B,)."""
    one = torch.ones((), dtype=torch.long, device=x0_hat.device)
    std = reverse_variance(table, one, variance).sqrt()
    return -total(gaussian_log_mass(levels, x0_hat, std, count))


def denoising_term(x0: Tensor, x0_hat: Tensor, table: Table, i: Tensor, variance: str) -> Tensor:
    """L_{i-1} for i >= 2: KL between the posterior with x_0 and the one with x0^, and sigma_i^2, shape (B,)."""
    q = posterior(*(table.log_snr.to(x0.device)[j] for j in (i - 1, i)))
    squared = total((like(q.A, x0) * (x0_hat - x0)) ** 2)
    return kl_isotropic(squared, q.C.to(x0), reverse_variance(table, i, variance).to(x0), x0[0].numel())


@dataclass(frozen=True)
class Bound:
    """The parts of the bound for N examples; `denoising[n, i - 2]` is L_{i-1} of example n, averaged over the draws."""

    prior: Tensor
    denoising: Tensor
    decoder: Tensor
    eps_mse: Tensor
    x0_mse: Tensor

    @property
    def nats(self) -> Tensor:
        """The bound on -log p, shape (N,)."""
        return self.prior + self.denoising.sum(1) + self.decoder


def diffusion_bound(
    predictors: list[tuple[slice, Predictor]],
    table: Table,
    levels: Tensor,
    count: int,
    variance: str,
    *,
    seed: int,
    draws: int = 1,
) -> Bound:
    """Every term of the bound, with `draws` Monte Carlo draws of x_i for each example and level.

    levels: (N, C, H, W) integers. predictors: the predictor of each batch (its labels are bound). The noise of level
    i and draw d
    is one stream over all N examples, so the batch size changes nothing. Computed in float64 around a float32 network.
    """
    x0 = centres(levels, count).double()
    n, steps = len(x0), table.steps
    terms = torch.zeros(n, steps, dtype=torch.float64)
    eps_mse, x0_mse = torch.zeros(steps, dtype=torch.float64), torch.zeros(steps, dtype=torch.float64)
    with torch.no_grad():
        for i in range(1, steps + 1):
            level = table.log_snr[i].to(x0.device)
            index = torch.tensor(i, device=x0.device)
            for draw in range(draws):
                noise = torch.randn(x0.shape, generator=generator(seed, "bound", i, draw)).to(x0)
                for rows, predictor in predictors:
                    x, eps = x0[rows], noise[rows]
                    guess = predictor(add_noise(x, eps, level), level)
                    if i == 1:
                        term = decoder_term(levels[rows], guess.x0, table, variance, count)
                    else:
                        term = denoising_term(x, guess.x0, table, index, variance)
                    terms[rows, i - 1] += term.cpu() / draws
                    eps_mse[i - 1] += (total((guess.eps - eps) ** 2).sum() / (n * x0[0].numel() * draws)).cpu()
                    x0_mse[i - 1] += (total((guess.x0 - x) ** 2).sum() / (n * x0[0].numel() * draws)).cpu()
        prior = prior_term(x0, table).cpu()
    return Bound(prior, terms[:, 1:], terms[:, 0], eps_mse, x0_mse)
