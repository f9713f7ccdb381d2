"""Diagonal Gaussians: log densities and Kullback-Leibler divergences, in nats, summed over all but
the first dimension."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def total(x: Tensor) -> Tensor:
    """Sum over all dimensions but the first: (B, ...) -> (B,)."""
    return x.flatten(1).sum(1)


def log_density(x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """log N(x; mean, exp(log_std)^2), shape (B,)."""
    return total(
        -0.5 * ((x - mean) * torch.exp(-log_std)) ** 2 - log_std - 0.5 * math.log(2 * math.pi)
    )


def kl_to_standard(mean: Tensor, log_std: Tensor) -> Tensor:
    """KL(N(mean, exp(log_std)^2) || N(0, I)) = sum (exp(2 log_std) + mean^2 - 1) / 2 - log_std,
    shape (B,)."""
    return total(0.5 * (torch.expm1(2 * log_std) + mean**2) - log_std)


def kl_isotropic(squared_distance: Tensor, var_q: Tensor, var_p: Tensor, dims: int) -> Tensor:
    """KL between N(m_q, var_q I) and N(m_p, var_p I) in `dims` dimensions, given |m_q - m_p|^2,
    shape (B,)."""
    ratio = var_q / var_p
    return 0.5 * (dims * (ratio - 1 - torch.log(ratio)) + squared_distance / var_p)
