"""A linear-Gaussian decoder, of which every gap is a closed form.

p(z) = N(0, I), p(x | z) = N(W z, noise^2 I). The posterior has the same precision P = I + W^T W /
noise^2 for every x and a mean linear in x: one linear encoder loses nothing by being shared. The
best mean field has variances 1 / P_ii, and falls short of log p(x) by 1/2 (sum log P_ii - log det
P).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from threetargets.experiments.amortised.inference import LogLikelihood, Q, diagonal


@dataclass(frozen=True)
class LinearDecoder:
    """W (D, d), float64."""

    weight: Tensor
    noise: float

    @property
    def precision(self) -> Tensor:
        w = self.weight
        return torch.eye(w.shape[1], dtype=w.dtype) + w.T @ w / self.noise**2

    @property
    def gap(self) -> float:
        """log p(x) less the bound of the best mean field, nats, of every x."""
        p = self.precision
        return 0.5 * float(p.diagonal().log().sum() - torch.logdet(p))

    def log_likelihood(self, x: Tensor) -> LogLikelihood:
        return lambda z: Normal(z @ self.weight.T, self.noise).log_prob(x).sum(-1)

    def log_marginal(self, x: Tensor) -> Tensor:
        w = self.weight
        covariance = w @ w.T + self.noise**2 * torch.eye(len(w), dtype=w.dtype)
        return MultivariateNormal(torch.zeros(len(w), dtype=w.dtype), covariance).log_prob(x)

    def encoder(self, x: Tensor) -> Q:
        """The best mean field, its mean by one matrix for all x."""
        p = self.precision
        mean = torch.linalg.solve(p, self.weight.T @ x.T).T / self.noise**2
        return diagonal(mean, p.diagonal().rsqrt().expand(mean.shape))
