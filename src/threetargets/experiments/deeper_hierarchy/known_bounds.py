"""Gaussian data, x ~ N(0, C): what the best hierarchy of each rung lacks to log p(x), in closed
form.

A bound exceeds the entropy of x by KL(q(x, z) || p(x, z)), x in q drawn from the data; cut the
other way round this is sum_l E KL(q(z_{l-1} | z_l) || p(z_{l-1} | z_l)) + KL(q(z_L) || p(z_L)).
With a fixed encoder q(z_{l-1} | z_l) is Gaussian, with a covariance S_l that does not depend on
z_l: the best mean is exact, the best sigma_l^2 = tr S_l / D, and what is left is D/2 log sigma_l^2
- 1/2 log det S_l. With a learned one the best p(x) is that of probabilistic PCA, whatever L
(Tipping & Bishop 1999): each level above the first can keep its law, and a diagonal q then is the
posterior.
"""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.diffusion.schedule import Table
from threetargets.experiments.deeper_hierarchy.linear_chain import Chain, of_table
from threetargets.experiments.deeper_hierarchy.spec import RUNGS
from threetargets.likelihood.gaussian import kl_isotropic
from threetargets.oracles import Gaussian


def covariance(size: int, source: torch.Generator) -> Tensor:
    """Of as many correlated numbers, drawn at random, of mean variance 1; (D, D), float64."""
    root = torch.randn(size, size, dtype=torch.float64, generator=source)
    made = root @ root.T + 0.1 * size * torch.eye(size, dtype=torch.float64)
    return made * size / made.trace()


def _isotropic(variances: Tensor) -> Tensor:
    """KL from a Gaussian of these variances to the nearest isotropic one of its mean."""
    return 0.5 * (len(variances) * variances.mean().log() - variances.log().sum())


def pca_gap(data: Tensor, latent: int) -> float:
    """-E log p(x) less the entropy of probabilistic PCA with so many latents, nats."""
    return float(_isotropic(torch.linalg.eigvalsh(data)[: len(data) - latent]))


def chain_gap(data: Tensor, chain: Chain, standard: bool) -> float:
    """The same of the best bound with that encoder; p(z_L) is N(0, I), or the nearest diagonal
    Gaussian. nats."""
    values, (a, spread) = torch.linalg.eigvalsh(data), chain.marginal
    gap, before = torch.zeros((), dtype=torch.float64), values
    for level, v in enumerate(chain.variances, 1):
        after = a[level] ** 2 * values + spread[level]
        gap, before = gap + _isotropic(before * v / after), after
    last = a[-1] ** 2 * data.diagonal() + spread[-1]
    if standard:
        gap = gap + 0.5 * (before - 1 - before.log()).sum()
    else:
        gap = gap + 0.5 * (last.log().sum() - before.log().sum())
    return float(gap)


def gap(rung: str, data: Tensor, latent: int, table: Table) -> float:
    """What the best of that rung lacks, nats."""
    if rung in RUNGS[:2]:
        return pca_gap(data, latent) if rung == RUNGS[0] else 0.0
    return chain_gap(data, of_table(table), rung == RUNGS[-1])


def drawn_gap(data: Tensor, table: Table, draws: int, source: torch.Generator) -> Tensor:
    """The last rung's bound less -log p(x) at draws of x, (N,), with the exact denoiser and the
    best sigma_l: the terms of a bound as they are trained, and nothing of the closed form."""
    law, chain = Gaussian(torch.zeros(len(data)), data), of_table(table)
    x, dims = law.draw(draws, source), len(data)
    noise = torch.randn(chain.steps, *x.shape, dtype=torch.float64, generator=source)
    (a, spread), (A, _, C) = chain.marginal, chain.posterior
    bound = 0.5 * (dims * (spread[-1] - 1 - spread[-1].log()) + (a[-1] * x).square().sum(1))
    for level, z in enumerate(chain.noised(x, noise)):
        log_snr = table.log_snr[level + 1]
        squared = A[level] ** 2 * (law.predict(z, log_snr).x0 - x).square().sum(1)
        error = law.posterior(z[:1], log_snr)[1][0].trace() / dims
        own = C[level] + A[level] ** 2 * error
        if level == 0:
            bound = bound + 0.5 * (dims * torch.log(2 * torch.pi * own) + squared / own)
        else:
            bound = bound + kl_isotropic(squared, C[level], own, dims)
    return bound + law.log_density(x)
