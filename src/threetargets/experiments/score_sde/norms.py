"""What denoising score matching learns: under the squared norm the mean of grad log p(x_t | x_0)
given x_t, which is the score, under the norm itself its median."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from threetargets.experiments.line import Line

HALVINGS = 60


def posterior(data: Line, x: Tensor, a: float, s: float) -> tuple[Tensor, Tensor, Tensor]:
    """p(x_0 | x_t = x), a mixture again: weights, means (N, K), variances (K,)."""
    weights, means, covariances = data.mixture.posterior(x[:, None], log_snr(a, s))
    return weights, means[:, :, 0], covariances[:, :, 0, 0][0]


def log_snr(a: float, s: float) -> Tensor:
    return torch.tensor(2 * math.log(a / s), dtype=torch.float64)


def mean_noise(data: Line, x: Tensor, a: float, s: float) -> Tensor:
    """E[eps | x_t = x] = -s grad log p_t, for a variance-preserving (a, s)."""
    return data.mixture.predict(x[:, None], log_snr(a, s)).eps[:, 0]


def median_noise(data: Line, x: Tensor, a: float, s: float) -> Tensor:
    """The median of eps given x_t = x. eps = (x - a x_0) / s falls with x_0, so that it is that of
    the median of x_0, found by halving."""
    weights, means, variances = posterior(data, x, a, s)
    roots = variances.sqrt()
    low = (means - 9 * roots).min(1).values
    high = (means + 9 * roots).max(1).values
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = (weights * torch.special.ndtr((middle[:, None] - means) / roots)).sum(1)
        low, high = torch.where(below < 0.5, middle, low), torch.where(below < 0.5, high, middle)
    return (x - a * (low + high) / 2) / s


def matching(out: Tensor, eps: Tensor, squared: bool) -> Tensor:
    """The mean over a batch (N, D) of |out - eps|^2 or |out - eps|: s times, or s^2 times, what the
    lecture notes print, a weight of the noise level that moves no minimiser."""
    error = (out - eps).square().sum(1)
    return (error if squared else (error + 1e-12).sqrt()).mean()
