"""Reverse variances fitted to images, a number for each noise level."""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.likelihood.decoders import gaussian_log_mass
from threetargets.likelihood.denoised import Denoised

NARROWEST, WIDEST, TRIED, ROUNDS = 1e-3, 2.0, 25, 4


def decoder_variance(seen: Denoised) -> float:
    """The sigma_1^2 of least decoder term -log p(x_0 | x_1) over these examples: the mean squared
    error at i = 1 is the best width of a density, but not of the mass in a bin, which a network
    trained on that mass lets lie anywhere in its bin.

    By ever finer grids of log sigma_1, to a thousandth of it, within [NARROWEST, WIDEST].
    """
    low, high = (torch.tensor(v, dtype=torch.float64).log() for v in (NARROWEST, WIDEST))
    for _ in range(ROUNDS):
        tried = torch.linspace(0.0, 1.0, TRIED, dtype=torch.float64) * (high - low) + low
        terms = torch.stack([_mean_term(seen, log_std.exp()) for log_std in tried])
        best = int(terms.argmin())
        low, high = tried[max(0, best - 1)], tried[min(TRIED - 1, best + 1)]
    return float(torch.exp(low + high))


def _mean_term(seen: Denoised, std: Tensor) -> Tensor:
    """-log p(x_0 | x_1), the mean over examples and draws."""
    masses = [gaussian_log_mass(seen.levels, x0, std, seen.count) for x0 in seen.first]
    return -torch.stack(masses).mean() * seen.dims


def fitted_errors(seen: Denoised) -> Tensor:
    """(T,), what likelihood.bound takes to fit its variances: the mean squared error per dimension
    at i >= 2, and at i = 1 the variance of the best decoder."""
    errors = seen.x0_mse.clone()
    errors[0] = decoder_variance(seen)
    return errors
