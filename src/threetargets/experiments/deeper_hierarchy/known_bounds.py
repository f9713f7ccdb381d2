"""Gaussian data, x ~ N(0, C): what the best hierarchy of each rung lacks to log p(x), in closed
form; and the last rung's by draws.

With a fixed encoder it is experiments/linear_chain.py's. With a learned one the best p(x) is that
of probabilistic PCA, whatever L (Tipping & Bishop 1999): each level above the first can keep its
law, and a diagonal q then is the posterior.
"""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.diffusion.schedule import Table
from threetargets.experiments.deeper_hierarchy.spec import RUNGS
from threetargets.experiments.linear_chain import chain_gap, isotropic, of_table
from threetargets.likelihood.gaussian import kl_isotropic
from threetargets.oracles import Gaussian


def pca_gap(data: Tensor, latent: int) -> float:
    """-E log p(x) less the entropy of probabilistic PCA with so many latents, nats."""
    return float(isotropic(torch.linalg.eigvalsh(data)[: len(data) - latent]))


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
