"""The stage from sample files to evaluate.json, with a judge that reads the digits' pixels."""

import json
import math

import numpy as np
import pytest
import torch
from stages.conftest import GUIDED, N, result, write_record, write_samples

from threetargets import files
from threetargets.data import read
from threetargets.errors import DataError, Diverged, MissingInput
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.pipeline.records import Figure
from threetargets.stages import evaluate


def test_every_set_of_a_guided_run(study):
    write_samples(study, GUIDED)
    evaluate.run(study, GUIDED, params="p.yaml", threads=1)
    record = result(study, GUIDED)
    assert (record.stage, record.status, record.reason) == ("evaluate", "ok", "")
    assert record.identity == identity(study, "evaluate", GUIDED)
    assert (
        record.command
        == f"threetargets evaluate --params p.yaml --cell {GUIDED.cell} --seed 0 --threads 1"
    )
    assert record.provenance["data_digest"] == read.load_manifest(study).digest
    assert record.provenance["device"] == "cpu" and record.provenance["threads"] == 1
    sets = {(f.guidance, f.gamma) for f in record.figures}
    assert sets == {
        ("none", "1"),
        *((kind, g) for kind in ("classifier", "classifier-free") for g in ("0", "2")),
    }
    for one in sets:
        metrics = [f.metric for f in record.figures if (f.guidance, f.gamma) == one]
        assert metrics == [
            "fid",
            "fid_infinity",
            "kid",
            "precision",
            "recall",
            "accuracy",
            "entropy",
        ]
    for figure in record.figures:
        assert (
            figure.n == N
            and figure.reference == "test (n=500)"
            and figure.extractor == "judge-ba7816bf8f01cfea"
        )
        assert (
            figure.value is not None and figure.stderr is not None and math.isfinite(figure.value)
        )
    values = {f.metric: f.value for f in record.figures}
    assert values["precision"] == 1  # samples that are reference images
    assert values["accuracy"] > 0.8


def test_models_without_labels_have_no_accuracy(study):
    run = Run("vae", 1)
    write_samples(study, run, labelled=False)
    evaluate.run(study, run, params="p.yaml", threads=1)
    figures = result(study, run).figures
    assert [f.metric for f in figures] == [
        "fid",
        "fid_infinity",
        "kid",
        "precision",
        "recall",
        "entropy",
    ]
    assert {(f.guidance, f.gamma) for f in figures} == {("none", "")}


def test_floor_is_of_training_images_drawn_by_seed(study):
    found = []
    for seed in (0, 1):
        evaluate.run(study, Run("data", seed), params="p.yaml", threads=1)
        record = result(study, Run("data", seed))
        assert {(f.guidance, f.gamma) for f in record.figures} == {("none", "")}
        assert {f.n for f in record.figures if f.metric not in ("accuracy", "entropy")} == {N}
        # The judge has seen the training images: what it makes of real ones is measured on the test
        # split.
        assert {f.n for f in record.figures if f.metric in ("accuracy", "entropy")} == {
            study.data.split.test
        }
        found.append({f.metric: f.value for f in record.figures})
    assert set(found[0]) == {
        "fid",
        "fid_infinity",
        "kid",
        "precision",
        "recall",
        "accuracy",
        "entropy",
    }
    assert found[0]["fid"] != found[1]["fid"]
    assert found[0]["accuracy"] == found[1]["accuracy"]
    assert found[0]["accuracy"] > 0.8 and found[0]["precision"] > 0.5
    evaluate.run(study, Run("data", 0), params="p.yaml", threads=1)
    assert {f.metric: f.value for f in result(study, Run("data", 0)).figures} == found[0]


@pytest.mark.parametrize(("count", "each"), [(12, [4, 4, 4]), (14, [4, 5, 5]), (40, [4, 12, 24])])
def test_floor_is_balanced_as_far_as_it_goes(count, each):
    labels = torch.tensor([0] * 4 + [1] * 12 + [2] * 24)
    drawn = [evaluate._balanced(labels, count, torch.Generator().manual_seed(k)) for k in range(50)]
    for one in drawn:
        assert len(set(one.tolist())) == count and labels[one].bincount().tolist() == each
    assert set(torch.cat(drawn).tolist()) == set(range(40))


def test_floor_uses_no_test_image(study, monkeypatch):
    seen = []
    see = evaluate.extractor.see
    monkeypatch.setattr(
        evaluate.extractor, "see", lambda name, x, *more: seen.append(x) or see(name, x, *more)
    )
    evaluate.run(study, Run("data", 0), params="p.yaml", threads=1)
    reference, floor = ({image.numpy().tobytes() for image in images} for images in seen)
    assert len(reference) == 500 and len(floor) == N and not reference & floor


def test_failed_training_is_a_failed_record(study):
    write_record(
        paths.run_dir(study, GUIDED) / "train.json",
        "train",
        GUIDED,
        status="failed",
        reason="loss is nan",
    )
    evaluate.run(study, GUIDED, params="p.yaml", threads=1)
    record = result(study, GUIDED)
    assert (record.status, record.reason, record.figures) == ("failed", "train: loss is nan", [])


def test_failed_sample_sets_do_not_take_the_others_with_them(study):
    write_samples(study, GUIDED, failed=("classifier",))
    evaluate.run(study, GUIDED, params="p.yaml", threads=1)
    record = result(study, GUIDED)
    assert (record.status, record.reason) == ("ok", "classifier: guide diverged")
    assert {f.guidance for f in record.figures} == {"none", "classifier-free"}


def test_empty_set_is_named(study):
    write_samples(study, GUIDED)
    path = paths.sample_dir(study, GUIDED, "classifier") / "gamma2.npz"
    files.write_arrays(path, levels=np.zeros((0, 1, 8, 8), np.uint8), labels=np.zeros(0, np.int64))
    evaluate.run(study, GUIDED, params="p.yaml", threads=1)
    record = result(study, GUIDED)
    assert (record.status, record.reason) == ("ok", "classifier gamma 2: no images")
    assert ("classifier", "2") not in {(f.guidance, f.gamma) for f in record.figures}


def test_all_sample_sets_failed(study):
    write_samples(study, GUIDED, failed=jobs.guidances(study, GUIDED))
    evaluate.run(study, GUIDED, params="p.yaml", threads=1)
    record = result(study, GUIDED)
    assert (
        record.status == "failed"
        and record.figures == []
        and "none: guide diverged" in record.reason
    )


def test_failed_judge_is_a_failed_record(study, monkeypatch):
    def diverged(study, manifest, run, device):
        raise Diverged("judge seed 1000: loss is nan")

    monkeypatch.setattr(evaluate, "load", diverged)
    evaluate.run(study, Run("data", 0), params="p.yaml", threads=1)
    record = result(study, Run("data", 0))
    assert (record.status, record.figures) == ("failed", []) and "loss is nan" in record.reason


def test_collapsed_samples_have_figures(study):
    write_samples(study, GUIDED)
    one = read.load_split(study, "test").images[:1].numpy()
    path = paths.sample_dir(study, GUIDED, "classifier") / "gamma2.npz"
    files.write_arrays(path, levels=np.repeat(one, N, 0), labels=np.zeros(N, np.int64))
    evaluate.run(study, GUIDED, params="p.yaml", threads=1)
    found = {
        f.metric: f.value
        for f in result(study, GUIDED).figures
        if (f.guidance, f.gamma) == ("classifier", "2")
    }
    assert found["precision"] == 1 and found["recall"] < 0.01 and found["accuracy"] in (0, 1)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (
            {"levels": np.zeros((N, 8, 8), np.uint8), "labels": np.zeros(N, np.int64)},
            "levels are uint8",
        ),
        (
            {"levels": np.full((N, 1, 8, 8), 17, np.uint8), "labels": np.zeros(N, np.int64)},
            "below 17",
        ),
        ({"levels": np.zeros((N, 1, 8, 8)), "labels": np.zeros(N, np.int64)}, "levels are float64"),
        ({"levels": np.zeros((N, 1, 8, 8), np.uint8), "labels": np.full(N, 10)}, "labels are not"),
        (
            {"levels": np.zeros((N, 1, 8, 8), np.uint8), "labels": np.zeros(3, np.int64)},
            "labels are not",
        ),
        ({"levels": np.zeros((7, 1, 8, 8), np.uint8), "labels": np.zeros(7, np.int64)}, "7 images"),
        ({"images": np.zeros((N, 1, 8, 8), np.uint8)}, "found images"),
        ({"levels": np.uint8(3), "labels": np.zeros(1, np.int64)}, "levels are uint8"),
    ],
)
def test_wrong_sample_files_are_named(study, arrays, said):
    write_samples(study, GUIDED)
    path = paths.sample_dir(study, GUIDED, "classifier") / "gamma0.npz"
    files.write_arrays(path, **arrays)
    with pytest.raises(DataError, match=f"gamma0.npz: .*{said}"):
        evaluate.run(study, GUIDED, params="p.yaml", threads=1)
    assert not (paths.run_dir(study, GUIDED) / "evaluate.json").exists()


def test_missing_and_damaged_inputs_are_named(study):
    with pytest.raises(MissingInput, match=r"train\.json"):
        evaluate.run(study, GUIDED, params="p.yaml", threads=1)
    write_samples(study, GUIDED)
    path = paths.sample_dir(study, GUIDED, "none") / "sample.json"
    path.write_text(json.dumps({"stage": "sample"}))
    with pytest.raises(DataError, match=r"sample\.json: damaged"):
        evaluate.run(study, GUIDED, params="p.yaml", threads=1)


def test_figures_name_nothing_twice(study):
    write_samples(study, GUIDED)
    evaluate.run(study, GUIDED, params="p.yaml", threads=1)
    rows = [(f.metric, f.guidance, f.gamma) for f in result(study, GUIDED).figures]
    assert len(rows) == len(set(rows)) and all(
        isinstance(f, Figure) for f in result(study, GUIDED).figures
    )
