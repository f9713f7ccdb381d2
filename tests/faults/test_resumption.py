"""One training that is killed, stopped, doubled or robbed of its result ends with the weights of
one left alone."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from faults.killed import AWAY, CALL, EVERY, SEED
from pipeline.conftest import BIN, copy_of_the_pipeline, run_snakemake
from safetensors.torch import load_file

from threetargets import study
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import work_dir
from threetargets.tracking import read

TRAIN = ("train", "--params", "study.yaml", "--cell", "hvae", "--seed", "0")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(BIN / "threetargets"), *arguments],
        cwd=folder,
        env={**os.environ, **AWAY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_step(
    folder: Path, chosen: study.Study, step: int, process: subprocess.Popen[str]
) -> None:
    path = folder / work_dir(chosen, Run("hvae", 0)) / "journal.jsonl"
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if path.exists() and max((e["step"] for e in read(path)), default=0) >= step:
            return
        time.sleep(0.005)
    raise AssertionError(f"step {step} was not seen: {process.communicate()}")


@pytest.fixture
def prepared(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data of the study and nothing else, in the working directory."""
    shutil.copytree(alone / "results/killed/data", tmp_path / "results/killed/data")
    shutil.copyfile(alone / "study.yaml", tmp_path / "study.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_training_killed_in_the_middle_loses_one_checkpoint_interval_at_most(
    prepared: Path, alone: Path
) -> None:
    chosen, draw, reached = study.load("study.yaml"), random.Random(SEED), 0
    for low in (60, 260, 460):
        training = start(prepared, *TRAIN)
        wait_for_step(prepared, chosen, draw.randint(low, low + 150), training)
        training.kill()
        _, err = training.communicate()
        assert training.returncode == -signal.SIGKILL
        if reached:
            step = int(re.search(r"goes on after step (\d+)", err)[1])
            assert step % EVERY == 0 and 0 <= reached - step <= EVERY
            assert "is stale; its holder is gone" in err
        reached = max(
            entry["step"]
            for entry in read(prepared / work_dir(chosen, Run("hvae", 0)) / "journal.jsonl")
        )
    last = start(prepared, *TRAIN)
    _, err = last.communicate()
    assert last.returncode == 0
    step = int(re.search(r"goes on after step (\d+)", err)[1])
    assert 0 <= reached - step <= EVERY
    mine, theirs = (
        load_file(f / "results/killed/runs/hvae/seed0/weights.safetensors")
        for f in (prepared, alone)
    )
    assert all(mine[k].numpy().tobytes() == theirs[k].numpy().tobytes() for k in theirs)


def test_a_second_live_copy_is_refused_by_name_and_a_signal_saves(prepared: Path) -> None:
    chosen = study.load("study.yaml")
    first = start(prepared, *TRAIN)
    wait_for_step(prepared, chosen, 5, first)
    os.kill(first.pid, signal.SIGSTOP)  # alive, and not done before the second has begun
    second = start(prepared, *TRAIN)
    _, err = second.communicate()
    os.kill(first.pid, signal.SIGCONT)
    first.send_signal(signal.SIGTERM)
    _, first_err = first.communicate()
    assert second.returncode == 5
    (line,) = [line for line in err.splitlines() if line.startswith("threetargets: ")]
    assert f'"pid": {first.pid}' in line and f'"host": "{os.uname().nodename}"' in line
    assert "Traceback" not in err + first_err
    assert first.returncode == 75 and "saved, the same command goes on" in first_err


BUDGETED = """#!/bin/sh
# The first attempt gets a time budget of nothing, as a job gets whose time limit is too short.
if [ "$1" = train ] && [ ! -e first-attempt ]; then
    touch first-attempt
    exec {real} "$@" --budget-seconds 0
fi
exec {real} "$@"
"""


@pytest.mark.study
def test_a_training_that_its_time_budget_ended_is_tried_again_and_goes_on(
    prepared: Path, alone: Path
) -> None:
    copy_of_the_pipeline(prepared)
    (prepared / "bin").mkdir()
    script = prepared / "bin" / "threetargets"
    script.write_text(BUDGETED.format(real=BIN / "threetargets"))
    script.chmod(0o755)
    name = "results/killed/runs/hvae/seed0/weights.safetensors"
    done = run_snakemake(prepared, name, *CALL, first=prepared / "bin", **AWAY)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "Trying to restart job" in done.stdout
    assert (
        "time budget of 0 s after step 1/" in done.stdout
    )  # the log of the first attempt, shown by Snakemake
    assert "goes on after step 1\n" in (prepared / "logs/killed/train/hvae-seed0.log").read_text()
    mine, theirs = (load_file(folder / name) for folder in (prepared, alone))
    assert all(mine[k].numpy().tobytes() == theirs[k].numpy().tobytes() for k in theirs)


def test_a_result_that_is_lost_after_its_training_ended_costs_one_checkpoint_interval(
    prepared: Path, alone: Path
) -> None:
    """An engine that is killed before it has noted the end of a job deletes the job's outputs."""
    first = start(prepared, *TRAIN)
    _, err = first.communicate()
    assert first.returncode == 0, err
    shutil.rmtree(prepared / "results/killed/runs")
    again = start(prepared, *TRAIN)
    _, err = again.communicate()
    assert again.returncode == 0, err
    steps = study.load("study.yaml").training.hvae.steps
    assert steps - EVERY <= int(re.search(r"goes on after step (\d+)", err)[1]) < steps
    mine, theirs = (
        load_file(f / "results/killed/runs/hvae/seed0/weights.safetensors")
        for f in (prepared, alone)
    )
    assert all(mine[k].numpy().tobytes() == theirs[k].numpy().tobytes() for k in theirs)
