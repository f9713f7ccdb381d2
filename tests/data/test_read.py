"""Splits on disk: fixed, disjoint, verified on reading."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from sklearn.datasets import load_digits

from threetargets import files, streams
from threetargets import study as studies
from threetargets.data import read, sources, splits
from threetargets.errors import CannotWrite, ConfigError, DataError, MissingInput
from threetargets.stages import prepare
from threetargets.study.blocks import Split

PARAMS = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())

DIGITS = sources.find("digits")


def a_study(**split):
    sizes = {"train": 1097, "validation": 200, "test": 500} | split
    values = {**PARAMS, "data": {"name": "digits", "split": sizes, "mirror": None}}
    values["sampling"] = {**PARAMS["sampling"], "images": min(500, sizes["train"], sizes["test"])}
    return studies.parse(values, "test")


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return a_study()


def test_every_image_is_in_exactly_one_split(study):
    parts = splits.split_indices(DIGITS, study.data.split)
    assert {k: len(v) for k, v in parts.items()} == {"train": 1097, "validation": 200, "test": 500}
    assert sorted(np.concatenate(list(parts.values()))) == list(range(1797))


def test_smaller_training_split_keeps_test_and_validation():
    whole = splits.split_indices(DIGITS, a_study().data.split)
    fewer = splits.split_indices(DIGITS, a_study(train=600).data.split)
    assert np.array_equal(whole["test"], fewer["test"]) and np.array_equal(
        whole["validation"], fewer["validation"]
    )
    assert np.array_equal(whole["train"][:600], fewer["train"])


def test_split_is_the_same_everywhere():
    """Written down once: another permutation, of another torch or another stream, would move images
    between splits."""
    parts = splits.split_indices(DIGITS, a_study().data.split)
    assert parts["test"][:5].tolist() == [480, 572, 994, 393, 1729] and parts["train"][
        -5:
    ].tolist() == [
        812,
        1,
        1317,
        19,
        1020,
    ]


def test_data_sets_have_permutations_of_their_own():
    a, b = (
        splits.split_indices(replace(DIGITS, name=name), a_study().data.split)["test"]
        for name in "ab"
    )
    assert not np.array_equal(a, b)


OFFICIAL = replace(DIGITS, name="o", pools=((1000, ("validation", "train")), (797, ("test",))))
THREE = replace(
    DIGITS, name="t", pools=((1000, ("train",)), (297, ("validation",)), (500, ("test",)))
)


def test_official_test_images_stay_apart():
    parts = splits.split_indices(OFFICIAL, Split(train=700, validation=300, test=600))
    assert sorted(np.concatenate([parts["train"], parts["validation"]])) == list(range(1000))
    assert (
        len(set(parts["test"])) == 600 and min(parts["test"]) >= 1000 and max(parts["test"]) < 1797
    )
    fewer = splits.split_indices(OFFICIAL, Split(train=100, validation=300, test=10))
    assert np.array_equal(fewer["validation"], parts["validation"])
    assert np.array_equal(fewer["train"], parts["train"][:100]) and np.array_equal(
        fewer["test"], parts["test"][:10]
    )


def test_official_validation_images_stay_apart():
    parts = splits.split_indices(THREE, Split(train=1000, validation=297, test=500))
    assert {k: (min(v), max(v), len(set(v))) for k, v in parts.items()} == {
        "train": (0, 999, 1000),
        "validation": (1000, 1296, 297),
        "test": (1297, 1796, 500),
    }


@pytest.mark.parametrize(
    ("source", "sizes", "said"),
    [
        (
            OFFICIAL,
            (801, 200, 2),
            r"801 \+ 200 = 1001 images, but o has 1000 for train and validation",
        ),
        (OFFICIAL, (1, 1, 798), "798 images, but o has 797 for test"),
        (THREE, (500, 298, 2), "298 images, but t has 297 for validation"),
    ],
)
def test_splits_larger_than_their_pool(source, sizes, said):
    with pytest.raises(ConfigError, match=said):
        splits.split_indices(
            source, Split(**dict(zip(("train", "validation", "test"), sizes, strict=True)))
        )


def test_dynamic_binarisation(study, monkeypatch):
    """Validation and test are drawn once; training images stay grey, and look binary to all but the
    loop."""
    grey = np.repeat(np.arange(256, dtype=np.uint8), 8)[:1797].reshape(1797, 1, 1, 1) * np.ones(
        (1, 8, 8), np.uint8
    )
    labels = DIGITS.read([])[1].astype(np.int64)
    source = replace(
        DIGITS,
        levels=2,
        resampled=True,
        read=lambda had: (grey, labels),
        digest=sources.arrays_digest(grey, labels),
    )
    monkeypatch.setitem(sources.SOURCES, "digits", source)
    prepare.run(study)
    assert read.load_manifest(study).levels == 2
    index = splits.split_indices(source, study.data.split)
    for split in ("train", "validation", "test"):
        images = read.load_split(study, split).images
        assert images.dtype == torch.uint8 and set(images.unique().tolist()) == {0, 1}
        assert torch.equal(images, read.load_split(study, split).images)
        p = torch.from_numpy(grey[index[split]]).double() / 255
        z = (images.double() - p).sum() / (p * (1 - p)).sum().sqrt()
        assert abs(z) < 4
    stored, resample = read.load_training(study)
    assert np.array_equal(stored.images.numpy(), grey[index["train"]])
    draws = [resample(stored.images, streams.generator(5, "binarise", step)) for step in (0, 1)]
    assert not torch.equal(*draws) and set(draws[0].unique().tolist()) == {0, 1}
    assert torch.equal(draws[0], resample(stored.images, streams.generator(5, "binarise", 0)))


def test_other_data_are_trained_on_as_stored(study):
    prepare.run(study)
    stored, resample = read.load_training(study)
    assert resample is None and torch.equal(stored.images, read.load_split(study, "train").images)


def test_splits_larger_than_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigError, match=r"data\.split: 1098 \+ 200 \+ 500 = 1798 images, but digits has 1797"
    ):
        prepare.run(a_study(train=1098))
    assert not list(tmp_path.rglob("*.npz"))


def test_what_is_written_is_what_is_read(study):
    prepare.run(study, params="p.yaml")
    data = load_digits()
    manifest = read.load_manifest(study)
    assert (manifest.name, manifest.levels, manifest.shape, manifest.dims) == (
        "digits",
        17,
        (1, 8, 8),
        64,
    )
    assert manifest.classes == 10 and manifest.class_names[7] == "7"
    assert manifest.source["command"] == "threetargets prepare --params p.yaml"
    for split, index in splits.split_indices(DIGITS, study.data.split).items():
        images = read.load_split(study, split)
        assert images.images.dtype == torch.uint8 and images.labels.dtype == torch.int64
        assert len(images) == manifest.splits[split].n
        assert np.array_equal(images.images.numpy(), data.images[index, None])
        assert np.array_equal(images.labels.numpy(), data.target[index])


def test_second_run_changes_no_byte(study):
    prepare.run(study)
    folder = Path("results/digits/data")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    prepare.run(study)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert set(before) == {"train.npz", "validation.npz", "test.npz", "manifest.json"}


def test_interrupted_run_leaves_no_manifest(study, monkeypatch):
    whole = files.write_arrays

    def fail_at_the_last(path, **arrays):
        if path.name == "train.npz":
            raise KeyboardInterrupt
        whole(path, **arrays)

    monkeypatch.setattr(files, "write_arrays", fail_at_the_last)
    with pytest.raises(KeyboardInterrupt):
        prepare.run(study)
    with pytest.raises(MissingInput, match=r"manifest\.json"):
        read.load_split(study, "test")


def test_unwritable_folder(study):
    Path("results").write_text("a file where the folder should be")
    with pytest.raises(CannotWrite, match="results"):
        prepare.run(study)


def test_damaged_file(study):
    prepare.run(study)
    path = read.split_path(study, "validation")
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(DataError, match=r"validation\.npz"):
        read.load_split(study, "validation")
    assert len(read.load_split(study, "test")) == 500
    prepare.run(study)
    assert len(read.load_split(study, "validation")) == 200


def test_file_of_another_split(study):
    prepare.run(study)
    read.split_path(study, "test").write_bytes(read.split_path(study, "train").read_bytes())
    with pytest.raises(DataError, match=r"test\.npz: not the arrays that manifest\.json names"):
        read.load_split(study, "test")


@pytest.mark.parametrize(
    "edit", [{"levels": 16}, {"shape": [1, 4, 16]}, {"splits": []}, {"digest": "0"}, {"more": 1}]
)
def test_edited_manifest(study, edit):
    prepare.run(study)
    path = read.manifest_path(study)
    path.write_text(json.dumps(json.loads(path.read_text()) | edit))
    with pytest.raises(DataError, match=r"manifest\.json: damaged"):
        read.load_manifest(study)


def test_data_prepared_for_other_parameters(study):
    prepare.run(study)
    with pytest.raises(DataError, match="written for train = 1097, the study says 600"):
        read.load_split(a_study(train=600), "train")


def test_digest_follows_the_images(study):
    prepare.run(study)
    one = read.load_manifest(study)
    other = a_study(train=600)
    prepare.run(other)
    two = read.load_manifest(other)
    assert one.digest != two.digest and one.splits["test"] == two.splits["test"]


def test_wrong_file_is_refused_before_anything_is_written(study, monkeypatch):
    monkeypatch.setitem(sources.SOURCES, "digits", replace(sources.find("digits"), digest="0" * 64))
    with pytest.raises(DataError, match="expected 0000000000000000"):
        prepare.run(study)
    assert not Path("results").exists()
