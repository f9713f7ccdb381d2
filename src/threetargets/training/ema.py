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
    """The average of a model's state; entries that are not floating point are copied."""

    def __init__(self, model: nn.Module, halflife: int):
        self.halflife = halflife
        self.state = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, batch: int, images_seen: int) -> None:
        keep = decay(batch, images_seen, self.halflife)
        own = model.state_dict()
        floats = [k for k, v in self.state.items() if v.is_floating_point()]
        torch._foreach_lerp_([self.state[k] for k in floats], [own[k] for k in floats], 1.0 - keep)
        for k, v in self.state.items():
            if not v.is_floating_point():
                v.copy_(own[k])

    @torch.no_grad()
    def approach(self, model: nn.Module, weight: Tensor) -> None:
        """`update` with weight = 1 - decay, shape (), on the device: average += weight (own -
        average). The host reads nothing, so that a CUDA graph may hold it."""
        own = model.state_dict()
        floats = [k for k, v in self.state.items() if v.is_floating_point()]
        averages = [self.state[k] for k in floats]
        gaps = torch._foreach_sub([own[k] for k in floats], averages)
        torch._foreach_mul_(gaps, weight)
        torch._foreach_add_(averages, gaps)
        for k, v in self.state.items():
            if not v.is_floating_point():
                v.copy_(own[k])

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take an average from a checkpoint. Raises ValueError where its names or shapes differ."""
        if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in self.state.items()}:
            raise ValueError("the average is not that of this model")
        for k, v in self.state.items():
            v.copy_(tensors[k])
