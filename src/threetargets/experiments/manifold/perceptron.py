"""The denoiser of the manifold experiment: a plain perceptron. (What may carry its input past it is
networks/skip.py.)"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from threetargets.networks.embedding import LogSnrFeatures


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
    """(x (B, D), log_snr (B,) or (1,), labels, which it does not read) -> (B, D): `depth` hidden
    layers of `width` read x and the features of the noise level."""

    def __init__(self, dimension: int, width: int, depth: int):
        super().__init__()
        self.features = LogSnrFeatures()
        self.body = rectified([dimension + self.features.width, *[width] * depth, dimension])

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor) -> Tensor:
        level = self.features(log_snr)
        out: Tensor = self.body(torch.cat([x, level.expand(len(x), -1)], 1))
        return out
