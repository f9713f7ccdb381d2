"""The arrays of a study on disk: a fixed split, written whole, read only where it is what the manifest names."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from threetargets import files, grid, streams
from threetargets.data.sources import Source, arrays_digest
from threetargets.errors import ConfigError, DataError
from threetargets.study import Split, Study

# The order in which the permutation is cut: a study with fewer training images keeps its test and validation images.
CUT = ("test", "validation", "train")
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


def split_path(study: Study, split: str) -> Path:
    return grid.data_dir(study) / f"{split}.npz"


def manifest_path(study: Study) -> Path:
    return grid.data_dir(study) / "manifest.json"


def split_indices(name: str, total: int, split: Split) -> dict[str, np.ndarray]:
    """Indices of each split: a permutation drawn from the stream (0, "split/<name>"), cut into test, validation and
    train.

    It depends on the data set alone, never on a run's seed. Raises ConfigError where the splits are larger than the
    data.
    """
    wanted = split.model_dump()
    if sum(wanted.values()) > total:
        sizes = " + ".join(str(wanted[part]) for part in grid.SPLITS)
        asked = f"{sizes} = {sum(wanted.values())} images"
        raise ConfigError(f"data.split: {asked}, but {name} has {total}; make the splits smaller")
    order = torch.randperm(total, generator=streams.generator(0, f"split/{name}")).numpy()
    ends = np.cumsum([wanted[part] for part in CUT])
    return dict(zip(CUT, np.split(order, ends)[:-1], strict=True))


def write(study: Study, source: Source, images: np.ndarray, labels: np.ndarray, provenance: dict[str, Any]) -> Manifest:
    """Write the splits and, last, the manifest that names them. The same input gives the same bytes. Raises
    ConfigError, CannotWrite."""
    stored = {}
    for split, index in split_indices(source.name, len(images), study.data.split).items():
        files.write_arrays(split_path(study, split), images=images[index], labels=labels[index])
        stored[split] = Stored(len(index), arrays_digest(images[index], labels[index]))
    manifest = Manifest(
        name=source.name,
        levels=source.levels,
        shape=source.shape,
        classes=source.classes,
        class_names=source.class_names,
        digest="",
        splits={split: stored[split] for split in grid.SPLITS},
        source={"digest": source.digest, "licence": source.licence, "citation": source.citation} | provenance,
    )
    manifest = replace(manifest, digest=manifest.content_digest())
    files.write_json(manifest_path(study), asdict(manifest))
    return manifest


def load_manifest(study: Study) -> Manifest:
    """The manifest of the study's data.

    Raises MissingInput, and DataError where it is damaged or was written for another data set or split than the
    study names.
    """
    path = manifest_path(study)
    values = files.read_json(path)
    try:
        splits = {split: Stored(**values["splits"][split]) for split in grid.SPLITS}
        tuples = {"shape": tuple(values["shape"]), "class_names": tuple(values["class_names"])}
        manifest = Manifest(**{**values, **tuples, "splits": splits})
        whole = manifest.content_digest() == manifest.digest
    except (KeyError, TypeError):
        whole = False
    if not whole:
        raise DataError(f"{path}: damaged, not a whole manifest with its own digest; {AGAIN}")
    wanted = {"name": study.data.name, **study.data.split.model_dump()}
    found = {"name": manifest.name, **{split: stored.n for split, stored in manifest.splits.items()}}
    for key, value in wanted.items():
        if found[key] != value:
            raise DataError(f"{path}: written for {key} = {found[key]}, the study says {value}; {AGAIN}")
    return manifest


def load_split(study: Study, split: str) -> Images:
    """The images and labels of one split. Raises MissingInput, and DataError where the file is not the one that the
    manifest names."""
    wanted, path = load_manifest(study).splits[split].digest, split_path(study, split)
    arrays = files.read_arrays(path)
    if set(arrays) != {"images", "labels"} or arrays_digest(arrays["images"], arrays["labels"]) != wanted:
        raise DataError(f"{path}: not the arrays that manifest.json names (SHA-256 {wanted[:16]}...); {AGAIN}")
    return Images(torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"]))
