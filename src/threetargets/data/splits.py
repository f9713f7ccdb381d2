"""A fixed split of a source, written whole: once, before anything is trained."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from threetargets import files, streams
from threetargets.data.read import (
    Manifest,
    Stored,
    arrays_digest,
    binarised,
    manifest_path,
    split_path,
)
from threetargets.data.sources import Source
from threetargets.errors import ConfigError
from threetargets.pipeline import cells
from threetargets.study.blocks import Split
from threetargets.study.counts import no_room
from threetargets.study.schema import Study


def split_indices(source: Source, split: Split) -> dict[str, np.ndarray]:
    """Indices of each split: a permutation of each pool, drawn from the stream (0, "split/<name>")
    or (0, "split/<name>/<first of the pool's splits>") where there are several, and cut into the
    pool's splits.

    It depends on the data set alone, never on a run's seed. Raises ConfigError where the splits are
    larger than the pool that they come from.
    """
    wanted, first = split.model_dump(), 0
    indices: dict[str, np.ndarray] = {}
    if wrong := no_room(source.name, source.pools, split):
        raise ConfigError(wrong)
    for total, parts in source.pools:
        purpose = f"split/{source.name}" + (f"/{parts[0]}" if len(source.pools) > 1 else "")
        order = first + torch.randperm(total, generator=streams.generator(0, purpose)).numpy()
        ends = np.cumsum([wanted[part] for part in parts])
        indices |= dict(zip(parts, np.split(order, ends)[:-1], strict=True))
        first += total
    return indices


def pixel_std(levels: np.ndarray, count: int) -> float:
    """Standard deviation of all pixels at their bin centres, from integer sums, which every machine
    computes alike."""
    counts = [int(n) for n in np.bincount(levels.ravel(), minlength=count)]
    n, first = sum(counts), sum(k * c for k, c in enumerate(counts))
    second = sum(k * k * c for k, c in enumerate(counts))
    return 2.0 / count * math.sqrt(n * second - first**2) / n


def _resampled_std(grey: np.ndarray) -> float:
    """The same of the binary images that are drawn from grey ones, over all draws."""
    white = int(grey.sum(dtype=np.int64)) / (255 * grey.size)
    return math.sqrt(white * (1.0 - white))


def write(
    study: Study, source: Source, images: np.ndarray, labels: np.ndarray, provenance: dict[str, Any]
) -> Manifest:
    """Write the splits and, last, the manifest that names them. The same input gives the same
    bytes. Raises ConfigError, CannotWrite."""
    stored, std = {}, 1.0
    for split, index in split_indices(source, study.data.split).items():
        levels = images[index]
        if (
            source.resampled and split != "train"
        ):  # training images stay grey: they are drawn anew in the loop
            levels = binarised(torch.from_numpy(levels), split).numpy()
        files.write_arrays(split_path(study, split), images=levels, labels=labels[index])
        if split == "train":
            std = _resampled_std(levels) if source.resampled else pixel_std(levels, source.levels)
        stored[split] = Stored(len(index), arrays_digest(levels, labels[index]))
    manifest = Manifest(
        name=source.name,
        levels=source.levels,
        shape=source.shape,
        classes=source.classes,
        class_names=source.class_names,
        std=std,
        resampled=source.resampled,
        digest="",
        splits={split: stored[split] for split in cells.SPLITS},
        source={"digest": source.digest, "licence": source.licence, "citation": source.citation}
        | provenance,
    )
    manifest = replace(manifest, digest=manifest.content_digest())
    files.write_json(manifest_path(study), asdict(manifest))
    return manifest
