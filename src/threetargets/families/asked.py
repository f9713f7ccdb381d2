"""The classes that samples are asked for, the same for every model that knows labels."""

from __future__ import annotations

import torch
from torch import Tensor


def asked_labels(indices: range, classes: int) -> Tensor:
    """Sample j is asked for class j mod classes; int64 (N,)."""
    return torch.arange(indices.start, indices.stop) % classes
