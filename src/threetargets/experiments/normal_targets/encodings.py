"""x_0 written in other coordinates, fitted to training images: what a network may predict in its
place, and the way back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from threetargets.levels import centres, nearest

CERTAIN = 1e-12
"""Ranks that are drawn keep so far from 0 and 1."""


class Encoding(Protocol):
    """Both ways between images (B, ...) at bin centres and targets of the same shape."""

    def encode(self, x0: Tensor) -> Tensor: ...

    def decode(self, z: Tensor) -> Tensor:
        """Differentiable in z; decode(encode(x0)) = x0."""
        ...


class Plain:
    """z = x_0."""

    def encode(self, x0: Tensor) -> Tensor:
        return x0

    def decode(self, z: Tensor) -> Tensor:
        return z


@dataclass(frozen=True)
class Whitened:
    """z = (x_0 - m) R^-1, R = (S + r I)^(1/2), the symmetric root (D, D): the whitening that stays
    nearest to the pixels. It is linear, so that E[x_0 | x_t] = decode(E[z | x_t])."""

    mean: Tensor
    root: Tensor
    inverse: Tensor

    def encode(self, x0: Tensor) -> Tensor:
        centred = x0.flatten(1) - self.mean.to(x0)
        return (centred @ self.inverse.to(x0)).view_as(x0)

    def decode(self, z: Tensor) -> Tensor:
        return (self.mean.to(z) + z.flatten(1) @ self.root.to(z)).view_as(z)


def whitened(x0: Tensor, ridge: float) -> Whitened:
    """By mean m and covariance S of x0 (N, ...). Raises ValueError where S + ridge I has no
    inverse."""
    flat = x0.double().flatten(1)
    values, vectors = torch.linalg.eigh(torch.cov(flat.T, correction=0))
    values = values + ridge
    if float(values.min()) <= 0:
        raise ValueError(f"a singular covariance is whitened with a ridge above 0, not {ridge:g}")
    root, inverse = ((vectors * values**power) @ vectors.T for power in (0.5, -0.5))
    return Whitened(flat.mean(0), root, inverse)


@dataclass(frozen=True)
class Scores:
    """Normal scores, pixel by pixel: a rank transform of a pixel's levels to quantiles of N(0, 1).

    With P(k) the law of a pixel's levels, law (D, K), level k takes the quantiles from q_k =
    Phi^-1(P(level < k)) to q_{k+1}; its score is their mean, E[Z | q_k < Z < q_{k+1}] = (phi(q_k) -
    phi(q_{k+1})) / P(k), Z ~ N(0, 1): ties averaged. The way back goes by straight lines from score
    to score, and on beyond the last. It is not linear: decode(E[z | x_t]) is not E[x_0 | x_t].
    """

    law: Tensor

    @cached_property
    def below(self) -> Tensor:
        """P(level < k), k = 0..K, shape (D, K + 1)."""
        return torch.nn.functional.pad(self.law.cumsum(1), (1, 0)).clamp(0, 1)

    @cached_property
    def scores(self) -> Tensor:
        """(D, K), rising."""
        at = torch.special.ndtri(self.below)
        density = torch.exp(-0.5 * at**2) / math.sqrt(2 * math.pi)
        density[:, -1] = 0.0  # the sum of a law is 1 but for rounding
        return -density.diff(dim=1) / self.law

    def _levels(self, x0: Tensor) -> Tensor:
        return nearest(x0, self.law.shape[1]).long().flatten(1)

    def encode(self, x0: Tensor) -> Tensor:
        z = self.scores.T.gather(0, self._levels(x0))
        return z.to(x0).view_as(x0)

    def drawn(self, x0: Tensor, source: torch.Generator) -> Tensor:
        """A quantile drawn among those of the level: N(0, 1) for every pixel where levels have
        their law; its mean given x_0 is `encode`."""
        levels = self._levels(x0)
        low, share = self.below[:, :-1].T.gather(0, levels), self.law.T.gather(0, levels)
        u = low + share * torch.rand(levels.shape, dtype=torch.float64, generator=source)
        z = torch.special.ndtri(u.clamp(CERTAIN, 1 - CERTAIN))
        return z.to(x0).view_as(x0)

    def decode(self, z: Tensor) -> Tensor:
        scores, count = self.scores.to(z), self.law.shape[1]
        each = z.flatten(1).T.contiguous()
        after = torch.searchsorted(scores, each.detach()).clamp(1, count - 1)
        low, high = scores.gather(1, after - 1), scores.gather(1, after)
        first = centres(after - 1, count).to(z)
        return (first + 2 / count * (each - low) / (high - low)).T.reshape(z.shape)


def normal_scores(levels: Tensor, count: int, smoothing: float) -> Scores:
    """Of training images' levels (N, ...), `smoothing` images added to each of the `count`
    levels, so that all of them have scores."""
    counts = torch.nn.functional.one_hot(levels.long().flatten(1), count).sum(0).double()
    return Scores((counts + smoothing) / (len(levels) + count * smoothing))


def from_normal(z: Tensor) -> float:
    """How far coordinates of z (N, ...) are from normal: the Wasserstein-1 distance of each,
    brought to mean 0 and variance 1, to N(0, 1), 1/N sum_j |z_(j) - Phi^-1((j - 1/2) / N)|; the
    mean over those that vary."""
    flat = z.double().flatten(1)
    flat = flat[:, flat.std(0) > 1e-6]
    ranked = ((flat - flat.mean(0)) / flat.std(0)).sort(0).values
    at = (torch.arange(len(flat), dtype=torch.float64) + 0.5) / len(flat)
    return float((ranked - torch.special.ndtri(at)[:, None]).abs().mean())
