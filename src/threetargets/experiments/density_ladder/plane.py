"""An energy on a plane: trained by score matching or by likelihood, its Z by quadrature."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from threetargets.experiments.density_ladder.spec import Plane
from threetargets.networks.mlp import Perceptron
from threetargets.oracles import Gaussian, Mixture

BOUND = 2.0
"""Beyond it -|x|^2 / (2 BOUND^2) keeps Z finite, whatever the network says there."""
REACH, CELL = 6.0, 0.25
"""Of the grid of a training by likelihood, which is finer than any bend of the density."""
FAR, FINE = 12.0, 0.1
"""Of the grid on which divergences are taken."""


def grid(reach: float, cell: float) -> Tensor:
    """Points of [-reach, reach]^2, (G^2, 2), float64."""
    count = round(2 * reach / cell) + 1
    line = torch.linspace(-reach, reach, count, dtype=torch.float64)
    return torch.cartesian_prod(line, line)


def log_integral(log_f: Tensor, cell: float) -> Tensor:
    """log int f over a grid, nats, of log f at its points: by sums, which for smooth f that end
    within the grid converge faster than any power of the cell."""
    return torch.logsumexp(log_f, 0) + 2 * math.log(cell)


class Energy(nn.Module):
    """x (N, 2) -> log of an unnormalised density, (N,)."""

    def __init__(self, width: int, depth: int):
        super().__init__()
        self.body = Perceptron(2, 1, width, depth)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)[:, 0]
        return out - x.square().sum(1) / (2 * BOUND**2)


def law(chosen: Plane) -> Mixture:
    """The data's density, known."""
    weights = torch.tensor(chosen.weights, dtype=torch.float64)
    parts = [
        Gaussian(torch.tensor(mean, dtype=torch.float64), spread**2 * torch.eye(2).double())
        for mean, spread in zip(chosen.means, chosen.spreads, strict=True)
    ]
    return Mixture(weights / weights.sum(), parts)


def divergence(log_p: Tensor, log_f: Tensor, cell: float) -> float:
    """KL(p || f / Z) = int p (log p - log f) + log Z, nats, both by sums over one grid."""
    p = log_p.exp() * cell**2
    return float((p * (log_p - log_f)).sum() + log_integral(log_f, cell))
