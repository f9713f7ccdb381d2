"""Images that are not of the data set, made of images that are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from threetargets.experiments.detectors.spec import Changes

Change = Callable[[Tensor, int, Changes, torch.Generator], Tensor]
"""(levels (N, C, H, W), K, parameters, source) -> levels of the same shape."""


def shifted(levels: Tensor, count: int, own: Changes, source: torch.Generator) -> Tensor:
    """Moved to the right; black comes in from the left."""
    width = levels.shape[-1]
    return torch.nn.functional.pad(levels, (own.pixels, 0))[..., :width]


def noised(levels: Tensor, count: int, own: Changes, source: torch.Generator) -> Tensor:
    """k + noise z, rounded, within the levels."""
    z = torch.randn(levels.shape, generator=source)
    return (levels + own.noise * z).round().clamp(0, count - 1).long()


def inverted(levels: Tensor, count: int, own: Changes, source: torch.Generator) -> Tensor:
    """K - 1 - k."""
    return count - 1 - levels


def faint(levels: Tensor, count: int, own: Changes, source: torch.Generator) -> Tensor:
    """contrast k, halves upwards: the same strokes, less bright."""
    return (own.contrast * levels + 0.5).floor().long()


CHANGED: dict[str, Change] = {
    "shifted": shifted,
    "noised": noised,
    "inverted": inverted,
    "faint": faint,
}
