"""The 8x8 digits for experiments, cut as the studies with cells cut them."""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.experiments.image_sets import part_of
from threetargets.study.blocks import Split

NAME = "digits"
GREY = 8
"""A binarised pixel is 1 from this level on."""


def digits(split: Split, part: str) -> Tensor:
    """Grey levels 0..16 of one part (train, validation or test), int64, (N, 1, 8, 8)."""
    return part_of(NAME, split, part)[0]


def labels(split: Split, part: str) -> Tensor:
    """Which digit each of them is, int64, (N,)."""
    return part_of(NAME, split, part)[1]


def binary(images: Tensor) -> Tensor:
    """0 and 1, int64: white from level 8 on."""
    return (images >= GREY).long()


def batch(images: Tensor, count: int, source: torch.Generator) -> Tensor:
    """So many of them, drawn with replacement."""
    return images[torch.randint(len(images), (count,), generator=source)]
