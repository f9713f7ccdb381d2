"""The Frechet distance of many subsets of one set of images to a reference: its bootstrap, and its
limit at infinite N.

|mu_1 - mu_2|^2 + tr S_1 + tr S_2 - 2 tr (S_1 S_2)^(1/2), the last trace as the sum of the singular
values of X S_2^(1/2) / sqrt(n - 1), X the centred features: one product for the whole set, then one
symmetric eigenvalue problem of size min(n, F) for each subset, where torch-fidelity solves an
unsymmetric one of size F for each.

FID of N images is too large by b / N + O(1 / N^2), b unknown and different for each model (Chong
and Forsyth 2020, arXiv:1911.07023): figures at different N do not compare, and at the same N b may
decide.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from threetargets import streams


class Limit(NamedTuple):
    """An extrapolation: its value, and the standard error that the random partitions leave in
    it."""

    value: float
    stderr: float


def root(covariance: Tensor) -> Tensor:
    """The symmetric square root of a covariance (F, F)."""
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.mT
    return root


class Distances:
    """Distances of subsets of `features` float64 (N, F) to a reference's mean (F,) and covariance
    (F, F)."""

    def __init__(self, features: Tensor, mean: Tensor, covariance: Tensor, covariance_root: Tensor):
        self.shifted = features - mean
        self.turned = self.shifted @ covariance_root
        self.trace = float(covariance.trace())

    def of(self, rows: Tensor) -> float:
        """The distance of the images `rows` int64 (n,), n > 1, where an image may stand more than
        once."""
        rows = rows.to(self.shifted.device)
        x, y = self.shifted[rows], self.turned[rows]
        n, mean = len(x), x.mean(0)
        own = float(((x - mean) ** 2).sum()) / (n - 1)
        y = (y - y.mean(0)) / math.sqrt(n - 1)
        gram = y @ y.mT if n < y.shape[1] else y.mT @ y
        shared = float(torch.linalg.eigvalsh(gram).clamp(min=0).sqrt().sum())
        return float(mean @ mean) + own + self.trace - 2 * shared


def partition(parts: int, asked: Tensor | None, n: int, generator: torch.Generator) -> list[Tensor]:
    """The indices 0..n-1 dealt at random into `parts` subsets, evenly over the classes where
    classes were asked for: as in the whole set, chance then has no hand in their proportions."""
    order = torch.randperm(n, generator=generator)
    if asked is not None:
        order = order[asked[order].argsort(stable=True)]
    return [order[first::parts] for first in range(parts)]


def limit(
    distances: Distances,
    parts: Sequence[int],
    partitions: int,
    n: int,
    asked: Tensor | None,
    seed: int,
) -> Limit:
    """FID at N = infinity: the intercept of a line through (1/n, FID_n), least squares, n = N / k
    for k in `parts`.

    FID_n is the mean over the k subsets of a random partition of the N images, so that every image
    counts once at every
    n: what sampling N images does to FID is the same at all n and passes to the intercept
    unenlarged. The partitions themselves are drawn `partitions` times; their part in the error is
    `stderr`.
    """
    intercepts = []
    for repeat in range(partitions):
        x, y = [], []
        for k in parts:
            dealt = partition(k, asked, n, streams.generator(seed, "evaluate/partition", repeat, k))
            x.append(statistics.fmean(1 / len(one) for one in dealt))
            y.append(statistics.fmean(distances.of(one) for one in dealt))
        intercepts.append(float(np.polyfit(x, y, 1)[1]))
    error = statistics.stdev(intercepts) / math.sqrt(partitions) if partitions > 1 else 0.0
    return Limit(statistics.fmean(intercepts), error)
