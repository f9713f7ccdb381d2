"""Holes filled by a linear-Gaussian VAE: z by its encoder, the holes by its decoder, in turn.

p(z) = N(0, I), p(x | z) = N(W z, std^2 I). With q(z | x) = p(z | x) this is Gibbs sampling of p(z,
holes | rest); with another q its stationary law is another one (Rezende et al. 2014,
arXiv:1401.4082, appendix F), unless q's draws are accepted by Metropolis's rule (Mattei & Frellsen
2018, arXiv:1802.04826).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from threetargets.experiments.linear_gaussian import LinearGaussian


@dataclass(frozen=True)
class Vae(LinearGaussian):
    """`diagonal`: q has the posterior's mean, and of its covariance what a mean field keeps, 1 /
    diag(precision). The last `holes` numbers of x are missing."""

    holes: int
    diagonal: bool

    def encode(self, x: Tensor) -> MultivariateNormal:
        """q(z | x) of x (B, D)."""
        kept = torch.diag(self.precision.diagonal()) if self.diagonal else self.precision
        covariance = torch.linalg.inv(kept)
        return MultivariateNormal(self.posterior_mean(x), covariance, validate_args=False)

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x, z), nats, (B,)."""
        prior = Normal(0.0, 1.0).log_prob(z).sum(-1)
        return prior + Normal(z @ self.weight.T, self.std).log_prob(x).sum(-1)

    def conditional(self, seen: Tensor) -> MultivariateNormal:
        """p(holes | rest), rest (B, D - holes)."""
        full = self.covariance
        k = len(full) - self.holes
        gain = torch.linalg.solve(full[:k, :k], full[:k, k:]).T
        covariance = full[k:, k:] - gain @ full[:k, k:]
        return MultivariateNormal(seen @ gain.T, covariance, validate_args=False)


def chain(
    vae: Vae, seen: Tensor, steps: int, metropolis: bool, source: torch.Generator
) -> Iterator[Tensor]:
    """The holes (B, holes) after each step, from a decoded draw of the prior."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    count, (size, width) = len(seen), vae.weight.shape
    z = normal(count, width)
    x = torch.cat([seen, (z @ vae.weight.T + vae.std * normal(count, size))[:, -vae.holes :]], 1)
    for _ in range(steps):
        q = vae.encode(x)
        new = q.mean + normal(count, width) @ q.scale_tril[0].T
        if metropolis:
            gain = vae.log_joint(x, new) - q.log_prob(new)
            had = vae.log_joint(x, z) - q.log_prob(z)
            u = torch.rand(count, dtype=torch.float64, generator=source)
            new = torch.where((u.log() < gain - had)[:, None], new, z)
        z = new
        drawn = z @ vae.weight.T + vae.std * normal(count, size)
        x = torch.cat([seen, drawn[:, -vae.holes :]], 1)
        yield x[:, -vae.holes :]


def divergence(vae: Vae, holes: Tensor, seen: Tensor) -> float:
    """KL, nats, of a Gaussian with the mean and covariance of the errors of `holes` about the exact
    conditional mean, from the exact conditional: 0 but for the number of draws where the law is
    right."""
    exact = vae.conditional(seen)
    off = holes - exact.mean
    spread = MultivariateNormal(torch.zeros(vae.holes, dtype=off.dtype), exact.covariance_matrix[0])
    own = MultivariateNormal(off.mean(0), torch.cov(off.T).reshape(vae.holes, vae.holes))
    return float(kl_divergence(own, spread))
