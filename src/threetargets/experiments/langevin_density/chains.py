"""Langevin's chain y + drift grad score dt + sqrt(diffusion dt) eps: a step, the same with
Metropolis's correction, and the law in which it is at rest."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Gradient = Callable[[Tensor], Tensor]
"""y (N,) -> d score / dy (N,)."""
Values = Callable[[Tensor], Tensor]
"""y (N,) -> score (N,)."""


def stepped(
    gradient: Gradient, y: Tensor, width: float, drift: float, diffusion: float, noise: Tensor
) -> Tensor:
    """One step of the chain, unadjusted."""
    return y + drift * width * gradient(y) + math.sqrt(diffusion * width) * noise


def adjusted(
    value: Values, gradient: Gradient, y: Tensor, width: float, noise: Tensor, coin: Tensor
) -> tuple[Tensor, Tensor]:
    """One step of the corrected chain, accepted with probability min(1, p(y') q(y | y') / p(y)
    q(y' | y)) (Roberts & Tweedie 1996), and whether it was. At rest it has exp(score) / Z at any
    width. `coin` is uniform."""
    ahead = stepped(gradient, y, width, 1.0, 2.0, noise)
    back = -((y - ahead - width * gradient(ahead)) ** 2) / (4 * width)
    forth = -((ahead - y - width * gradient(y)) ** 2) / (4 * width)
    accepted = coin.log() < value(ahead) - value(y) + back - forth
    return torch.where(accepted, ahead, y), accepted


def stationary_density(
    gradient: Gradient, grid: Tensor, width: float, drift: float, diffusion: float
) -> Tensor:
    """The density (N,) on an even grid in which the unadjusted chain is at rest: p = K p, K the
    step's kernel summed over the grid."""
    cell = float(grid[1] - grid[0])
    centre = grid + drift * width * gradient(grid)
    kernel = torch.exp(-((grid[:, None] - centre) ** 2) / (2 * diffusion * width))
    kernel = kernel / kernel.sum(0)
    system = kernel - torch.eye(len(grid), dtype=torch.float64)
    system[-1] = cell
    right = torch.zeros(len(grid), dtype=torch.float64)
    right[-1] = 1.0
    solved: Tensor = torch.linalg.solve(system, right)
    return solved.clamp(min=0)


def softmax(value: Values, grid: Tensor, times: float = 1.0) -> tuple[Tensor, float]:
    """exp(times score) / Z on an even grid, and log Z, by a sum."""
    scores = times * value(grid)
    log_z = float(torch.logsumexp(scores, 0)) + math.log(float(grid[1] - grid[0]))
    return torch.exp(scores - log_z), log_z


def apart(one: Tensor, other: Tensor, grid: Tensor) -> float:
    """The Wasserstein-1 distance of two densities on an even grid."""
    cell = float(grid[1] - grid[0])
    return float(((one - other).cumsum(0) * cell).abs().sum() * cell)


def counted(y: Tensor, grid: Tensor) -> Tensor:
    """Samples as a density on an even grid; those beyond it are in its last cells."""
    cell = float(grid[1] - grid[0])
    places = ((y - grid[0]) / cell).round().clamp(0, len(grid) - 1).long()
    return torch.bincount(places, minlength=len(grid)).double() / (len(y) * cell)
