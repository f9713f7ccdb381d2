"""Two sets of images against each other, with pixels in the place of Inception's features."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from threetargets.errors import ConfigError, DataError, MissingInput
from threetargets.files import write_arrays
from threetargets.stages import compare

RNG = np.random.default_rng(0)


@pytest.fixture
def seen(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THREETARGETS_CACHE", str(tmp_path / "cache"))
    sets = []

    def see(name, images, count, device, told):
        told(len(images))
        sets.append({image.numpy().tobytes() for image in images})
        return images.flatten(1).float() / count

    monkeypatch.setattr(compare.pretrained, "obtain", lambda weights, mirror: tmp_path)
    monkeypatch.setattr(compare.inception, "register", lambda path: "inception-0")
    monkeypatch.setattr(compare.inception, "see", see)
    return sets


def run(first, second, images=0, levels=256):
    return {f.metric: f for f in compare.run(first, second, images, levels, None, None, "cpu")}


def test_files(seen):
    for name, low in (("a", 0), ("b", 100)):
        write_arrays(
            Path(f"{name}.npz"), images=RNG.integers(low, low + 150, (80, 1, 2, 2), dtype=np.uint8)
        )
    same, other = run("a.npz", "a.npz", 40), run("a.npz", "b.npz")
    assert seen[0].isdisjoint(seen[1])  # halves of one file
    assert other["fid"].value > 10 * same["fid"].value and other["fid"].n == 80
    assert (other["fid"].reference, other["fid"].extractor) == ("b.npz (n=80)", "inception-0")
    assert {len(s) for s in seen} == {40, 80}


def test_what_is_no_set_is_named(seen):
    write_arrays(Path("a.npz"), levels=np.full((4, 1, 2, 2), 20, np.uint8))
    write_arrays(Path("c.npz"), levels=np.zeros((4, 3, 2, 2), np.uint8))
    with pytest.raises(DataError, match=r"a\.npz: .*below --levels 17"):
        run("a.npz", "a.npz", 0, 17)
    for first, second, said in (
        ("cifar10", "a.npz", "SOURCE:train"),
        ("nothing:test", "a.npz", "SOURCE of digits"),
        ("digits:test", "a.npz", "no official test images"),
        ("a.npz", "c.npz", "images"),
    ):
        with pytest.raises(ConfigError, match=said):
            run(first, second)
    with pytest.raises(MissingInput, match=r"^none\.npz: no such file$"):
        run("a.npz", "none.npz")
    with pytest.raises(ConfigError, match=r"a\.npz has 4 for two halves"):
        run("a.npz", "a.npz", 3)


def test_official_images_are_told_apart(seen, monkeypatch):
    grey = np.repeat(np.arange(200, dtype=np.uint8)[:, None, None, None], 4, 2)
    source = compare.SOURCES["mnist"]
    monkeypatch.setitem(
        compare.SOURCES,
        "mnist",
        replace(source, pools=((150, ("validation", "train")), (50, ("test",)))),
    )
    monkeypatch.setattr(
        compare, "read", lambda source, mirror: type("Arrays", (), {"images": grey})
    )
    run("mnist:train", "mnist:test")
    first = sorted(image[0] for image in seen[1])
    assert sorted(image[0] for image in seen[0]) == list(range(150, 200)) and first == list(
        range(150)
    )
