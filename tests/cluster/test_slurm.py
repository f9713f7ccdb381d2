"""A small study on a real Slurm, by the shipped profile, with trainings cancelled, requeued and out
of time in the middle, sweeps scattered and jobs grouped: every figure is the undisturbed local
run's."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from cluster.slurm import Slurm
from pipeline.conftest import ROOT, copy_of_the_pipeline, planned, run_snakemake

from threetargets import study
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import work_dir

pytestmark = pytest.mark.study

CELL = "ddpm_eps_eps-equivalent"
LOCAL = ("--cores", "2", "--configfile", "small.yaml", "--set-threads", "train=1")
# The profile as it is, but for three things: the cluster is looked at often, threads are those of
# the local run, and the rules of one group ask for their GPU as a generic resource, as some sites
# want it.
ONE_THREAD = [f"{rule}=1" for rule in ("train", "sample_shard", "likelihood", "evaluate")]
CLUSTER = ("--workflow-profile", "workflow/profiles/slurm", "--configfile", "small.yaml")
CLUSTER += ("--set-scatter", "sweep=2", "--set-threads", *ONE_THREAD)
CLUSTER += (
    "--slurm-init-seconds-before-status-checks",
    "2",
    "--seconds-between-status-checks",
    "1",
)
CLUSTER += (
    "--set-resources",
    *[f"{rule}:{ask}" for rule in ("likelihood", "evaluate") for ask in ("gpu=0", "gres=gpu:1")],
)
TIMES = ("seconds", "per_second")


def small() -> dict:
    """The smoke study with one seed and two cells, on a GPU where there is one; its trainings last
    a few seconds."""
    values = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text())
    values |= {"study": "small", "seeds": [0], "cells": ["vae", CELL], "device": "auto"}
    values["sampling"] |= {"images": 100, "batch": 30}
    values["guidance"]["gammas"] = [0, 3]
    for model in ("vae", "ddpm", "guide"):
        values["training"][model] = values["training"][model] | {
            "steps": 1500,
            "checkpoint_every": 500,
        }
    return values


@dataclass(frozen=True)
class Done:
    folder: Path
    output: str
    seconds: float
    jobs: list[dict[str, str]]

    def figures(self) -> dict[tuple[str, ...], tuple[str, ...]]:
        """Everything in metrics.csv except times and the ids that MLflow gives."""
        with (self.folder / "reports/small/metrics.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if not row["metric"].endswith(TIMES)]
        values = ("value", "stderr", "n", "status")
        return {
            tuple(v for k, v in row.items() if k not in (*values, "run_id")): tuple(
                row[k] for k in values
            )
            for row in rows
        }

    def of_rule(self, name: str) -> list[dict[str, str]]:
        return [job for job in self.jobs if name in job["Comment"]]


def prepared(folder: Path) -> Path:
    copy_of_the_pipeline(folder)
    (folder / "small.yaml").write_text(yaml.safe_dump(small()))
    return folder


@pytest.fixture(scope="module")
def local(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Only where there is a cluster to compare with."""
    folder, begun = prepared(tmp_path_factory.mktemp("local")), time.monotonic()
    done = run_snakemake(folder, *LOCAL)
    assert done.returncode == 0, done.stdout[-8000:]
    return Done(folder, done.stdout, time.monotonic() - begun, [])


def hold_in_mid_training(folder: Path, run: Run, study_run: Future) -> dict:
    """Stop the training's process once it has made some steps; who it is, from its lock.

    It can then only save when Slurm continues it, after every other process of the job has had its
    SIGTERM.
    """
    work = folder / work_dir(study.load(folder / "small.yaml"), run)
    while not study_run.done():
        if (work / "journal.jsonl").exists() and (work / "journal.jsonl").stat().st_size:
            holder = json.loads((work / "lock").read_text())
            os.kill(holder["pid"], signal.SIGSTOP)
            return holder
        time.sleep(0.02)
    raise AssertionError(f"{run} was not seen in training")


def out_of_time(slurm: Slurm, job: str) -> None:
    """Its time is over. Slurm refuses a `now` that has become the second before when it is read:
    it is said again then."""
    for left in reversed(range(5)):
        try:
            slurm.call("scontrol", "update", f"JobId={job}", "EndTime=now")
            return
        except RuntimeError:
            if not left:
                raise


def requeued(slurm: Slurm, job: str) -> None:
    """Sent back to the queue, as after a pre-emption; without the two minutes that Slurm then
    waits."""
    slurm.call("scontrol", "requeue", job)
    for _ in range(400):
        (state,) = [each["JobState"] for each in slurm.jobs() if each["JobId"] == job]
        if state == "PENDING":
            return slurm.call("scontrol", "update", f"JobId={job}", "StartTime=now") and None
        time.sleep(0.1)
    raise AssertionError(f"job {job} is {state}")


def cancelled(slurm: Slurm, job: str) -> None:
    slurm.call("scancel", job)


FAULTS = {Run("guide", 0): out_of_time, Run(CELL, 0): requeued, Run("vae", 0): cancelled}


@pytest.fixture(scope="module")
def disturbed(slurm: Slurm, local: Done, tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder, begun = prepared(tmp_path_factory.mktemp("disturbed")), time.monotonic()
    environment = {"SLURM_CONF": slurm.environment["SLURM_CONF"], "OMP_NUM_THREADS": "1"}
    with ThreadPoolExecutor(len(FAULTS) + 1) as threads:
        run = threads.submit(
            run_snakemake, folder, *CLUSTER, first=slurm.folder / "bin", **environment
        )

        def disturb(which: Run) -> None:
            FAULTS[which](slurm, hold_in_mid_training(folder, which, run)["job"])

        faults = [threads.submit(disturb, which) for which in FAULTS]
        done = run.result()
        for fault in faults:
            fault.result()
    assert done.returncode == 0, done.stdout[-8000:]
    return Done(folder, done.stdout, time.monotonic() - begun, slurm.jobs())


def test_every_figure_is_the_undisturbed_local_run_s(local: Done, disturbed: Done) -> None:
    assert len(local.figures()) > 80
    assert disturbed.figures() == local.figures()


@pytest.mark.parametrize("pattern", ["seed*/weights.safetensors", "seed*/samples/*/gamma*.npz"])
def test_weights_and_samples_are_the_same_bytes(local: Done, disturbed: Done, pattern: str) -> None:
    runs = Path("results/small/runs")
    found = sorted(
        path.relative_to(local.folder) for path in (local.folder / runs).glob(f"*/{pattern}")
    )
    assert found == sorted(
        path.relative_to(disturbed.folder)
        for path in (disturbed.folder / runs).glob(f"*/{pattern}")
    )
    assert len(found) >= 4
    assert [
        p for p in found if (local.folder / p).read_bytes() != (disturbed.folder / p).read_bytes()
    ] == []
    assert not list((disturbed.folder / runs).rglob("shards/*")), "shards are temporary"


def test_trainings_that_were_ended_went_on_from_where_they_were(disturbed: Done) -> None:
    for run in FAULTS:
        log = (disturbed.folder / f"logs/small/train/{run.cell}-seed0.log").read_text()
        assert f"{run.cell} seed 0: goes on after step " in log
    states = {
        run.cell: sorted(
            job["JobState"] for job in disturbed.of_rule("rule_train") if run.cell in job["Comment"]
        )
        for run in FAULTS
    }
    assert states["vae"] == ["CANCELLED", "COMPLETED"]
    assert states["guide"] == ["COMPLETED", "TIMEOUT"]
    assert states[CELL] == ["COMPLETED"]
    (requeue,) = [job for job in disturbed.of_rule("rule_train") if CELL in job["Comment"]]
    assert requeue["Restarts"] == "1"


def test_jobs_ask_for_their_gpu_time_and_memory_as_the_profile_says(disturbed: Done) -> None:
    for job in disturbed.of_rule("rule_train"):
        assert job["TresPerJob"] == "gres:gpu:1"
        assert job["Requeue"] == "1"
        if job["JobState"] == "COMPLETED":
            assert job["TimeLimit"] == "12:00:00"
    assert {job.get("TresPerJob") for job in disturbed.of_rule("draw")} == {"gres:gpu:1"}
    assert {job.get("TresPerNode") for job in disturbed.of_rule("measure")} == {"gres:gpu:1"}


def test_short_jobs_share_a_submission(disturbed: Done) -> None:
    """Twelve shards, two likelihoods and three evaluations, six at most in one."""
    trainings = disturbed.of_rule("rule_train")
    assert len(trainings) == 4 + 2
    grouped = len(disturbed.jobs) - len(trainings)
    assert 3 <= grouped <= 6, [job["Comment"] for job in disturbed.jobs]


def test_nothing_is_left_in_the_queue_and_a_second_run_does_nothing(
    slurm: Slurm, disturbed: Done
) -> None:
    assert slurm.call("squeue", "--noheader") == ""
    again = run_snakemake(
        disturbed.folder,
        *CLUSTER,
        first=slurm.folder / "bin",
        SLURM_CONF=slurm.environment["SLURM_CONF"],
    )
    assert again.returncode == 0, again.stdout
    assert "Nothing to be done" in again.stdout


def test_the_local_run_that_follows_trains_and_measures_nothing_again(disturbed: Done) -> None:
    """Only sweeps that were scattered, whose inputs are others then, and what reads them."""
    jobs = planned(run_snakemake(disturbed.folder, *LOCAL, "-n", "--quiet", "rules").stdout)
    assert not {"prepare", "train", "likelihood"} & set(jobs), jobs
