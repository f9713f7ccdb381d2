"""The registry of data sets: what it yields is what was published, and nothing else passes.

The downloaded sets are read where THREETARGETS_TEST_MIRROR names a mirror of them (a folder or http
address).
"""

import gzip
import os
from collections import Counter
from dataclasses import replace
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import avg_pool2d

from threetargets.data import sources
from threetargets.errors import ConfigError, DataError, MissingInput
from threetargets.pipeline.cells import SPLITS

MIRROR = os.environ.get("THREETARGETS_TEST_MIRROR")
FETCHED = sorted(name for name, source in sources.SOURCES.items() if source.layouts)


@pytest.fixture(scope="module")
def arrays():
    """Reads each set once; skips where it is not at hand."""
    had = {}

    def read(name):
        source = sources.SOURCES[name]
        if source.layouts and not MIRROR:
            pytest.skip("no mirror of the data sets: set THREETARGETS_TEST_MIRROR")
        if name not in had:
            try:
                had[name] = sources.read(source, MIRROR)
            except MissingInput as error:
                pytest.skip(str(error))
        return had[name]

    return read


@pytest.mark.parametrize("name", sorted(sources.SOURCES))
def test_entry_is_complete(name):
    source = sources.SOURCES[name]
    assert source.name == name and len(source.class_names) == source.classes
    assert source.licence and source.citation and source.home
    assert sorted(split for _, parts in source.pools for split in parts) == sorted(SPLITS)
    assert bool(source.installed) != bool(source.layouts)
    for layout in source.layouts:
        for file in layout:
            assert len(file.sha256) == 64 and file.size > 0
            assert not file.path.startswith("/") and ".." not in file.path.split("/")
            hosts = [urlsplit(address).netloc for address in file.addresses]
            assert len(set(hosts)) == len(hosts) and all(
                a.endswith(file.path.split("/")[-1]) for a in file.addresses
            )
    if source.layouts:
        assert any(all(file.addresses for file in layout) for layout in source.layouts)


@pytest.mark.parametrize("name", sorted(sources.SOURCES))
def test_entry_describes_its_arrays(name, arrays):
    source = sources.SOURCES[name]
    images, labels, files = arrays(name)
    assert images.dtype == np.uint8 and images.shape == (len(images), *source.shape)
    assert labels.dtype == np.int64 and labels.shape == (len(images),)
    assert images.min() == 0 and images.max() == (255 if source.resampled else source.levels - 1)
    assert sorted(set(labels.tolist())) == list(range(source.classes))
    assert all(set(file) == {"name", "sha256", "from"} for file in files)
    assert all(file["from"].startswith("http") for file in files) or source.installed


def test_digits_are_those_of_scikit_learn(arrays):
    images, labels, files = arrays("digits")
    data = load_digits()
    assert np.array_equal(images.reshape(len(images), -1), data.data)
    assert np.array_equal(labels, data.target)
    # `sha256sum` of the file, taken outside Python
    assert files == [
        {
            "name": "digits.csv.gz",
            "sha256": "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
            "from": "scikit-learn",
        }
    ]


def test_mnist_has_the_published_counts_and_moments(arrays):
    """Images of each digit, and mean and deviation of the training pixels (0.1307, 0.3081), as the
    literature has them."""
    images, labels, _ = arrays("mnist")
    train, test = Counter(labels[:60000].tolist()), Counter(labels[60000:].tolist())
    assert [train[k] for k in range(10)] == [
        5923,
        6742,
        5958,
        6131,
        5842,
        5421,
        5918,
        6265,
        5851,
        5949,
    ]
    assert [test[k] for k in range(10)] == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    pixels = images[:60000] / np.float32(255)
    assert pixels.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)


@pytest.mark.parametrize("name", ["fashion-mnist", "cifar10"])
def test_classes_are_balanced_in_both_official_parts(name, arrays):
    _, labels, _ = arrays(name)
    cut = sources.SOURCES[name].pools[0][0]
    assert set(Counter(labels[:cut].tolist()).values()) == {cut // 10}
    assert set(Counter(labels[cut:].tolist()).values()) == {1000}


def test_cifar_channels_have_the_published_means(arrays):
    images, _, _ = arrays("cifar10")
    means = images[:50000].mean(axis=(0, 2, 3), dtype=np.float64) / 255
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=1e-4)


def test_binarised_images_are_draws_from_mnist(arrays):
    """A draw is 0 where the grey image is black and 1 where it is white: of all 70000 grey images
    that leaves few, and never none."""
    binary, grey = arrays("mnist-binarised").images, arrays("mnist").images
    grey = grey.reshape(len(grey), -1)
    for image in binary[:10].reshape(10, -1):
        possible = (grey[:, image == 1] > 0).all(1) & (grey[:, image == 0] < 255).all(1)
        assert 0 < possible.mean() < 0.01
    assert binary.mean() == pytest.approx(grey.mean() / 255, abs=1e-4)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_halved_images_are_averages_by_another_library(name, arrays):
    """Against torch's pooling in float64, halves upwards; labels are those of the whole."""
    whole, half = arrays(name), arrays(f"{name}14")
    assert np.array_equal(whole.labels, half.labels)
    rows = np.r_[0:1000, -1000:0]
    means = avg_pool2d(torch.from_numpy(whole.images[rows]).double(), 2)
    assert np.array_equal((means + 0.5).floor().numpy(), half.images[rows])


def test_unknown_name_lists_the_entries():
    with pytest.raises(ConfigError, match=r"data\.name.*'digitz'.*digits"):
        sources.find("digitz")


@pytest.mark.parametrize("harm", ["image", "label", "order", "type"])
def test_other_arrays_are_refused(harm):
    source = sources.find("digits")

    def read(had):
        images, labels = source.read(had)
        if harm == "image":
            images[3, 0, 2, 2] ^= 1
        elif harm == "label":
            labels[-1] = (labels[-1] + 1) % 10
        elif harm == "order":
            images, labels = images[::-1], labels[::-1]
        else:
            images = images.astype(np.int16)
        return images, labels

    with pytest.raises(DataError, match="SHA-256"):
        sources.read(replace(source, read=read))


def test_wrong_shape_is_named():
    source = sources.find("digits")
    flat = replace(source, read=lambda had: (np.zeros((5, 64), np.uint8), np.zeros(5, np.int64)))
    with pytest.raises(DataError, match=r"expected images \(1797, 1, 8, 8\)"):
        sources.read(flat)


@pytest.mark.parametrize("name", FETCHED)
def test_folder_of_other_files_is_refused(name, tmp_path):
    for file in sources.SOURCES[name].layouts[0]:
        path = tmp_path / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"something else"))
    with pytest.raises(DataError, match=r"has SHA-256 .* expected .*copy it again"):
        sources.read(sources.SOURCES[name], str(tmp_path))
