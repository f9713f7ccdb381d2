"""The denoiser of the manifold experiment: a plain perceptron, and a gate that may carry its input
past it."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from threetargets.networks.embedding import LogSnrFeatures

GATE = 32
"""Width of the gate's hidden layer."""


def rectified(sizes: list[int]) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them.

    Hidden weights have variance 2 / inputs, which keeps the size of a signal from layer to layer
    (He et al. 2015, arXiv:1502.01852): under torch's own it falls to a percent in four, and ε and v
    are then not learnt in two dimensions either. The last layer starts at zero.
    """
    linear = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    for layer in linear:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    nn.init.zeros_(linear[-1].weight)
    hidden = [module for layer in linear[:-1] for module in (layer, nn.ReLU())]
    return nn.Sequential(*hidden, linear[-1])


class Narrow(nn.Module):
    """(x (B, D), log_snr (B,) or (1,), labels, which it does not read) -> (B, D).

    `depth` hidden layers of `width` read x and the features of the noise level. With `input_skip`
    the output has g(log_snr) x beside it, g a small perceptron: what the hidden layers are too
    narrow for has a path past them.
    """

    def __init__(self, dimension: int, width: int, depth: int, input_skip: bool):
        super().__init__()
        self.features = LogSnrFeatures()
        level = self.features.width
        self.body = rectified([dimension + level, *[width] * depth, dimension])
        self.gate = rectified([level, GATE, 1]) if input_skip else None

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        level = self.features(log_snr)
        out: Tensor = self.body(torch.cat([x, level.expand(len(x), -1)], 1))
        return out if self.gate is None else out + self.gate(level) * x
