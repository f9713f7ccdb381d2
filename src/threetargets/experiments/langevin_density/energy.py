"""A network that is the score of a continuous softmax, learned without its Z."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from threetargets.experiments import score_matching

BOUND = 4.0
"""Beyond it -y^2 / (2 BOUND^2) keeps Z finite, whatever the network says there."""


class ScoreNetwork(nn.Module):
    """y (N,) -> score(y) (N,): two hidden layers, smooth, with a wide Gaussian's bound."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1)
        )

    def forward(self, y: Tensor) -> Tensor:
        out: Tensor = self.body(y[:, None])[:, 0]
        return out - y**2 / (2 * BOUND**2)

    def raised(self, constant: float) -> ScoreNetwork:
        """With a constant added to its score, in place."""
        bias = self.body[-1].bias
        assert isinstance(bias, Tensor)
        bias.data += constant
        return self

    def gradient(self, y: Tensor, graph: bool = False) -> Tensor:
        """d score / dy (N,)."""
        with torch.enable_grad():
            at = y if graph else y.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self(at).sum(), at, create_graph=graph)
        return slope


def hyvarinen(net: ScoreNetwork, y: Tensor) -> Tensor:
    """E [g^2 / 2 + g'], g = d score / dy: up to a constant of the data half the squared distance to
    their score (Hyvarinen 2005). A constant added to the score changes neither term."""
    return score_matching.hyvarinen(lambda x: net(x[:, 0]), y[:, None])
