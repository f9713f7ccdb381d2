"""Compare two sets of images on Inception's features, without a study: the published checks of FID
are made so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from threetargets import files, streams
from threetargets.data import pretrained
from threetargets.data.sources import SOURCES, arrays_digest, read
from threetargets.errors import ConfigError, DataError, MissingInput
from threetargets.metrics import fidelity, inception, remembered
from threetargets.pipeline.records import Figure
from threetargets.progress import Progress
from threetargets.study.blocks import Evaluation

CHOSEN = Evaluation(
    kid_subset_size=1000,
    kid_subsets=100,
    neighbours=3,
    bootstrap=20,
    fid_parts=[1, 2, 3],
    fid_partitions=2,
)
"""KID and neighbours as torch-fidelity has them; fewer resamples than a study, for each takes
seconds."""


def run(
    first: str,
    second: str,
    images: int,
    levels: int,
    weights: str | None,
    mirror: str | None,
    device: str,
) -> list[Figure]:
    """FID and its kin of `first` against the reference `second`, each SOURCE:train, SOURCE:test
    (the official images of an entry of data/sources.py) or an .npz file with `images` or `levels`
    below `levels`.

    Of each set `images` are drawn at random, all of them where 0. Raises ConfigError, MissingInput,
    DataError.
    """
    where = torch.device(
        "cuda" if device == "auto" and torch.cuda.is_available() else device.replace("auto", "cpu")
    )
    name = inception.register(pretrained.obtain(weights, mirror))
    (one, k), (other, m) = (_read(text, levels, mirror) for text in (first, second))
    if one.shape[1:] != other.shape[1:]:
        raise ConfigError(
            f"{first} holds images {tuple(one.shape[1:])}, {second} {tuple(other.shape[1:])}"
        )
    # A set against itself: halves without an image in common.
    apart = len(other) // 2 if first == second else 0
    one = _draw(first, one, images or len(one), 0)
    other = _draw(second, other, images or len(other), apart)

    def see(what: str, some: Tensor, levels: int) -> Tensor:
        progress = Progress(f"{what}: images seen by Inception", len(some), every=30)
        return inception.see(name, some, levels, where, progress.step)

    digest = arrays_digest(other.numpy(), np.zeros(0))
    reference = remembered.reference(
        f"{digest}, {m} levels", name, second, len(other), lambda: see(second, other, m), where
    )
    generated = see(first, one, k).double()
    size = min(CHOSEN.kid_subset_size, len(one), len(other))
    figures = fidelity.fidelity(
        generated, reference, CHOSEN.model_copy(update={"kid_subset_size": size}), 0
    )
    return [replace(figure, reference=reference.label, extractor=name) for figure in figures]


def _draw(name: str, images: Tensor, count: int, skip: int) -> Tensor:
    if skip + count > len(images):
        halves = " for two halves" if skip else ""
        raise ConfigError(
            f"--images {count}: {name} has {len(images)}{halves}; ask for fewer, or 0 for all"
        )
    order = torch.randperm(len(images), generator=streams.generator(0, "compare"))
    return images[order[skip : skip + count]]


def _read(text: str, levels: int, mirror: str | None) -> tuple[Tensor, int]:
    """Images uint8 (N, C, H, W) and their number of levels."""
    if text.endswith(".npz"):
        if not Path(text).exists():
            raise MissingInput(f"{text}: no such file")
        arrays = files.read_arrays(Path(text))
        levels_read = arrays.get("images", arrays.get("levels"))
        if (
            levels_read is None
            or levels_read.dtype != "uint8"
            or levels_read.ndim != 4
            or not len(levels_read)
            or levels_read.max() >= levels
        ):
            raise DataError(
                f"{text}: expected `images` or `levels`, uint8 (N, C, H, W) below --levels {levels}"
            )
        return torch.from_numpy(levels_read), levels
    known = re.fullmatch(r"(.+):(train|test)", text)
    if not known or known[1] not in SOURCES:
        raise ConfigError(
            f"{text}: expected SOURCE:train or SOURCE:test, SOURCE of {', '.join(SOURCES)}, or "
            "an .npz file"
        )
    source = SOURCES[known[1]]
    if ("test",) not in [parts for _, parts in source.pools]:
        raise ConfigError(f"{text}: {source.name} has no official test images")
    images, first = read(source, mirror).images, 0
    for count, parts in source.pools:
        if known[2] in parts:
            break
        first += count
    return torch.from_numpy(
        images[first : first + count]
    ), 256 if source.resampled else source.levels
