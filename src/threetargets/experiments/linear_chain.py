"""An encoder that is fixed and linear Gaussian, by the weights and variances of its steps; and what
the best decoders of Gaussian data then lack.

q(z_l | z_{l-1}) = N(w_l z_{l-1}, v_l I), l = 1 .. L, z_0 = x. Nothing is asked of w and v: a
diffusion's chain is one of these. What follows from them is had by recursion and by Bayes' rule,
not from log-SNR as in diffusion/kernel.py, so that the two can be held against each other.

A bound exceeds the entropy of x by KL(q(x, z) || p(x, z)), x in q drawn from the data; cut from the
top this is sum_l E KL(q(z_{l-1} | z_l) || p(z_{l-1} | z_l)) + KL(q(z_L) || p(z_L)). For x ~ N(0, C)
q(z_{l-1} | z_l) is Gaussian, with a covariance S_l that does not depend on z_l: of decoders N(mean,
sigma_l^2 I) the best has the exact mean and sigma_l^2 = tr S_l / D, and what is left is D/2 log
sigma_l^2 - 1/2 log det S_l.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from threetargets.diffusion.kernel import Posterior, transition_variance
from threetargets.diffusion.schedule import Table


@dataclass(frozen=True)
class Chain:
    """weights and variances: w and v, (L,), float64."""

    weights: Tensor
    variances: Tensor

    @property
    def steps(self) -> int:
        """L."""
        return len(self.weights)

    @property
    def marginal(self) -> tuple[Tensor, Tensor]:
        """a and s^2 of q(z_l | x) = N(a_l x, s_l^2 I), (L + 1,); at 0 they are of x itself."""
        a, spread = [torch.ones((), dtype=torch.float64)], [torch.zeros((), dtype=torch.float64)]
        for w, v in zip(self.weights, self.variances, strict=True):
            a.append(w * a[-1])
            spread.append(w**2 * spread[-1] + v)
        return torch.stack(a), torch.stack(spread)

    @property
    def posterior(self) -> Posterior:
        """q(z_{l-1} | x, z_l) = N(A_l x + B_l z_l, C_l I), each (L,): A = a_{l-1} v_l / s_l^2, B =
        w_l s_{l-1}^2 / s_l^2, C = s_{l-1}^2 v_l / s_l^2."""
        a, spread = self.marginal
        before, after = spread[:-1], spread[1:]
        share = self.variances / after
        return Posterior(a[:-1] * share, self.weights * before / after, before * share)

    def noised(self, x: Tensor, noise: Tensor) -> Tensor:
        """A draw of each z_l given x (N, D), apart from the others: noise and result (L, N, D)."""
        a, spread = (v[1:].view(-1, 1, 1).to(x) for v in self.marginal)
        return a * x + spread.sqrt() * noise


def of_table(table: Table) -> Chain:
    """The chain of a diffusion's table: w_i^2 = alpha_i, v_i = 1 - alpha_i."""
    variances = transition_variance(table.log_snr[:-1], table.log_snr[1:])
    return Chain((1.0 - variances).sqrt(), variances)


def covariance(size: int, source: torch.Generator) -> Tensor:
    """Of as many correlated numbers, drawn at random, of mean variance 1; (D, D), float64."""
    root = torch.randn(size, size, dtype=torch.float64, generator=source)
    made = root @ root.T + 0.1 * size * torch.eye(size, dtype=torch.float64)
    return made * size / made.trace()


def isotropic(variances: Tensor) -> Tensor:
    """KL from a Gaussian of these variances to the nearest isotropic one of its mean."""
    return 0.5 * (len(variances) * variances.mean().log() - variances.log().sum())


def chain_gap(data: Tensor, chain: Chain, standard: bool) -> float:
    """By what the best bound on -log p(x) with that encoder exceeds the entropy of x ~ N(0, data),
    nats; p(z_L) is N(0, I), or the nearest diagonal Gaussian."""
    values, (a, spread) = torch.linalg.eigvalsh(data), chain.marginal
    gap, before = torch.zeros((), dtype=torch.float64), values
    for level, v in enumerate(chain.variances, 1):
        after = a[level] ** 2 * values + spread[level]
        gap, before = gap + isotropic(before * v / after), after
    last = a[-1] ** 2 * data.diagonal() + spread[-1]
    if standard:
        gap = gap + 0.5 * (before - 1 - before.log()).sum()
    else:
        gap = gap + 0.5 * (last.log().sum() - before.log().sum())
    return float(gap)
