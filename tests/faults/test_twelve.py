"""Twelve processes that start at once on an empty store."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from faults.servers import Server

TWELVE = """
import os, sys, time
import mlflow
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tracking.synthetic import small_study
from threetargets.pipeline import cells
from threetargets.pipeline.identity import identity
from threetargets.pipeline.identity import work_dir
from threetargets.pipeline import paths
from threetargets.tracking import Journal, init, live
live.EVERY_SECONDS = 0.2
study = small_study(sys.argv[1], 0.0, study="twelve", cells=["vae"], seeds=list(range(12)),
                    guidance=small_study().model_dump(mode="json")["guidance"] | {"cells": []})
start, children = time.time() + 1, []
for seed in study.seeds:
    if not (child := os.fork()):
        time.sleep(max(0.0, start - time.time()))
        state = init(study)["state"]
        run = cells.Run("vae", seed)
        path = Path("journals") / f"{seed}.jsonl"
        identity = identity(study, "train", run)
        with Journal(path) as journal, live.Live(study, run, identity, path) as mirror:
            for step in range(1, 21):
                journal.log(step, step, {"loss": 1 / step})
            mirror.close(timeout=60)
        os._exit(state != "ready")
    children.append(child)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children))
"""


def test_twelve_processes_start_at_once_on_an_empty_file(tmp_path: Path) -> None:
    twelve(tmp_path, f"sqlite:///{tmp_path}/empty.db")


def test_twelve_processes_start_at_once_on_an_empty_server(server: Server, tmp_path: Path) -> None:
    twelve(tmp_path, server.uri)


def twelve(folder: Path, uri: str) -> None:
    from mlflow import MlflowClient

    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-c", TWELVE, uri, str(Path(__file__).parents[1])]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    client = MlflowClient(tracking_uri=uri)
    experiments = [e for e in client.search_experiments() if e.name == "twelve"]
    assert len(experiments) == 1
    runs = client.search_runs([experiments[0].experiment_id])
    keys = sorted(run.data.tags["study.key"] for run in runs)
    assert keys == sorted(
        f"twelve/vae/seed{s}{stage}" for s in range(12) for stage in ("", "/train")
    )
    for run in runs:
        if run.data.tags["study.key"].endswith("/train"):
            history = client.get_metric_history(run.info.run_id, "loss")
            assert sorted((m.step, m.value) for m in history) == [
                (step, 1 / step) for step in range(1, 21)
            ]
