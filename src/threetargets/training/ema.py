"""The exponential moving average of the weights, with its half-life in images and a warm-up.

Measured in images, the average does not depend on the batch size; without the warm-up the first
samples come from the initial weights for a long time (Karras et al. 2022, arXiv:2206.00364,
appendix F).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

RAMP = 0.05
"""The half-life is at most this fraction of the images seen so far."""


def decay(batch: int, images_seen: int, halflife: int) -> float:
    """0.5^(batch / min(halflife, RAMP * images_seen)); 0 where there is no history to keep."""
    span = min(float(halflife), RAMP * images_seen)
    return 0.5 ** (batch / span) if span > 0 else 0.0


class Ema:
    """The average of the state that `model` has, whose tensors are those of now: a module that is
    moved afterwards is not followed. Entries that are not floating point are copied."""

    def __init__(self, model: nn.Module, halflife: int):
        self.halflife = halflife
        own = model.state_dict()  # once: it takes as long as the average itself
        self.state = {k: v.detach().clone() for k, v in own.items()}
        floats = [k for k, v in own.items() if v.is_floating_point()]
        self._averages, self._own = [self.state[k] for k in floats], [own[k] for k in floats]
        self._copied = [(v, own[k]) for k, v in self.state.items() if k not in set(floats)]

    @torch.no_grad()
    def update(self, batch: int, images_seen: int) -> None:
        """Once the model has taken a step on `batch` images."""
        keep = decay(batch, images_seen, self.halflife)
        torch._foreach_lerp_(self._averages, self._own, 1.0 - keep)
        self._copy()

    @torch.no_grad()
    def approach(self, weight: Tensor) -> None:
        """`update` with weight = 1 - decay, shape (), on the device: average += weight (own -
        average). The host reads nothing, so that a CUDA graph may hold it."""
        gaps = torch._foreach_sub(self._own, self._averages)
        torch._foreach_mul_(gaps, weight)
        torch._foreach_add_(self._averages, gaps)
        self._copy()

    def _copy(self) -> None:
        for average, own in self._copied:
            average.copy_(own)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take an average from a checkpoint. Raises ValueError where its names or shapes differ."""
        if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in self.state.items()}:
            raise ValueError("the average is not that of this model")
        for k, v in self.state.items():
            v.copy_(tensors[k])
