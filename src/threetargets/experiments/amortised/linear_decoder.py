"""A linear-Gaussian decoder, of which every gap is a closed form.

p(z) = N(0, I), p(x | z) = N(W z, std^2 I). The posterior has the same precision P = I + W^T W /
std^2 for every x and a mean linear in x: one linear encoder loses nothing by being shared. The best
mean field has variances 1 / P_ii, and falls short of log p(x) by 1/2 (sum log P_ii - log det P).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from threetargets.experiments.amortised.inference import LogLikelihood, Q, diagonal
from threetargets.experiments.linear_gaussian import LinearGaussian


@dataclass(frozen=True)
class LinearDecoder(LinearGaussian):
    """With its likelihoods, its gap, and the encoder that loses nothing by being shared."""

    @property
    def gap(self) -> float:
        """log p(x) less the bound of the best mean field, nats, of every x."""
        p = self.precision
        return 0.5 * float(p.diagonal().log().sum() - torch.logdet(p))

    def log_likelihood(self, x: Tensor) -> LogLikelihood:
        return lambda z: Normal(z @ self.weight.T, self.std).log_prob(x).sum(-1)

    def log_marginal(self, x: Tensor) -> Tensor:
        centre = torch.zeros(len(self.weight), dtype=self.weight.dtype)
        return MultivariateNormal(centre, self.covariance).log_prob(x)

    def encoder(self, x: Tensor) -> Q:
        """The best mean field, its mean by one matrix for all x."""
        mean = self.posterior_mean(x)
        return diagonal(mean, self.precision.diagonal().rsqrt().expand(mean.shape))
