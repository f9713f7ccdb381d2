"""Where images come from: one entry for each data set, checked by digest.

To add a data set, write a function that returns its `Arrays` and add one `Source` to `SOURCES`. A set that is
downloaded takes its files from `mirror` where one is given (a folder or an http address, `data.mirror` of the study)
and from its public addresses otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from threetargets.errors import ConfigError, DataError


class Arrays(NamedTuple):
    """A whole data set: grey levels uint8 (N, C, H, W), labels int64 (N,), and the files that they were read from."""

    images: np.ndarray
    labels: np.ndarray
    files: list[dict[str, str]]  # {"name", "sha256", "from"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is known of a data set before it is read; `digest` is `arrays_digest` of all its images and labels, in
    the order of its files."""

    name: str
    shape: tuple[int, int, int]  # (C, H, W)
    levels: int  # K: grey levels are 0..K-1
    classes: int
    class_names: tuple[str, ...]
    digest: str
    licence: str
    citation: str
    load: Callable[[str | None], Arrays]  # takes the mirror


def arrays_digest(images: np.ndarray, labels: np.ndarray) -> str:
    """SHA-256 over type, shape and values of both arrays: the same on every machine, however the file is compressed."""
    sha = hashlib.sha256()
    for array in (images, labels):
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def _digits(mirror: str | None) -> Arrays:
    """The 8x8 digits, read from the file that scikit-learn installs; a mirror is not needed."""
    import sklearn.datasets
    from sklearn.datasets import load_digits

    bunch = load_digits()
    file = Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"
    files = []
    if file.exists():
        sha = hashlib.sha256(file.read_bytes()).hexdigest()
        files.append({"name": file.name, "sha256": sha, "from": "scikit-learn"})
    images = bunch.images.astype(np.uint8)[:, None]
    if not np.array_equal(images[:, 0], bunch.images):
        raise DataError("digits: expected whole grey levels 0..16; reinstall scikit-learn")
    return Arrays(images, bunch.target.astype(np.int64), files)


SOURCES: dict[str, Source] = {
    "digits": Source(
        name="digits",
        shape=(1, 8, 8),
        levels=17,
        classes=10,
        class_names=tuple("0123456789"),
        digest="3bdcbf898d4e4ae2f3de959032fd61698f9cfd69ee85a8f024b3c115d56ec81a",
        licence="CC BY 4.0",
        citation="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits (test set), UCI Machine"
        " Learning Repository, 1998, doi:10.24432/C50P49; the copy that scikit-learn ships",
        load=_digits,
    ),
}


def find(name: str) -> Source:
    """The entry of that name. Raises ConfigError naming those that exist."""
    if name not in SOURCES:
        raise ConfigError(f"data.name: unknown data set {name!r}; expected one of {', '.join(sorted(SOURCES))}")
    return SOURCES[name]


def read(source: Source, mirror: str | None = None) -> Arrays:
    """All images and labels of a source, checked. Raises DataError where they are not those that the entry
    describes."""
    arrays = source.load(mirror)
    if arrays.images.shape[1:] != source.shape or arrays.labels.shape != arrays.images.shape[:1]:
        expected = f"images (N, {', '.join(map(str, source.shape))}) and labels (N,)"
        found = f"{arrays.images.shape} and {arrays.labels.shape}"
        raise DataError(f"data set {source.name}: expected {expected}, found {found}")
    digest = arrays_digest(arrays.images, arrays.labels)
    if digest != source.digest:
        raise DataError(
            f"data set {source.name}: SHA-256 of its arrays is {digest[:16]}..., expected {source.digest[:16]}...;"
            " the files are not those that this study names: fetch or install them again"
        )
    return arrays
