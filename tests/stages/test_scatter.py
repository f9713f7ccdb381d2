"""One sweep by one job, by a job for each gamma, and by several shards: the same files, bit for
bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from threetargets import study
from threetargets.data.read import load_manifest
from threetargets.errors import ConfigError, DataError, MissingInput
from threetargets.families import build as models
from threetargets.families.build import sampling_part
from threetargets.files import write_json
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.cells import Run
from threetargets.stages import prepare, sample, scatter
from threetargets.weights import write_weights

ROOT = Path(__file__).parents[2]
CELL = Run("ddpm_eps_eps-equivalent", 0)
CALL = {"params": "smoke.yaml", "threads": 1}
IMAGES, BATCH = 50, 8  # six whole batches and one of two images


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    """A study with data and models that were never trained, in a working directory of its own."""
    values = study.load(ROOT / "config/smoke.yaml").model_dump(mode="json")
    values["sampling"] |= {"images": IMAGES, "batch": BATCH, "steps": 3, "sampler": "ancestral"}
    values["evaluation"] |= {"kid_subset_size": 20}
    parsed = study.parse(values, "test")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("scatter"))
        prepare.run(parsed, params="smoke.yaml")
        manifest = load_manifest(parsed)
        for run in (CELL, Run("vae", 0), Run("guide", 0)):
            model = models.build(parsed, manifest, run)
            for parameter in model.parameters():
                torch.nn.init.normal_(
                    parameter, std=0.15, generator=torch.Generator().manual_seed(parameter.numel())
                )
            write_weights(paths.run_dir(parsed, run) / "weights.safetensors", model.state_dict())
            write_json(paths.run_dir(parsed, run) / "train.json", {"status": "ok"})
        yield parsed


def files(chosen, run, guidance):
    """The sample files as bytes, and the records without their times, which are told apart by their
    names."""
    folder = paths.sample_dir(chosen, run, guidance)
    arrays = {path.name: path.read_bytes() for path in folder.glob("gamma*.npz")}
    records = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    for record in records.values():
        for figure in record["figures"]:
            assert figure.pop("value") > 0
        assert record.pop("seconds") > 0
    return arrays, records


def clean(chosen, run, guidance):
    shutil.rmtree(paths.sample_dir(chosen, run, guidance), ignore_errors=True)


def drawn_gammas(chosen, run, guidance, monkeypatch):
    """The gammas that a job draws."""
    part, drawn = sampling_part(run.cell), []

    def sampler(*arguments, original=part.sampler):
        draw = original(*arguments)
        return lambda gamma, indices: drawn.append(gamma) or draw(gamma, indices)

    with monkeypatch.context() as patch:
        patch.setattr(part, "sampler", sampler)
        sample.run(chosen, run, guidance, **CALL)
    return list(dict.fromkeys(drawn))


def scattered(chosen, run, guidance, shards):
    clean(chosen, run, guidance)
    for gamma in jobs.gammas(chosen, guidance):
        for number in reversed(range(1, shards + 1)):
            scatter.shard(chosen, run, guidance, gamma, number, shards, **CALL)
        scatter.gather(chosen, run, guidance, gamma, shards)
    sample.run(chosen, run, guidance, **CALL)
    return files(chosen, run, guidance)


@pytest.mark.parametrize(
    ("run", "guidance"),
    [(CELL, "none"), (CELL, "classifier"), (CELL, "classifier-free"), (Run("vae", 0), "none")],
)
def test_the_number_of_jobs_changes_no_bit(chosen, run, guidance):
    clean(chosen, run, guidance)
    sample.run(chosen, run, guidance, **CALL)
    arrays, record = files(chosen, run, guidance)
    assert len(arrays) == len(jobs.gammas(chosen, guidance)) > 0
    for shards in (1, 3, 9):  # 9: more than there are batches, so that some draw nothing
        assert scattered(chosen, run, guidance, shards) == (arrays, record)


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 9])
def test_shards_are_whole_batches_and_cover_every_sample_once(chosen, shards):
    parts = [scatter.part(chosen, number, shards) for number in range(1, shards + 1)]
    assert [j for part in parts for j in part] == list(range(IMAGES))
    assert all(part.start % BATCH == 0 for part in parts if part)
    batches = [-(-len(part) // BATCH) for part in parts]
    assert max(batches) - min(batches) <= 1


def test_shards_of_a_failed_training_are_empty_and_the_record_says_why(chosen):
    run = Run("hvae", 0)
    write_json(
        paths.run_dir(chosen, run) / "train.json", {"status": "failed", "reason": "loss is nan"}
    )
    scatter.shard(chosen, run, "none", "1", 1, 1, **CALL)
    scatter.gather(chosen, run, "none", "1", 1)
    sample.run(chosen, run, "none", **CALL)
    folder = paths.sample_dir(chosen, run, "none")
    record = json.loads((folder / "sample.json").read_text())
    assert (record["status"], record["reason"], record["figures"]) == ("failed", "loss is nan", [])
    with np.load(folder / "gamma1.npz") as arrays:
        assert arrays["levels"].shape == (0, 1, 8, 8)
        assert arrays["labels"].dtype == np.int64


def test_gathering_refuses_what_does_not_belong_together(chosen):
    scattered(chosen, CELL, "none", 2)
    name = scatter.place(chosen, CELL, "none", "1", 2, 2)
    record = json.loads(Path(f"{name}.json").read_text())
    write_json(Path(f"{name}.json"), record | {"identity": "0" * 16})
    with pytest.raises(DataError, match="identity 0000000000000000, expected"):
        scatter.gather(chosen, CELL, "none", "1", 2)
    write_json(Path(f"{name}.json"), record)
    Path(f"{name}.npz").write_bytes(
        Path(f"{scatter.place(chosen, CELL, 'none', '1', 1, 2)}.npz").read_bytes()
    )
    with pytest.raises(DataError, match="24 images, expected 26"):
        scatter.gather(chosen, CELL, "none", "1", 2)
    Path(f"{name}.npz").unlink()
    with pytest.raises(MissingInput, match=r"gamma1-2-of-2\.npz"):
        scatter.gather(chosen, CELL, "none", "1", 2)


@pytest.mark.parametrize("text", ["", "3", "0/3", "4/3", "1/0", "-1/3", "1/3/5", "a/b", "1.5/2"])
def test_a_shard_is_named_k_of_n(text):
    with pytest.raises(ConfigError, match="expected K/N"):
        scatter.parse(text)
    assert scatter.parse("2/3") == (2, 3)


def test_a_gamma_that_the_study_has_not_is_refused(chosen):
    with pytest.raises(ConfigError, match=r"--gamma 0\.7: classifier has 0, 1, 3"):
        scatter.shard(chosen, CELL, "classifier", "0.7", 1, 1, **CALL)


def other(chosen, **guidance):
    values = chosen.model_dump(mode="json")
    values["guidance"] |= guidance
    return study.parse(values, "test")


def test_a_sweep_grows_by_the_gammas_that_are_new(chosen, monkeypatch):
    guidance = "classifier-free"
    clean(chosen, CELL, guidance)
    assert drawn_gammas(chosen, CELL, guidance, monkeypatch) == [0, 1, 3]
    before = files(chosen, CELL, guidance)[0]
    longer = other(chosen, gammas=[0, 1, 2, 3])
    assert drawn_gammas(longer, CELL, guidance, monkeypatch) == [2]
    grown = files(longer, CELL, guidance)
    assert {name: grown[0][name] for name in before} == before
    shown = [f["gamma"] for f in grown[1]["sample.json"]["figures"]]
    assert list(dict.fromkeys(shown)) == ["0", "1", "2", "3"]
    assert drawn_gammas(other(chosen, gammas=[1]), CELL, guidance, monkeypatch) == []
    assert list(files(chosen, CELL, guidance)[0]) == ["gamma1.npz"]


def test_what_is_damaged_or_of_other_weights_is_drawn_again(chosen, monkeypatch):
    guidance = "classifier-free"
    clean(chosen, CELL, guidance)
    sample.run(chosen, CELL, guidance, **CALL)
    before = files(chosen, CELL, guidance)
    images, record = paths.sampled(chosen, CELL, guidance, "1")
    images.write_bytes(b"half")
    assert drawn_gammas(chosen, CELL, guidance, monkeypatch) == [1]
    record.write_text("{}")
    assert drawn_gammas(chosen, CELL, guidance, monkeypatch) == [1]
    assert files(chosen, CELL, guidance) == before
    weights = paths.trained(chosen, CELL)[0]
    whole = weights.read_bytes()
    model = models.build(chosen, load_manifest(chosen), Run(CELL.cell, 1))
    write_weights(weights, model.state_dict())
    assert drawn_gammas(chosen, CELL, guidance, monkeypatch) == [0, 1, 3]
    weights.write_bytes(whole)
    assert drawn_gammas(other(chosen, gammas=[3]), CELL, guidance, monkeypatch) == [3]
