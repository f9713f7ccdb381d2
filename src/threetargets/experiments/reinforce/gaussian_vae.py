"""A linear-Gaussian VAE whose bound over Gaussian data is a closed form.

p(z) = N(0, I), p(x | z) = N(W z, sigma^2 I), q(z | x) = N(V x, diag(s^2)); data N(0, C). Where C =
W* W*^T + sigma*^2 I the best bound is minus the entropy of the data: z may be turned until the
posterior is diagonal (Tipping & Bishop 1999).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from threetargets.experiments.reinforce.estimators import RunningMean, leave_one_out, score
from threetargets.streams import generator, key


class LinearVae(nn.Module):
    """W and V begin at a tenth of standard normal numbers, the deviations at 1."""

    def __init__(self, size: int, latent: int, seed: int):
        super().__init__()
        source = torch.Generator().manual_seed(key(seed, "reinforce/init"))
        self.decoder = nn.Parameter(0.1 * torch.randn(size, latent, generator=source))
        self.encoder = nn.Parameter(0.1 * torch.randn(latent, size, generator=source))
        self.log_s = nn.Parameter(torch.zeros(latent))
        self.log_sigma = nn.Parameter(torch.zeros(()))

    def log_p(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x, z), nats, over the last dimension."""
        made = Normal(z @ self.decoder.T, self.log_sigma.exp())
        return made.log_prob(x).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1)

    def posterior(self, x: Tensor) -> Normal:
        return Normal(x @ self.encoder.T, self.log_s.exp())

    def elbo(self, covariance: Tensor) -> Tensor:
        """E [log p(x, z) - log q(z | x)] over N(0, C) and q, nats, ()."""
        w, v, c = self.decoder.double(), self.encoder.double(), covariance.double()
        s2, sigma2 = (2 * self.log_s.double()).exp(), (2 * self.log_sigma.double()).exp()
        code = v @ c @ v.T + torch.diag(s2)
        miss = torch.trace(c) - 2 * torch.trace(w @ v @ c) + torch.trace(w @ code @ w.T)
        fit = -0.5 * (miss / sigma2 + len(c) * torch.log(2 * math.pi * sigma2))
        kl = 0.5 * (torch.trace(code) - len(s2) - torch.log(s2).sum())
        bound: Tensor = fit - kl
        return bound


class Law:
    """N(0, C) with C = W* W*^T + noise^2 I, W* of standard normal numbers."""

    def __init__(self, size: int, latent: int, noise: float, seed: int):
        source = generator(seed, "reinforce/law")
        weight = torch.randn(size, latent, dtype=torch.float64, generator=source)
        self.covariance = weight @ weight.T + noise**2 * torch.eye(size, dtype=torch.float64)
        self.root = torch.linalg.cholesky(self.covariance).float()

    @property
    def best(self) -> float:
        """The highest bound: minus the entropy."""
        return -0.5 * float(torch.logdet(2 * math.pi * math.e * self.covariance))

    def draw(self, count: int, source: torch.Generator) -> Tensor:
        return torch.randn(count, len(self.root), generator=source) @ self.root.T


def objective(
    model: LinearVae,
    law: Law,
    how: str,
    draws: int,
    source: torch.Generator,
    running: RunningMean | None = None,
) -> Tensor:
    """One of GAUSSIAN with so many draws of z, one for each of as many x; two for each of half as
    many where one is left out."""
    twice = how == "leave-one-out"
    x = law.draw(draws // 2 if twice else draws, source)
    x = x.expand(2, *x.shape) if twice else x
    q = model.posterior(x)
    noise = torch.randn(q.loc.shape, generator=source)
    if how == "closed-divergence":
        made = Normal((q.loc + q.scale * noise) @ model.decoder.T, model.log_sigma.exp())
        apart = 0.5 * (q.loc.square() + q.scale.square() - 1) - model.log_s
        return (made.log_prob(x).sum(-1) - apart.sum(-1)).mean()
    if how == "reparameterised":
        z = q.loc + q.scale * noise
        return (model.log_p(x, z) - q.log_prob(z).sum(-1)).mean()
    z = (q.loc + q.scale * noise).detach()
    log_p, log_q = model.log_p(x, z), q.log_prob(z).sum(-1)
    if twice:
        return leave_one_out(log_p, log_q)
    return running(log_p, log_q) if running else score(log_p, log_q)
