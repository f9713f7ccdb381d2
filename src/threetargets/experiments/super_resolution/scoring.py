"""How far samples given y are from a law that is known, or from the one image that is."""

from __future__ import annotations

import torch
from torch import Tensor


def moment_errors(x: Tensor, mean: Tensor, covariance: Tensor) -> dict[str, float]:
    """|E x - m|^2 / tr C, |Cov x - C|_F^2 / |C|_F^2, and tr Cov x / tr C, of samples x (N, D).

    Squares are products of what the two halves of the samples miss, so that they are unbiased: 0 on
    average for draws of the law, however few.
    """
    halves = (x[::2], x[1::2])
    first, second = (half.mean(0) - mean for half in halves)
    one, other = (torch.cov(half.T) - covariance for half in halves)
    return {
        "mean": float(first @ second / covariance.trace()),
        "covariance": float((one * other).sum() / covariance.square().sum()),
        "spread": float(torch.cov(x.T).trace() / covariance.trace()),
    }


def image_scores(x: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """Of k samples for each image, x (N, k, D), and the image, truth (N, D), each (N,).

    squared: E |x - truth|^2 / D. mean_squared: the same of the mean of the k samples. apart: E |x -
    x'|^2 / D of two samples; its mean is that of `squared` where samples have the law of the image
    given y, since the image is one more draw of it. energy: (E |x - truth| - E |x - x'| / 2) /
    sqrt(D), least on average for that law (Gneiting & Raftery 2007,
    doi:10.1198/016214506000001437).
    """
    count, dims = x.shape[1:]
    far = (x - truth[:, None]).norm(dim=2).mean(1)
    between = torch.cdist(x, x).sum((1, 2)) / (count * (count - 1))
    return {
        "squared": (x - truth[:, None]).square().mean((1, 2)),
        "mean_squared": (x.mean(1) - truth).square().mean(1),
        "apart": 2 * x.var(1).mean(1),
        "energy": (far - between / 2) / dims**0.5,
    }
