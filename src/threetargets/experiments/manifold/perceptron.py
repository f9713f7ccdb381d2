"""The denoiser of the manifold experiment: a plain perceptron, and a gate that may carry its input
past it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from threetargets.networks.embedding import LogSnrFeatures
from threetargets.networks.mlp import Perceptron

GATE = 32
"""Width of the gate's hidden layer."""


class Narrow(nn.Module):
    """(x (B, D), log_snr (B,) or (1,), labels, which it does not read) -> (B, D).

    `depth` hidden layers of `width` read x and the features of the noise level. With `input_skip`
    the output has g(log_snr) x beside it, g a small perceptron: what the hidden layers are too
    narrow for has a path past them (the last layers of both start at zero).
    """

    def __init__(self, dimension: int, width: int, depth: int, input_skip: bool):
        super().__init__()
        self.features = LogSnrFeatures()
        self.body = Perceptron(dimension + self.features.width, dimension, width, depth)
        self.gate = Perceptron(self.features.width, 1, GATE, 1) if input_skip else None
        for made in (self.body, self.gate):
            if made is not None:
                nn.init.zeros_(made.net[-1].weight)  # type: ignore[arg-type]
                nn.init.zeros_(made.net[-1].bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        level = self.features(log_snr)
        out: Tensor = self.body(torch.cat([x, level.expand(len(x), -1)], 1))
        return out if self.gate is None else out + self.gate(level) * x
