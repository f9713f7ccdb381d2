"""The registry of data sets: what it yields is what scikit-learn ships, and nothing else passes."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from threetargets.data import sources
from threetargets.errors import ConfigError, DataError


@pytest.mark.parametrize("name", sorted(sources.SOURCES))
def test_entry_describes_its_arrays(name):
    source = sources.SOURCES[name]
    images, labels, files = sources.read(source)
    assert images.dtype == np.uint8 and images.shape == (len(images), *source.shape)
    assert labels.dtype == np.int64 and labels.shape == (len(images),)
    assert images.min() == 0 and images.max() == source.levels - 1
    assert sorted(set(labels.tolist())) == list(range(source.classes))
    assert len(source.class_names) == source.classes and source.licence and source.citation
    assert all(set(file) == {"name", "sha256", "from"} for file in files)


def test_digits_are_those_of_scikit_learn():
    images, labels, files = sources.read(sources.find("digits"))
    data = load_digits()
    assert np.array_equal(images.reshape(len(images), -1), data.data)
    assert np.array_equal(labels, data.target)
    # `sha256sum` of the file, taken outside Python
    assert files[0]["sha256"] == "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"


def test_unknown_name_lists_the_entries():
    with pytest.raises(ConfigError, match=r"data\.name.*'digitz'.*digits"):
        sources.find("digitz")


@pytest.mark.parametrize("harm", ["image", "label", "order", "type"])
def test_other_arrays_are_refused(harm):
    source = sources.find("digits")

    def load(mirror):
        images, labels, files = source.load(mirror)
        if harm == "image":
            images[3, 0, 2, 2] ^= 1
        elif harm == "label":
            labels[-1] = (labels[-1] + 1) % 10
        elif harm == "order":
            images, labels = images[::-1], labels[::-1]
        else:
            images = images.astype(np.int16)
        return sources.Arrays(images, labels, files)

    with pytest.raises(DataError, match="SHA-256"):
        sources.read(replace(source, load=load))


def test_wrong_shape_is_named():
    source = sources.find("digits")
    flat = replace(source, load=lambda mirror: sources.Arrays(np.zeros((5, 64), np.uint8), np.zeros(5, np.int64), []))
    with pytest.raises(DataError, match=r"expected images \(N, 1, 8, 8\)"):
        sources.read(flat)


def test_mirror_reaches_the_loader():
    asked = []
    source = sources.find("digits")

    def load(mirror):
        asked.append(mirror)
        return source.load(None)

    sources.read(replace(source, load=load), "mirror/folder")
    assert asked == ["mirror/folder"]
