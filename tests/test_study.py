"""Parameter files: the shipped ones are sound and mean the same to every engine; what changes a
number changes the identity, and nothing else does."""

import pytest
from study.changes import DEFAULT, ROOT, changed

from threetargets import study
from threetargets.pipeline import cells, jobs, paths
from threetargets.pipeline.identity import identity
from threetargets.study.yaml import read_mapping

SHIPPED = [ROOT / "params.yaml", *sorted((ROOT / "config").glob("*.yaml"))]


@pytest.mark.parametrize(
    "path",
    [str(path.relative_to(ROOT)) for path in SHIPPED],
)
def test_shipped_files_are_valid(path):
    loaded = study.load(ROOT / path)
    assert study.parse(loaded.model_dump(mode="json"), path) == loaded


def test_merge_keys_and_numbers_read_as_written():
    training = study.load(ROOT / "params.yaml").training
    assert (training.ddpm.steps, training.vae.steps) == (3000, 1500)  # its own number
    assert training.vae.learning_rate == training.ddpm.learning_rate == 0.001  # the merged one


RUN = cells.Run("ddpm_eps_native", 0)
NUMBERS = {
    "diffusion__steps": 100,
    "network__width": 128,
    "training__ddpm__steps": 7,
    "training__ddpm__batch": 7,
    "data__split__train": 1000,
    "precision": "bf16",
    "diffusion__time_sampling": {**DEFAULT["diffusion"]["time_sampling"], "native": "log-snr"},
}
NO_NUMBERS = {
    "title": "another",
    "training__ddpm__log_every": 7,
    "training__ddpm__checkpoint_every": 7,
    "training__vae__steps": 7,
    "tracking__live_after_seconds": 1.0,
    "seeds": [0, 5],
    "cells": ["ddpm_eps_native", *DEFAULT["guidance"]["cells"]],
    "device": "cpu",
    "sampling__steps": 7,
    "vae__width": 7,
    "diffusion__variance": "fixed-small",
    "diffusion__time_sampling": {**DEFAULT["diffusion"]["time_sampling"], "elbo": "uniform"},
    "classifiers__width": 32,
}


@pytest.mark.parametrize("path", NUMBERS)
def test_identity_changes_with_what_changes_numbers(path):
    ours, theirs = study.parse(DEFAULT, "a"), study.parse(changed(**{path: NUMBERS[path]}), "b")
    assert identity(ours, "train", RUN) != identity(theirs, "train", RUN)


@pytest.mark.parametrize("path", NO_NUMBERS)
def test_identity_keeps_with_what_changes_none(path):
    ours, theirs = study.parse(DEFAULT, "a"), study.parse(changed(**{path: NO_NUMBERS[path]}), "b")
    assert identity(ours, "train", RUN) == identity(theirs, "train", RUN)


def test_extractors_change_the_evaluation_alone_and_the_place_of_their_weights_nothing():
    ours = study.parse(DEFAULT, "a")
    both = study.parse(changed(evaluation__extractors=["judge", "inception"]), "b")
    placed = study.parse(changed(evaluation__inception="/a/place.pth"), "c")
    for stage in ("train", "sample", "likelihood"):
        assert identity(ours, stage, RUN) == identity(both, stage, RUN)
    for run in (RUN, cells.Run("data", 0)):
        assert identity(ours, "evaluate", run) != identity(both, "evaluate", run)
        assert identity(ours, "evaluate", run) == identity(placed, "evaluate", run)


def test_every_run_of_the_grid_has_its_own_identity_and_folder():
    chosen = study.load(ROOT / "params.yaml")
    runs = jobs.trained_runs(chosen)
    assert len({identity(chosen, "train", run) for run in runs}) == len(runs)
    assert len({paths.run_dir(chosen, run) for run in runs}) == len(runs)


def test_gamma_has_one_spelling():
    assert [cells.gamma_label(g) for g in (0, 1.0, 1.5, 0.25, 10)] == [
        "0",
        "1",
        "1.5",
        "0.25",
        "10",
    ]


def test_one_dialect_for_both_engines(tmp_path):
    """DVC reads params.yaml by itself, for its templates: what it sees is what we see."""
    from dvc.utils.serialize import load_yaml

    text = "a: 1e-3\nb: 010\nc: yes\nbase: &b {x: 1, y: 2}\nmerged: {<<: *b, y: 3}\nn: null\n"
    path = tmp_path / "params.yaml"
    path.write_text(text)
    ours = read_mapping(path)
    assert ours == load_yaml(str(path))
    assert (ours["a"], ours["b"], ours["c"]) == (0.001, 10, "yes")
    assert ours["merged"] == {"x": 1, "y": 3}


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_shipped_files_mean_the_same_in_every_dialect(path):
    """Snakemake parses the file of --configfile, too, as YAML 1.1."""
    import yaml

    assert read_mapping(path) == yaml.safe_load(path.read_text())
