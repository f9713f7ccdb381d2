"""Mixtures as latent-variable models, by expectation-maximisation (Dempster, Laird & Rubin 1977).

p(x) = sum_z p(z) p(x | z) with z one of K states: Gaussians with any covariance (001, 12.2.1), or
pixels that are independent given z. Everything in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor


class Joint(Protocol):
    """What expectation takes."""

    def log_joint(self, x: Tensor) -> Tensor:
        """log p(x, z), nats, x (N, D): (N, K)."""


Model = TypeVar("Model", bound=Joint)


def log_density(model: Joint, x: Tensor) -> Tensor:
    """log p(x), nats, (N,)."""
    return torch.logsumexp(model.log_joint(x), 1)


def fitted(
    model: Model, x: Tensor, maximised: Callable[[Tensor, Tensor], Model], iterations: int
) -> Model:
    """Expectation p(z | x), then maximisation(x, shares (N, K)), so many times."""
    for _ in range(iterations):
        model = maximised(x, torch.softmax(model.log_joint(x), 1))
    return model


@dataclass(frozen=True)
class BernoulliMixture:
    """weights (K,), means (K, D): p(x | z) = prod_d means^x (1 - means)^(1 - x)."""

    weights: Tensor
    means: Tensor

    def log_joint(self, x: Tensor) -> Tensor:
        on, off = self.means.log(), torch.log1p(-self.means)
        return self.weights.log() + x @ on.T + (1 - x) @ off.T

    def draw(self, count: int, source: torch.Generator) -> Tensor:
        """(count, D) of 0 and 1."""
        z = torch.multinomial(self.weights, count, replacement=True, generator=source)
        u = torch.rand(count, self.means.shape[1], generator=source, dtype=self.means.dtype)
        return (u < self.means[z]).to(self.means)


def bernoulli_start(x: Tensor, components: int, source: torch.Generator) -> BernoulliMixture:
    """Around the mean of all images, each a quarter of the way to one of them; the mean itself,
    where there is one component."""
    mean = (x.sum(0) + 1) / (len(x) + 2)
    some = x[torch.randperm(len(x), generator=source)[:components]]
    means = mean[None] if components == 1 else 0.75 * mean + 0.25 * some
    weights = torch.full((components,), 1 / components, dtype=x.dtype)
    return BernoulliMixture(weights, means)


def bernoulli_maximised(x: Tensor, shares: Tensor, smoothing: float) -> BernoulliMixture:
    """The highest of log p(x) + smoothing (sum log weights + sum log means (1 - means)): counts
    with `smoothing` added to each."""
    count = shares.sum(0)
    weights = (count + smoothing) / (len(x) + smoothing * len(count))
    means = (shares.T @ x + smoothing) / (count + 2 * smoothing)[:, None]
    return BernoulliMixture(weights, means)


@dataclass(frozen=True)
class GaussianMixture:
    """weights (K,), means (K, D), covariances (K, D, D)."""

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def log_joint(self, x: Tensor) -> Tensor:
        root = torch.linalg.cholesky(self.covariances)
        apart = (x[None] - self.means[:, None]).mT  # (K, D, N)
        z = torch.linalg.solve_triangular(root, apart, upper=False)
        log_det = root.diagonal(dim1=1, dim2=2).log().sum(1)
        constant = 0.5 * x.shape[1] * math.log(2 * math.pi)
        return self.weights.log() + (-0.5 * z.square().sum(1) - (log_det + constant)[:, None]).T


def gaussian_start(x: Tensor, components: int, source: torch.Generator) -> GaussianMixture:
    """Centres at some of the points, each with the covariance of all."""
    means = x[torch.randperm(len(x), generator=source)[:components]]
    covariances = torch.cov(x.T, correction=0).expand(components, -1, -1)
    return GaussianMixture(
        torch.full((components,), 1 / components, dtype=x.dtype), means, covariances
    )


def gaussian_maximised(x: Tensor, shares: Tensor, ridge: float) -> GaussianMixture:
    """Of most likelihood given the shares, with `ridge` on the diagonals."""
    count = shares.sum(0)
    means = shares.T @ x / count[:, None]
    apart = x[None] - means[:, None]  # (K, N, D)
    covariances = (shares.T[..., None] * apart).mT @ apart / count[:, None, None]
    floor = ridge * torch.eye(x.shape[1], dtype=x.dtype)
    return GaussianMixture(count / len(x), means, covariances + floor)


def best_of(
    starts: int,
    start: Callable[[int], Model],
    x: Tensor,
    maximised: Callable[[Tensor, Tensor], Model],
    iterations: int,
) -> Model:
    """The one of most likelihood of start(0), start(1), .. after their iterations."""
    every = [fitted(start(k), x, maximised, iterations) for k in range(starts)]
    return max(every, key=lambda model: float(log_density(model, x).sum()))
