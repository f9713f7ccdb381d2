"""The gradient of log p(x) as a ratio of integrals (001, 12.2.2), both by the same k draws of z.

grad log p(x) = int p(z) grad p(x | z) dz / int p(z) p(x | z) dz. With z one of M states the mean of
the ratio of two sums over k draws is itself a sum, over how often each state was drawn.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor


def counts(draws: int, states: int) -> Tensor:
    """Every way to draw `draws` times from `states`, as numbers of each, (C, M), float64."""
    rows = [
        [b - a - 1 for a, b in itertools.pairwise((-1, *bars, draws + states - 1))]
        for bars in itertools.combinations(range(draws + states - 1), states - 1)
    ]
    return torch.tensor(rows, dtype=torch.float64)


@dataclass(frozen=True)
class Codes:
    """p(z) (M,), and logits (M, D) of the pixels of p(x | z), float64."""

    prior: Tensor
    logits: Tensor

    def likelihood(self, x: Tensor) -> Tensor:
        """p(x | z), x (n, D) of 0 and 1: (n, M)."""
        on = torch.sigmoid(self.logits)
        return torch.where(x[:, None] > 0, on, 1 - on).prod(2)

    def gradient(self, x: Tensor, shares: Tensor) -> Tensor:
        """By the logits, of the mean of log p(x) over x (n, D), where z has shares (n, M): (M, D).
        Of the posterior's shares it is exact."""
        apart = x[:, None] - torch.sigmoid(self.logits)
        return (shares[..., None] * apart).mean(0)

    def exact(self, x: Tensor) -> Tensor:
        joint = self.prior * self.likelihood(x)
        return self.gradient(x, joint / joint.sum(1, keepdim=True))

    def by_draws(self, x: Tensor, draws: int) -> tuple[Tensor, float]:
        """Mean of the ratio of sums over `draws` z of the prior, (M, D), and its variance summed
        over coordinates, each x (n, D) with draws of its own."""
        n = counts(draws, len(self.prior))
        log_p = math.lgamma(draws + 1) - torch.lgamma(n + 1).sum(1) + n @ self.prior.log()
        p = log_p.exp()
        means, variance = [], 0.0
        sizes = (x[:, None] - torch.sigmoid(self.logits)).square().sum(2)  # (n, M)
        for weight, size in zip(self.likelihood(x), sizes, strict=True):
            shares = n * weight
            shares = shares / shares.sum(1, keepdim=True)
            mean = p @ shares
            means.append(mean)
            variance += float((p @ (shares - mean).square() * size).sum()) / len(x) ** 2
        return self.gradient(x, torch.stack(means)), variance


def drawn(states: int, pixels: int, source: torch.Generator) -> Codes:
    """Logits of standard normal numbers, a prior of their softmax."""
    logits = torch.randn(states, pixels, dtype=torch.float64, generator=source)
    prior = torch.softmax(torch.randn(states, dtype=torch.float64, generator=source), 0)
    return Codes(prior, logits)
