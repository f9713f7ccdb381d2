"""The 8x8 digits for experiments, cut as the studies with cells cut them."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from threetargets.data import sources, splits
from threetargets.study.blocks import Split

NAME = "digits"
LEVELS = 17
GREY = 8
"""A binarised pixel is 1 from this level on."""


@functools.lru_cache(maxsize=1)
def _all() -> tuple[Tensor, Tensor]:
    """Images and labels."""
    had = sources.read(sources.find(NAME))
    return torch.from_numpy(had.images), torch.from_numpy(had.labels)


def _index(split: Split, part: str) -> Tensor:
    return torch.from_numpy(splits.split_indices(sources.find(NAME), split)[part])


def digits(split: Split, part: str) -> Tensor:
    """Grey levels 0..16 of one part (train, validation or test), int64, (N, 1, 8, 8)."""
    return _all()[0][_index(split, part)].long()


def labels(split: Split, part: str) -> Tensor:
    """Which digit each of them is, int64, (N,)."""
    return _all()[1][_index(split, part)]


def binary(images: Tensor) -> Tensor:
    """0 and 1, int64: white from level 8 on."""
    return (images >= GREY).long()


def batch(images: Tensor, count: int, source: torch.Generator) -> Tensor:
    """So many of them, drawn with replacement."""
    return images[torch.randint(len(images), (count,), generator=source)]
