"""The 8x8 digits for experiments, cut as the studies with cells cut them."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from threetargets.data import sources, splits
from threetargets.study.blocks import Split

NAME = "digits"
GREY = 8
"""A binarised pixel is 1 from this level on."""


@functools.lru_cache(maxsize=1)
def _all() -> Tensor:
    return torch.from_numpy(sources.read(sources.find(NAME)).images)


def digits(split: Split, part: str) -> Tensor:
    """Grey levels 0..16 of one part (train, validation or test), int64, (N, 1, 8, 8)."""
    index = splits.split_indices(sources.find(NAME), split)[part]
    return _all()[torch.from_numpy(index)].long()


def binary(images: Tensor) -> Tensor:
    """0 and 1, int64: white from level 8 on."""
    return (images >= GREY).long()


def batch(images: Tensor, count: int, source: torch.Generator) -> Tensor:
    """So many of them, drawn with replacement."""
    return images[torch.randint(len(images), (count,), generator=source)]
