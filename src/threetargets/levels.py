"""Grey levels and numbers: K levels k = 0..K-1 stand for K bins of width 2/K that fill [-1, 1].

The one place that knows the bin width; decoders, bounds and samples all use it. With centres 2(k +
1/2)/K - 1 (Kingma et al. 2021, arXiv:2107.00630) a bin is 2/K wide everywhere, where k/127.5 - 1
has bins of 2/255 and half bins at the ends.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor

Value = TypeVar("Value", Tensor, float)


def centres(levels: Tensor, count: int) -> Tensor:
    """Bin centres x = 2(k + 1/2)/K - 1 in [-1, 1], float32, of integer levels k of any shape."""
    return (2.0 * levels.to(torch.float32) + 1.0) / count - 1.0


def nearest(x: Tensor, count: int) -> Tensor:
    """The level, uint8, of the bin that holds x; values outside [-1, 1] go to the end bins."""
    return ((x + 1.0) * (count / 2.0)).floor().clamp(0, count - 1).to(torch.uint8)


def bits_per_dim(nats: Value, dims: int) -> Value:
    """nats per example / (D log 2)."""
    return nats / (dims * math.log(2.0))
