"""What is run again after what: Snakemake with a stub in the place of the command line."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from pipeline.conftest import BIN, copy_of_the_pipeline, planned, run_snakemake

ARGUMENTS = ("--cores", "2", "--configfile", "study.yaml")
PLAN = ("-n", "--quiet", "rules", *ARGUMENTS)
RUNS = Path("results/smoke/runs")


def small(tree: Path) -> None:
    """One seed and three cells of the smoke study are enough to see what triggers what."""
    values = yaml.safe_load((tree / "config" / "smoke.yaml").read_text())
    values |= {"seeds": [0], "cells": ["vae", "hvae", "ddpm_eps_eps-equivalent"]}
    values["guidance"] |= {
        "cells": ["ddpm_eps_eps-equivalent"],
        "kinds": ["classifier", "classifier-free"],
    }
    (tree / "study.yaml").write_text(yaml.safe_dump(values))


@pytest.fixture(scope="module")
def done_once(tmp_path_factory: pytest.TempPathFactory, stub: Path) -> Path:
    tree = copy_of_the_pipeline(tmp_path_factory.mktemp("done"))
    small(tree)
    done = run_snakemake(tree, *ARGUMENTS, "--verbose", first=stub)
    assert done.returncode == 0, done.stdout
    assert "The report of smoke: reports/smoke/index.html" in done.stdout
    (tree / "log.txt").write_text(done.stdout)
    return tree


def test_what_is_ready_is_looked_at_once_for_each_job(done_once: Path) -> None:
    """Not a second after each look, too."""
    lines = (done_once / "log.txt").read_text().splitlines()
    looks = sum(line.startswith("Ready jobs:") for line in lines)
    jobs = sum(line.startswith("Finished jobid:") for line in lines)
    assert 20 < looks <= jobs + 1


@pytest.fixture
def finished(done_once: Path, tmp_path: Path) -> Path:
    """A copy of the finished study; its files keep their dates."""
    shutil.copytree(done_once, tmp_path / "tree", symlinks=True)
    return tmp_path / "tree"


def edit(tree: Path, key: str, value: object) -> None:
    values = yaml.safe_load((tree / "study.yaml").read_text())
    *sections, name = key.split(".")
    section = values
    for part in sections:
        section = section[part]
    assert section[name] != value
    section[name] = value
    (tree / "study.yaml").write_text(yaml.safe_dump(values))


def again(tree: Path) -> dict[str, int]:
    done = run_snakemake(tree, *PLAN)
    assert done.returncode == 0, done.stdout
    jobs = planned(done.stdout)
    assert bool(jobs) != ("Nothing to be done" in done.stdout)
    return {name: count for name, count in jobs.items() if name not in ("all", "total")}


def test_a_second_run_does_nothing_and_says_so(finished: Path) -> None:
    done = run_snakemake(finished, *ARGUMENTS)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout


def test_new_dates_other_file_names_and_lost_logs_run_nothing(finished: Path) -> None:
    later = time.time() + 100
    for path in sorted((finished / "results").rglob("*"), reverse=True):
        os.utime(path, (later, later))
        later += 1
    shutil.rmtree(finished / "logs")
    (finished / "results/smoke/tracking-init.json").unlink()
    (finished / "study.yaml").rename(finished / "renamed.yaml")
    done = run_snakemake(finished, "-n", "--cores", "2", "--configfile", "renamed.yaml")
    assert "Nothing to be done" in done.stdout


def test_a_reworded_rule_trains_nothing_again(finished: Path) -> None:
    rules = finished / "workflow" / "rules" / "train.smk"
    rules.write_text(
        rules.read_text().replace(" --keep-failed > {log} 2>&1", " --keep-failed >> {log} 2>&1")
    )
    assert again(finished) == {}


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("likelihood.iwae", [1, 7], {"likelihood": 2}),  # of autoencoders alone
        ("evaluation.neighbours", 5, {"evaluate": 4}),
        ("guidance.gammas", [0, 1, 2], {"sample_guided": 2, "evaluate": 1}),
        ("guidance.gammas", [0, 1], {"evaluate": 1}),  # one less: nothing is drawn
        ("vae.latents", [9], {"train": 1, "sample": 1, "likelihood": 1, "evaluate": 1}),
        ("training.guide.weight_decay", 0.5, {"train": 1, "sample_guided": 1, "evaluate": 1}),
        (
            "seeds",
            [0, 1],
            {"train": 4, "sample": 3, "sample_guided": 2, "likelihood": 3, "evaluate": 4},
        ),
        ("title", "Another", {"track": 0}),
        ("training.ddpm.checkpoint_every", 20, {"track": 0}),
        ("training.guide.log_every", 20, {"track": 0}),
    ],
)
def test_an_edit_runs_again_exactly_what_it_touches(
    finished: Path, key: str, value: object, wanted: dict[str, int]
) -> None:
    edit(finished, key, value)
    track = {"track": 1} if "track" not in wanted else {}
    told = {"report": 1, "index": 1}
    assert again(finished) == {k: v for k, v in wanted.items() if v} | track | told


@pytest.mark.parametrize(
    ("lost", "wanted"),
    [
        ("vae/seed0/evaluate.json", {"evaluate": 1}),
        ("hvae/seed0/samples/none/gamma1.npz", {"sample": 1, "evaluate": 1}),
    ],
)
def test_a_deleted_result_is_made_again(finished: Path, lost: str, wanted: dict[str, int]) -> None:
    (finished / RUNS / lost).unlink()
    assert again(finished) == {**wanted, "track": 1, "report": 1, "index": 1}


def test_a_lost_calibration_is_made_again(finished: Path) -> None:
    (finished / "results/smoke/calibration/calibration.json").unlink()
    assert again(finished) == {"calibrate": 1, "report": 1, "index": 1}


def test_one_failing_job_does_not_stop_the_others_and_its_log_is_shown(
    tree: Path, stub: Path
) -> None:
    small(tree)
    done = run_snakemake(tree, *ARGUMENTS, first=stub, STUB_FAIL="train/vae/0")
    assert done.returncode == 1
    assert "train/vae/0 was told to fail" in done.stdout
    assert (tree / RUNS / "hvae/seed0/evaluate.json").exists()
    assert not (tree / RUNS / "vae/seed0/train.json").exists()
    assert not (tree / "reports").exists()
    assert again(tree) == {
        "train": 1,
        "sample": 1,
        "likelihood": 1,
        "evaluate": 1,
        "track": 1,
        "report": 1,
        "index": 1,
    }


def test_an_interrupted_study_goes_on_with_the_same_command(tree: Path, stub: Path) -> None:
    small(tree)
    environment = {
        **os.environ,
        "PATH": f"{stub}:{BIN}:{os.environ['PATH']}",
        "STUB_WAIT": "train/vae/0",
    }
    log = (tree / "out").open("w")
    running = subprocess.Popen(
        ["snakemake", *ARGUMENTS],
        cwd=tree,
        env=environment,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    end = time.monotonic() + 120
    while (
        time.monotonic() < end
        and not (tree / RUNS / "ddpm_eps_eps-equivalent/seed0/likelihood.json").exists()
    ):
        time.sleep(0.2)
    os.killpg(running.pid, signal.SIGKILL)  # no chance to tidy up, as when the machine goes down
    running.wait(timeout=30)
    log.close()
    assert not (tree / RUNS / "vae/seed0/train.json").exists()
    unlocked = run_snakemake(tree, "--unlock", *ARGUMENTS)
    assert unlocked.returncode == 0, unlocked.stdout
    kept = (tree / RUNS / "ddpm_eps_eps-equivalent/seed0/weights.safetensors").stat().st_mtime_ns
    done = run_snakemake(tree, *ARGUMENTS, first=stub)
    assert done.returncode == 0, done.stdout
    assert (tree / "reports/smoke/index.html").exists()
    assert (
        tree / RUNS / "ddpm_eps_eps-equivalent/seed0/weights.safetensors"
    ).stat().st_mtime_ns == kept


def test_a_study_that_has_not_begun_says_what_it_takes(tree: Path, stub: Path) -> None:
    small(tree)
    log = tree / "calls"

    def calls() -> list[str]:
        done = run_snakemake(tree, *ARGUMENTS, "--until", "prepare", first=stub, STUB_LOG=str(log))
        assert done.returncode == 0, done.stdout
        said = [line.split()[0] for line in log.read_text().splitlines()]
        log.unlink()
        return said

    assert calls() == ["estimate", "track", "identities", "prepare"]
    edit(tree, "data.split.train", 390)
    assert calls() == ["track", "identities", "prepare"]
