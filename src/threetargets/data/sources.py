"""Where images come from: one entry for each data set, checked by digest.

To add a data set, add one `Source` to `SOURCES`: what is known of it, its files in the forms in
which they are distributed (`layouts`), and a function of readers.py that reads them. What a file
holds is in formats.py, how files are found, fetched and checked in fetch.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from threetargets.data import download, listing, readers
from threetargets.data.download import PATIENCE, File, Patience
from threetargets.data.fetch import obtain
from threetargets.data.listing import Layout
from threetargets.data.read import arrays_digest
from threetargets.data.readers import Had
from threetargets.errors import ConfigError, DataError

Splits = tuple[str, ...]
WHOLE: Splits = ("test", "validation", "train")
OFFICIAL: Splits = (
    "validation",
    "train",
)  # of the official training images; the official test images are apart


class Arrays(NamedTuple):
    """A whole data set: grey levels uint8 (N, C, H, W), labels int64 (N,), and the files that they
    were read from."""

    images: np.ndarray
    labels: np.ndarray
    files: list[dict[str, str]]  # {"name", "sha256", "from"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is known of a data set before it is read.

    `digest` is `arrays_digest` of all its images and labels, in the order of its files. `pools`
    says how many of them, in that order, may go into which splits: the official test images into
    the test split and no other. Within a pool the splits are cut in the order given, so that a
    study with fewer training images keeps the other splits.
    """

    name: str
    shape: tuple[int, int, int]  # (C, H, W)
    levels: int  # K: grey levels are 0..K-1
    classes: int  # 1 where there are no labels; they are all 0 then
    class_names: tuple[str, ...]
    pools: tuple[tuple[int, Splits], ...]
    digest: str
    licence: str
    citation: str
    home: str  # where it is described, or the package that ships it
    installed: Callable[[], Path] | None = None  # its file, where a package ships it
    layouts: tuple[Layout, ...] = ()  # else: the first one that can be had is read
    read: Callable[[Had], tuple[np.ndarray, np.ndarray]]
    resampled: bool = (
        False  # read as 256 grey levels, the probabilities of levels 1: see binarise.py
    )


DIGITS = tuple("0123456789")
CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
FASHION_CITATION = "H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, 2017, arXiv:1708.07747"
MNIST_CITATION = (
    "Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits, 1998"
)

SOURCES: dict[str, Source] = {
    "digits": Source(
        name="digits",
        shape=(1, 8, 8),
        levels=17,
        classes=10,
        class_names=DIGITS,
        pools=((1797, WHOLE),),
        digest="3bdcbf898d4e4ae2f3de959032fd61698f9cfd69ee85a8f024b3c115d56ec81a",
        licence="CC BY 4.0",
        citation=(
            "E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits (test set), "
            "UCI Machine Learning Repository, 1998, doi:10.24432/C50P49; the copy that "
            "scikit-learn ships"
        ),
        home="scikit-learn",
        installed=readers.digits_file,
        read=readers.digits,
    ),
    "mnist": Source(
        name="mnist",
        shape=(1, 28, 28),
        levels=256,
        classes=10,
        class_names=DIGITS,
        pools=((60000, OFFICIAL), (10000, ("test",))),
        digest="c796fdc7928c3c94b2a6943b4a08cbd6d4d739dd06190a77a6d97acc4c963401",
        licence="CC BY-SA 3.0",
        citation=MNIST_CITATION,
        home="http://yann.lecun.com/exdb/mnist",
        layouts=(listing.MNIST,),
        read=readers.idx,
    ),
    "mnist14": Source(
        name="mnist14",
        shape=(1, 14, 14),
        levels=256,
        classes=10,
        class_names=DIGITS,
        pools=((60000, OFFICIAL), (10000, ("test",))),
        digest="a66e6df2aa28deb0d45b8a7df03f9e6a21144c266b8947e5796b69ba31221c04",
        licence="CC BY-SA 3.0",
        citation=f"{MNIST_CITATION}; averages of 2x2 grey levels, rounded",
        home="http://yann.lecun.com/exdb/mnist",
        layouts=(listing.MNIST,),
        read=readers.idx_halved,
    ),
    "mnist-dynamic": Source(
        name="mnist-dynamic",
        shape=(1, 28, 28),
        levels=2,
        classes=10,
        class_names=DIGITS,
        pools=((60000, OFFICIAL), (10000, ("test",))),
        digest="c796fdc7928c3c94b2a6943b4a08cbd6d4d739dd06190a77a6d97acc4c963401",
        licence="CC BY-SA 3.0",
        citation=(
            f"{MNIST_CITATION}; binarised at random, training images anew whenever they "
            "are seen (Burda, Grosse, Salakhutdinov 2016, arXiv:1509.00519)"
        ),
        home="http://yann.lecun.com/exdb/mnist",
        layouts=(listing.MNIST,),
        read=readers.idx,
        resampled=True,
    ),
    "mnist-binarised": Source(
        name="mnist-binarised",
        shape=(1, 28, 28),
        levels=2,
        classes=1,
        class_names=("digit",),
        pools=((50000, ("train",)), (10000, ("validation",)), (10000, ("test",))),
        digest="e56548534d2185c23b0c071cde24c4a0726f61bca217001f8ea307ffc1de7120",
        licence="not stated; made from MNIST",
        citation=(
            "H. Larochelle, I. Murray: The Neural Autoregressive Distribution Estimator, "
            "AISTATS 2011; binarised at random, once, from MNIST as in R. Salakhutdinov, "
            "I. Murray: On the Quantitative Analysis of Deep Belief Networks, ICML 2008"
        ),
        home="https://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist",
        layouts=(listing.AMAT, listing.AMAT_GZ),
        read=readers.amat,
    ),
    "fashion-mnist": Source(
        name="fashion-mnist",
        shape=(1, 28, 28),
        levels=256,
        classes=10,
        class_names=CLOTHES,
        pools=((60000, OFFICIAL), (10000, ("test",))),
        digest="6ba3a9b107a4185b23e5825bb5d5326e40a5e945a520b22e0bc0849360d67265",
        licence="MIT",
        citation=FASHION_CITATION,
        home="https://github.com/zalandoresearch/fashion-mnist",
        layouts=(listing.FASHION,),
        read=readers.idx,
    ),
    "fashion-mnist14": Source(
        name="fashion-mnist14",
        shape=(1, 14, 14),
        levels=256,
        classes=10,
        class_names=CLOTHES,
        pools=((60000, OFFICIAL), (10000, ("test",))),
        digest="fe8f41020a91abc0303f9b85cb77436e8f24d3e0481686438f49db32a105f863",
        licence="MIT",
        citation=f"{FASHION_CITATION}; averages of 2x2 grey levels, rounded",
        home="https://github.com/zalandoresearch/fashion-mnist",
        layouts=(listing.FASHION,),
        read=readers.idx_halved,
    ),
    "cifar10": Source(
        name="cifar10",
        shape=(3, 32, 32),
        levels=256,
        classes=10,
        class_names=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        pools=((50000, OFFICIAL), (10000, ("test",))),
        digest="848065edd20119ce71b9febcba2823bc628e0ce25208574cbdd21d6f401daae0",
        licence="not stated; free to use with its citation",
        citation="A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009",
        home="https://www.cs.toronto.edu/~kriz/cifar.html",
        layouts=(listing.CIFAR, listing.CIFAR_BATCHES),
        read=readers.cifar,
    ),
}


def find(name: str) -> Source:
    """The entry of that name. Raises ConfigError naming those that exist."""
    if name not in SOURCES:
        raise ConfigError(
            f"data.name: unknown data set {name!r}; expected one of {', '.join(sorted(SOURCES))}"
        )
    return SOURCES[name]


def read(source: Source, mirror: str | None = None, patience: Patience = PATIENCE) -> Arrays:
    """All images and labels of a source, fetched where they are not here, and checked.

    Raises MissingInput where its files are nowhere to be had, DataError where they are not those
    that the entry describes, CannotWrite where the cache takes no more.
    """
    if source.installed:
        path = source.installed()
        had = [(File(path=path.name, size=path.stat().st_size, sha256=download.digest(path)), path)]
    else:
        had = obtain(source.name, source.layouts, mirror, patience)
    images, labels = source.read(had)
    labels = labels.astype(np.int64)
    total = sum(count for count, _ in source.pools)
    if images.shape != (total, *source.shape) or labels.shape != (total,):
        expected = f"images {(total, *source.shape)} and labels ({total},)"
        raise DataError(
            f"data set {source.name}: expected {expected}, found {images.shape} and {labels.shape}"
        )
    digest = arrays_digest(images, labels)
    if digest != source.digest:
        raise DataError(
            f"data set {source.name}: SHA-256 of its arrays is {digest}, expected "
            f"{source.digest[:16]}...; the files are not those that this study names: fetch or "
            "install them again"
        )
    # The public home, not the place that they were had from: a study prepared from a mirror is the
    # same study.
    files = [
        {
            "name": Path(f.path).name,
            "sha256": f.sha256,
            "from": f.addresses[0] if f.addresses else source.home,
        }
        for f, _ in had
    ]
    return Arrays(images, labels, files)
