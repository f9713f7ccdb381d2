"""How far samples are from a plane, and in it from a law that is known."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from threetargets.experiments.manifold.ring import Ring

REACH = 8.0
"""Quantiles are looked for within so many standard deviations of the outermost centres."""
GRID = 20001


def off_plane(x: Tensor, basis: Tensor) -> tuple[float, float]:
    """sqrt(mean |x - P P^T x|^2) of x (N, D), P (D, 2) orthonormal, and its standard error over the
    samples, by the delta method."""
    x = x.double()
    squared = (x - x @ basis @ basis.T).square().sum(1)
    root = float(squared.mean().sqrt())
    error = float(squared.std()) / math.sqrt(len(x))
    return root, error / (2 * root) if root > 0 else 0.0


def quantiles(ring: Ring, direction: Tensor, levels: Tensor) -> Tensor:
    """F^-1(levels) of u . z, z of the ring and u a unit vector (2,): the mixture's distribution
    function on a fine grid, inverted by lines. Float64, shape of `levels`."""
    places = ring.centres @ direction.double()
    reach = float(places.abs().max()) + REACH * ring.spread
    grid = torch.linspace(-reach, reach, GRID, dtype=torch.float64)
    below = torch.special.ndtr((grid[:, None] - places) / ring.spread).mean(1)
    after = torch.searchsorted(below, levels).clamp(1, GRID - 1)
    low, high = below[after - 1], below[after]
    share = ((levels - low) / (high - low).clamp(min=1e-300)).clamp(0, 1)
    return grid[after - 1] + share * (grid[1] - grid[0])


def sliced_wasserstein(z: Tensor, ring: Ring, directions: int) -> float:
    """The Wasserstein-1 distance of z (N, 2) to the ring's own law along u, averaged over even
    directions u in half a turn (Bonneel et al. 2015, J. Math. Imaging Vis. 51).

    Along u it is the mean of |z_(j) - F^-1((j - 1/2) / N)| over the sorted z. Finite samples have
    their own: fresh draws of the law, as many, are the floor.
    """
    levels = (torch.arange(len(z), dtype=torch.float64) + 0.5) / len(z)
    total = 0.0
    for k in range(directions):
        angle = math.pi * (k + 0.5) / directions
        u = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
        total += float(((z.double() @ u).sort().values - quantiles(ring, u, levels)).abs().mean())
    return total / directions
