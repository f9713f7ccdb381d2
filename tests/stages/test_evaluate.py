"""The stage from sample files to evaluate.json, with a judge that reads the digits' pixels."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from threetargets import files
from threetargets import study as studies
from threetargets.data import read
from threetargets.errors import DataError, Diverged, MissingInput
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.pipeline.records import Figure, Record
from threetargets.stages import evaluate, prepare

PARAMS = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
GUIDED = Run("ddpm_eps_eps-equivalent", 0)
N = 120


class Judge(nn.Module):
    """Features: the pixels. Logits: least squares on the training split, sharp enough to be sure of
    itself."""

    def __init__(self, study):
        super().__init__()
        train = read.load_split(study, "train")
        x = (2 * train.images.double() + 1) / 17 - 1
        x = torch.cat([x.flatten(1), torch.ones(len(x), 1, dtype=torch.float64)], 1)
        y = nn.functional.one_hot(train.labels, 10).double()
        self.register_buffer("weight", (20 * torch.linalg.lstsq(x, y).solution).float())

    def features(self, x):
        return x.flatten(1)

    def logits(self, x):
        return self.features(x) @ self.weight[:-1] + self.weight[-1]


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = {
        **PARAMS,
        "cells": ["vae", GUIDED.cell],
        "guidance": {
            "cells": [GUIDED.cell],
            "kinds": ["classifier", "classifier-free"],
            "gammas": [0, 2],
        },
        "sampling": {**PARAMS["sampling"], "images": N},
        "evaluation": {**PARAMS["evaluation"], "kid_subset_size": 50, "bootstrap": 5},
        "device": "cpu",
    }
    study = studies.parse(values, "test")
    prepare.run(study)
    weights = paths.run_dir(study, jobs.judge_runs(study)[0]) / "weights.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"abc")
    monkeypatch.setattr(evaluate, "load", lambda study, manifest, run, device: Judge(study))
    return study


def write_record(path, stage, run, guidance="", status="ok", reason=""):
    record = Record(stage, "digits", run.cell, run.seed, "0" * 16, guidance, status, reason)
    files.write_json(path, record.json())


def write_samples(study, run, labelled=True, failed=()):
    """Test images as samples: asked for by their own labels, or without labels."""
    write_record(paths.run_dir(study, run) / "train.json", "train", run)
    test = read.load_split(study, "test")
    for guidance in jobs.guidances(study, run):
        bad = guidance in failed
        folder = paths.sample_dir(study, run, guidance)
        write_record(
            folder / "sample.json",
            "sample",
            run,
            guidance,
            *(("failed", "guide diverged") if bad else ()),
        )
        for gamma in jobs.gammas(study, guidance):
            n = 0 if bad else N
            labels = test.labels[:n].numpy() if labelled else np.full(n, -1)
            files.write_arrays(
                folder / f"gamma{gamma}.npz", levels=test.images[:n].numpy(), labels=labels
            )


def result(study, run):
    return Record.of(files.read_json(paths.run_dir(study, run) / "evaluate.json"))


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


@pytest.fixture
def inception(monkeypatch, tmp_path):
    """In the place of Inception: pixels and their squares, float32. Returns the images of each
    extraction."""
    seen = []

    def see(name, images, count, device, told):
        assert name == "inception-0123456789abcdef" and count == 17
        seen.append(len(images))
        told(len(images))
        x = images.flatten(1).float() / 16
        return torch.cat([x[:, ::4], x[:, ::4] ** 2], 1)

    monkeypatch.setenv("THREETARGETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        evaluate.pretrained, "obtain", lambda named, mirror: tmp_path / "weights.pth"
    )
    monkeypatch.setattr(evaluate.inception, "register", lambda path: "inception-0123456789abcdef")
    monkeypatch.setattr(evaluate.inception, "see", see)
    return seen


FIDELITY = ["fid", "fid_infinity", "kid", "precision", "recall"]


@pytest.mark.parametrize("chosen", [["judge", "inception"], ["inception"]])
def test_figures_by_each_extractor(study, inception, chosen):
    evaluation = study.evaluation.model_copy(update={"extractors": chosen})
    both, run = study.model_copy(update={"evaluation": evaluation}), Run("data", 0)
    evaluate.run(study, run, params="p.yaml", threads=1)
    before = result(study, run).figures
    evaluate.run(both, run, params="p.yaml", threads=1)
    after = result(study, run).figures
    judged = [f for f in after if f.extractor.startswith("judge")]
    assert judged == [f for f in before if "judge" in chosen or f.metric in ("accuracy", "entropy")]
    other = [f for f in after if f.extractor == "inception-0123456789abcdef"]
    assert [f.metric for f in other] == FIDELITY and len(after) == len(judged) + len(other)
    assert all(f.n == N and f.reference == "test (n=500)" for f in other)
    for metric in ("fid", "fid_infinity", "kid"):
        assert len({f.value for f in [*before, *other] if f.metric == metric}) == 2
    assert inception == [500, N]
    evaluate.run(both, run, params="p.yaml", threads=1)
    assert result(study, run).figures == after and inception == [
        500,
        N,
        N,
    ]  # the reference was kept
