"""A training that goes on after an outage goes on in its MLflow run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.servers import Server
from faults.test_outages import VAE, a_study, appear, assert_whole, train_with

from threetargets.errors import BudgetReached
from threetargets.pipeline.identity import work_dir
from threetargets.stages import prepare
from threetargets.study.schema import Study
from threetargets.tracking import live, read


def test_a_resumed_training_goes_on_in_its_mlflow_run(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended by its budget, then by a crash that takes back what the store has seen, then to the
    end."""
    monkeypatch.chdir(tmp_path)
    study = a_study("resumed", server.uri)
    prepare.run(study)

    class Crash(Exception):
        pass

    def crash() -> None:
        appear(study, 190)()
        raise Crash

    def slow() -> None:
        appear(study, 60)()

    monkeypatch.setattr("threetargets.training.loop.time.monotonic", _jump(monkeypatch, study))
    with pytest.raises(BudgetReached):
        train_with(study, monkeypatch, {60: slow}, budget=1e6)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(live, "EVERY_SECONDS", 0.2)
    first = _train_runs(study)
    with pytest.raises(Crash):
        train_with(study, monkeypatch, {190: crash})
    train_with(study, monkeypatch, {})
    assert_whole(study)
    assert len(first) == 1 and _train_runs(study) == first


def _jump(monkeypatch: pytest.MonkeyPatch, study: Study) -> Callable[[], float]:
    """A clock that leaps past any budget once step 100 is in the journal."""
    path, clock = work_dir(study, VAE) / "journal.jsonl", time.monotonic

    def now() -> float:
        done = path.exists() and max((e["step"] for e in read(path)), default=0) >= 100
        return clock() + (
            1e7 if done and threading.current_thread() is threading.main_thread() else 0.0
        )

    return now


def _train_runs(study: Study) -> list[str]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=str(study.tracking.uri))
    experiment = client.get_experiment_by_name(study.study)
    return sorted(
        run.info.run_id
        for run in client.search_runs([experiment.experiment_id])
        if run.data.tags["study.key"].endswith("/train")
    )
