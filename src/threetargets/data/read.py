"""The arrays of a study on disk, read only where they are what the manifest names. Nothing here
downloads."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from threetargets import files, streams
from threetargets.data import binarise
from threetargets.errors import DataError
from threetargets.pipeline import cells, paths
from threetargets.study.schema import Study

Resample = Callable[[Tensor, torch.Generator], Tensor]
AGAIN = "run `threetargets prepare` again"


@dataclass(frozen=True)
class Stored:
    """One split: number of images, and `arrays_digest` of its images and labels."""

    n: int
    digest: str


@dataclass(frozen=True)
class Manifest:
    """What the data folder holds. `digest` is SHA-256 over everything here but `source`."""

    name: str
    levels: int
    shape: tuple[int, int, int]
    classes: int
    class_names: tuple[str, ...]
    digest: str
    splits: dict[str, Stored]
    source: dict[str, Any]
    std: float = 1.0  # of all pixels of the training split, between -1 and 1 as models see them
    resampled: bool = False  # the training split holds grey levels 0..255: see binarise.py

    @property
    def dims(self) -> int:
        """D = C H W, the dimensions of bits/dim."""
        return math.prod(self.shape)

    def content_digest(self) -> str:
        values = {k: v for k, v in asdict(self).items() if k not in ("digest", "source")}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Images:
    """Grey levels uint8 (N, C, H, W) and labels int64 (N,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int | None) -> Images:
        """The first `count` of them; None: all."""
        return Images(self.images[:count], self.labels[:count])


def arrays_digest(images: np.ndarray, labels: np.ndarray) -> str:
    """SHA-256 over type, shape and values of both arrays: the same on every machine, however the
    file is compressed."""
    sha = hashlib.sha256()
    for array in (images, labels):
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def split_path(study: Study, split: str) -> Path:
    return paths.data_dir(study) / f"{split}.npz"


def manifest_path(study: Study) -> Path:
    return paths.data_dir(study) / "manifest.json"


def load_manifest(study: Study) -> Manifest:
    """The manifest of the study's data.

    Raises MissingInput, and DataError where it is damaged or was written for another data set or
    split than the study names.
    """
    path = manifest_path(study)
    values = files.read_json(path)
    try:
        splits = {split: Stored(**values["splits"][split]) for split in cells.SPLITS}
        tuples = {"shape": tuple(values["shape"]), "class_names": tuple(values["class_names"])}
        manifest = Manifest(**{**values, **tuples, "splits": splits})
        whole = manifest.content_digest() == manifest.digest
    except (KeyError, TypeError):
        whole = False
    if not whole:
        raise DataError(f"{path}: damaged, not a whole manifest with its own digest; {AGAIN}")
    wanted = {"name": study.data.name, **study.data.split.model_dump()}
    written = {
        "name": manifest.name,
        **{split: stored.n for split, stored in manifest.splits.items()},
    }
    for key, value in wanted.items():
        if written[key] != value:
            raise DataError(
                f"{path}: written for {key} = {written[key]}, the study says {value}; {AGAIN}"
            )
    return manifest


def load_split(study: Study, split: str) -> Images:
    """The images, as levels 0..K-1, and labels of one split. Training images that are stored grey
    are binarised once, the same in every call.

    Raises MissingInput, and DataError where the file is not the one that the manifest names.
    """
    manifest, images = load_manifest(study), _load(study, split)
    return (
        replace(images, images=binarised(images.images, split))
        if manifest.resampled and split == "train"
        else images
    )


def load_training(study: Study) -> tuple[Images, Resample | None]:
    """The training split as it is stored, and how the loop draws levels from a batch of it, or None
    where it holds levels. Raises as `load_split` does."""
    return _load(study, "train"), binarise.draw if load_manifest(study).resampled else None


def binarised(grey: Tensor, split: str) -> Tensor:
    return binarise.draw(grey, streams.generator(0, f"binarise/{split}"))


def _load(study: Study, split: str) -> Images:
    wanted, path = load_manifest(study).splits[split].digest, split_path(study, split)
    arrays = files.read_arrays(path)
    if (
        set(arrays) != {"images", "labels"}
        or arrays_digest(arrays["images"], arrays["labels"]) != wanted
    ):
        raise DataError(
            f"{path}: not the arrays that manifest.json names (SHA-256 {wanted[:16]}...); {AGAIN}"
        )
    return Images(torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"]))
