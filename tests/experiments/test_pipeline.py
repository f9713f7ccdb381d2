"""Experiments as jobs: what a study may name, what makes one stale, and a study of experiments
alone by Snakemake."""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path

import pytest
import yaml
from experiments.conftest import TINY
from pipeline.conftest import ROOT, copy_of_the_pipeline, run_snakemake
from pipeline.test_identity import edit, identities

from threetargets import study
from threetargets.doctor import examine, hours
from threetargets.errors import ConfigError
from threetargets.experiments.manifold import spec
from threetargets.pipeline import jobs
from threetargets.pipeline.identity import identity
from threetargets.report.topics import every_claim
from threetargets.report.topics.of_experiments.manifold import NAME
from threetargets.study.schema import Study

ALONE = yaml.safe_load((ROOT / "config" / "manifold.yaml").read_text())


def values(**changes: object) -> dict:
    """A tiny study of the experiment alone."""
    made = copy.deepcopy(ALONE) | {"study": "tiny", "seeds": [0, 1]}
    return made | {"experiments": {"manifold": copy.deepcopy(TINY) | changes}}


def tiny(**changes: object) -> Study:
    return study.parse(values(**changes), "tiny")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"experiments": {}}, "cells needs at least 1 entry"),
        ({"experiments": {"manifolds": {}}}, "experiments.manifolds: unknown key"),
        ({"data": {"name": "digits", "split": {}}}, "data.split.train: is missing"),
        ({"guidance": {"cells": [], "kinds": [], "gammas": [1]}}, "guidance is there, but cells"),
        ({"cells": ["vae"]}, "data is missing, and cells names 'vae'"),
    ],
)
def test_a_study_has_cells_with_their_blocks_or_experiments(changes: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        study.parse(values() | changes, "tiny")


def test_experiments_stand_beside_cells() -> None:
    both = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text())
    plain = study.parse(both, "plain")
    more = study.parse(both | {"experiments": {"manifold": TINY}}, "more")
    new = {job.name for job in jobs.jobs(more)} - {job.name for job in jobs.jobs(plain)}
    assert new == {"experiment"}
    for job in jobs.jobs(plain):
        if job.stage not in ("report", "track"):
            assert identity(plain, job.stage, job.run, job.guidance) == identity(
                more, job.stage, job.run, job.guidance
            )


def test_an_identity_is_of_the_experiments_block_and_the_seed() -> None:
    one = tiny()
    first, second = jobs.experiment_runs(one)
    told = identity(one, "experiment", first)
    assert told != identity(one, "experiment", second)
    titled = study.parse(values() | {"title": "another", "seeds": [0], "device": "auto"}, "tiny")
    assert identity(titled, "experiment", first) == told
    assert identity(tiny(width=9), "experiment", first) != told


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("experiments/manifold/distances.py", "+ 0.5) / len(z)", "+ 0.4) / len(z)", True),
        ("training/step.py", "0.5 * (1 +", "0.4 * (1 +", True),
        ("experiments/manifold/spec.py", 'LABEL = "manifold"', 'LABEL = "plane"', False),
        ("likelihood/ode.py", "0.5", "0.4", False),
    ],
)
def test_an_edit_of_what_it_runs_makes_it_stale(
    tmp_path: Path, file: str, old: str, new: str, stale: bool
) -> None:
    import shutil

    package = tmp_path / "src" / "threetargets"
    shutil.copytree(ROOT / "src" / "threetargets", package)
    parameters = tmp_path / "tiny.yaml"
    parameters.write_text(yaml.safe_dump(values()))
    before = identities(package, parameters)
    edit(package, file, old, new)
    after = identities(package, parameters)
    name = "experiment/manifold/0/"
    assert (before[name] != after[name]) == stale


def test_doctor_and_estimate_know_a_study_without_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = hours.lines(tiny())
    assert first == "study tiny"
    assert f"{2 * len(spec.cases(spec.Manifold.model_validate(TINY)))} trainings" in second
    assert "data" not in {finding.check for finding in examine(tiny())}


@pytest.mark.study
def test_a_study_of_experiments_alone_runs_and_is_reported(tmp_path: Path) -> None:
    copy_of_the_pipeline(tmp_path)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(values()))
    call = ("--cores", "1", "--configfile", "tiny.yaml")
    done = run_snakemake(tmp_path, *call)
    assert done.returncode == 0, done.stdout[-6000:]
    folder = tmp_path / "reports" / "tiny"
    text, page = ((folder / name).read_text() for name in ("report.md", "index.html"))
    assert "## Few dimensions of many" in text and "| manifold | " in text
    assert "1 experiment × 2 seeds" in page and page.count("<svg") == 3
    assert "| ladder |" not in text, "claims that need cells are not asked"
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["status"] for row in rows} == {"ok"}
    assert {row["model"] for row in rows} == {"manifold"} and all(row["run_id"] for row in rows)
    state = json.loads((tmp_path / "results" / "tiny" / "tracking.json").read_text())
    assert (state["state"], set(state["runs"])) == (
        "complete",
        {"manifold/seed0", "manifold/seed1"},
    )
    assert "Nothing to be done" in run_snakemake(tmp_path, *call).stdout
    assert [claim for claim in every_claim((f"of_experiments.{NAME}",)) if claim.id == "manifold"]
