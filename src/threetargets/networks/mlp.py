"""Multi-layer perceptrons: the denoiser and classifier of very small images, and the two halves of
the autoencoders."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from threetargets.networks.embedding import Condition, LogSnrFeatures


class ResidualBlock(nn.Module):
    """h + W_2 silu(W_1 (norm(h) (1 + p) + q)), with (p, q) a linear function of the condition."""

    def __init__(self, width: int, condition: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.modulation = nn.Linear(condition, 2 * width)
        self.inner = nn.Linear(width, width)
        self.outer = nn.Linear(width, width)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.modulation(condition).chunk(2, 1)
        return h + self.outer(nn.functional.silu(self.inner(self.norm(h) * (1 + scale) + shift)))


class Denoiser(nn.Module):
    """(x_t (B, C, H, W), log_snr (B,), labels (B,)) -> (B, `outputs` or C, H, W). The last layer
    starts at zero."""

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        width: int,
        depth: int,
        outputs: int | None = None,
    ):
        super().__init__()
        self.made = (outputs or shape[0], *shape[1:])
        dims = math.prod(shape)
        self.condition = Condition(width // 2, classes)
        self.first = nn.Linear(dims, width)
        self.blocks = nn.ModuleList(ResidualBlock(width, width // 2) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, math.prod(self.made))
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor) -> Tensor:
        condition = self.condition(log_snr, labels)
        h = self.first(x.flatten(1))
        for block in self.blocks:
            h = block(h, condition)
        return self.last(self.norm(h)).view(-1, *self.made)


ACTIVATIONS: dict[str, type[nn.Module]] = {"silu": nn.SiLU, "tanh": nn.Tanh}


class Perceptron(nn.Module):
    """(B, inputs) -> (B, outputs) through `depth` hidden layers."""

    def __init__(self, inputs: int, outputs: int, width: int, depth: int, activation: str = "silu"):
        super().__init__()
        sizes = [inputs, *[width] * depth]
        layers = [
            m
            for a, b in itertools.pairwise(sizes)
            for m in (nn.Linear(a, b), ACTIVATIONS[activation]())
        ]
        self.net = nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Trunk(nn.Module):
    """The body of a classifier: (x (B, C, H, W), log_snr (B,) or None for clean images) -> (B,
    `width`)."""

    def __init__(self, shape: tuple[int, ...], width: int):
        super().__init__()
        self.width = width
        self.noise_features = LogSnrFeatures()
        self.noise_level = nn.Linear(self.noise_features.width, width)
        self.first = nn.Linear(math.prod(shape), width)
        self.blocks = nn.ModuleList(ResidualBlock(width, width) for _ in range(2))

    def forward(self, x: Tensor, log_snr: Tensor | None) -> Tensor:
        h = self.first(x.flatten(1))
        condition = (
            torch.zeros_like(h)
            if log_snr is None
            else nn.functional.silu(self.noise_level(self.noise_features(log_snr)))
        )
        for block in self.blocks:
            h = block(h, condition)
        return h
