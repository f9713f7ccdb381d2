"""The bound's other form, which compares q(x_i | x_{i-1}) with p(x_i | x_{i+1}): right on average,
and noisier.

-log p(x_0) <= E[KL(q(x_T | x_{T-1}) || N(0, I))] + sum_{i=1..T-1} E[log q(x_i | x_{i-1}) - log
p(x_i | x_{i+1})] + L_0, over q(x_{i-1}, x_i, x_{i+1} | x_0) (Luo 2022, arXiv:2208.11970, on
variational diffusion models). Its terms take draws of (x_{i-1}, x_{i+1}), where L_{i-1} of
likelihood.bound takes one of x_i: between the two x_i is Gaussian, and the log ratio is averaged
over it in closed form. Writing the middle terms as E KL(q(x_i | x_{i-1}) || p(x_i | x_{i+1})) over
q(x_{i-1}, x_{i+1} | x_0), as the source goes on to do, changes the
number: x_{i+1} is drawn given x_i, so that q(x_i | x_{i-1}) is not the law of x_i once x_{i+1} is
known. `divergences` computes that form, for the difference to be seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from threetargets.diffusion.kernel import add_noise, posterior, transition_variance
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import Table
from threetargets.likelihood.bound import reverse_variance
from threetargets.likelihood.gaussian import kl_isotropic, total
from threetargets.streams import generator


@dataclass(frozen=True)
class TwoSided:
    """Nats for N examples: the last step's KL (N,), and for i = 1..T-1 the log ratios, averaged
    over x_i given both its neighbours, and the divergences (N, T-1). squared (N, T-1):
    |x_0 - x0^(x_{i+1})|^2 at the same draws, of which likelihood.bound.denoising_terms makes the
    usual form, so that both take the same network calls."""

    last: Tensor
    ratios: Tensor
    divergences: Tensor
    squared: Tensor


def two_sided_terms(
    predictor: Predictor, table: Table, x0: Tensor, variance: str, *, seed: int
) -> TwoSided:
    """One draw of the terms for x0 (N, ...) in [-1, 1], float64. The decoder's term L_0 is that of
    likelihood.bound."""
    x0 = x0.double()
    dims, steps = x0[0].numel(), table.steps
    terms: dict[str, list[Tensor]] = {"ratios": [], "divergences": [], "squared": []}
    with torch.no_grad():
        for i in range(1, steps):
            source = generator(seed, "two-sided", i)
            before, after = _neighbours(table, x0, i, source)
            mean, std = _forward(table, before, i)
            index = torch.tensor(i + 1, device=x0.device)
            q = posterior(table.log_snr[i], table.log_snr[i + 1])
            x0_hat = predictor(after, table.log_snr[i + 1]).x0
            terms["squared"].append(total((x0_hat - x0) ** 2))
            guess = q.A * x0_hat + q.B * after
            sigma2 = reverse_variance(table, index, variance)
            here, spread = _between(table, mean, std**2, after, i)
            log_q = -0.5 * (
                dims * (std**2).log() + (total((here - mean) ** 2) + dims * spread) / std**2
            )
            log_p = -0.5 * (
                dims * sigma2.log() + (total((here - guess) ** 2) + dims * spread) / sigma2
            )
            terms["ratios"].append(log_q - log_p)
            terms["divergences"].append(
                kl_isotropic(total((mean - guess) ** 2), std**2, sigma2, dims)
            )
        before = _noisy(table, x0, steps - 1, generator(seed, "two-sided", steps))
        mean, std = _forward(table, before, steps)
        last = 0.5 * (dims * (std**2 - 1 - 2 * std.log()) + total(mean**2))
    return TwoSided(last, **{name: torch.stack(terms[name], 1) for name in terms})


def _noisy(table: Table, x0: Tensor, i: int, source: torch.Generator) -> Tensor:
    """A draw of q(x_i | x_0); x_0 itself for i = 0."""
    noise = torch.randn(x0.shape, generator=source, dtype=torch.float64).to(x0)
    return add_noise(x0, noise, table.log_snr[i])


def _forward(table: Table, x: Tensor, i: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of q(x_i | x_{i-1})."""
    variance = transition_variance(table.log_snr[i - 1], table.log_snr[i])
    return math.sqrt(1.0 - float(variance)) * x, variance.sqrt()


def _between(
    table: Table, mean: Tensor, variance: Tensor, after: Tensor, i: int
) -> tuple[Tensor, Tensor]:
    """Mean and variance of x_i given both neighbours: N(mean, variance) by the one before, and the
    step to x_{i+1}."""
    step = transition_variance(table.log_snr[i], table.log_snr[i + 1])
    spread = 1.0 / (1.0 / variance + (1.0 - step) / step)
    return spread * (mean / variance + (1.0 - step).sqrt() * after / step), spread


def _neighbours(table: Table, x0: Tensor, i: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """A draw of (x_{i-1}, x_{i+1}) given x_0, along the chain."""
    chain = [_noisy(table, x0, i - 1, source)]
    for j in (i, i + 1):
        mean, std = _forward(table, chain[-1], j)
        chain.append(
            mean + std * torch.randn(x0.shape, generator=source, dtype=torch.float64).to(x0)
        )
    return chain[0], chain[2]
