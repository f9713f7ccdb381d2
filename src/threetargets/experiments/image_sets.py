"""Whole data sets for experiments, where their files are at hand."""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import Tensor

from threetargets.data import fetch, sources, splits
from threetargets.data.download import is_whole
from threetargets.data.sources import Arrays, Source
from threetargets.errors import MissingInput
from threetargets.study.blocks import Split


def at_hand(source: Source) -> bool:
    """Whether it can be read without a download: from a package, a mirror that is a folder, or the
    cache."""
    mirror = fetch.mirror_of(None)
    if source.installed or (mirror and not fetch.is_address(mirror)):
        return True
    here = fetch.cache()
    return any(all(is_whole(f, Path(here / f.path)) for f in one) for one in source.layouts)


@functools.lru_cache(maxsize=3)
def _all(name: str) -> Arrays:
    source = sources.find(name)
    if not at_hand(source):
        raise MissingInput(
            f"data set {name}: not at hand, and an experiment downloads nothing; name a folder "
            f"with its files in {fetch.MIRROR}"
        )
    return sources.read(source)


def part_of(name: str, split: Split, part: str) -> tuple[Tensor, Tensor]:
    """Grey levels int64 (N, C, H, W) and labels (N,) of one part, cut as the studies with cells cut
    it. Raises MissingInput where the files are not at hand."""
    index = splits.split_indices(sources.find(name), split)[part]
    had = _all(name)
    return torch.from_numpy(had.images[index]).long(), torch.from_numpy(had.labels[index])
