"""How the files of a data set become images and labels: one function for each form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from threetargets.data import formats, listing
from threetargets.data.download import File
from threetargets.errors import DataError

Had = Sequence[tuple[File, Path]]
"""The files of a layout, each with the path where it is."""


def digits_file() -> Path:
    import sklearn.datasets

    return Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"


def digits(had: Had) -> tuple[np.ndarray, np.ndarray]:
    """The 8x8 digits, read by scikit-learn from the file that it installs."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[:, None]
    if not np.array_equal(images[:, 0], bunch.images):
        raise DataError("digits: expected whole grey levels 0..16; reinstall scikit-learn")
    return images, bunch.target


def idx(had: Had) -> tuple[np.ndarray, np.ndarray]:
    """Training images and labels, test images and labels: the four files of MNIST and its kin."""
    train, train_labels, test, test_labels = (formats.idx(path) for _, path in had)
    return np.concatenate([train, test])[:, None], np.concatenate([train_labels, test_labels])


def idx_halved(had: Had) -> tuple[np.ndarray, np.ndarray]:
    """The same at half the side: each grey level the mean of 2x2, rounded, halves upwards."""
    images, labels = idx(had)
    n, c, height, width = images.shape
    sums = images.reshape(n, c, height // 2, 2, width // 2, 2).sum((3, 5), dtype=np.uint16)
    return ((sums + 2) // 4).astype(np.uint8), labels


def amat(had: Had) -> tuple[np.ndarray, np.ndarray]:
    """Training, validation and test images as text, without labels."""
    images = np.concatenate([formats.amat(path, 28 * 28) for _, path in had]).reshape(-1, 1, 28, 28)
    return images, np.zeros(len(images), np.int64)


def cifar(had: Had) -> tuple[np.ndarray, np.ndarray]:
    """Five training batches and the test batch, from the archive or as six files."""
    if len(had) == 1:
        path = had[0][1]
        parts = [formats.cifar(path, raw) for raw in formats.members(path, listing.CIFAR_MEMBERS)]
    else:
        parts = [formats.cifar(path, formats.unzipped(path)) for _, path in had]
    return np.concatenate([images for images, _ in parts]), np.concatenate(
        [labels for _, labels in parts]
    )
