from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tracking.conftest import Query
from tracking.synthetic import SMOKE, small_study, write_study

from threetargets.tracking import init, store, sync

NOBODY = "http://reader:secret@127.0.0.1:9"


def test_the_study_goes_before_the_environment_and_that_before_sqlite(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.uri(small_study()) == f"sqlite:///{project}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert store.uri(small_study()) == "http://127.0.0.1:1"
    assert store.uri(small_study("sqlite:///other.db")) == f"sqlite:///{project}/other.db"


def test_a_password_is_never_shown() -> None:
    assert store.public("https://u:p@host:5000/x?token=t") == "https://host:5000/x"
    assert store.public("postgresql://u:p@host/db") == "postgresql://host/db"


def test_a_server_that_is_away_costs_seconds_and_the_study_goes_on(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    study = small_study(NOBODY)
    write_study(study)
    begun = time.monotonic()
    assert init(study)["state"] == "unreachable"
    state = sync(study)
    assert time.monotonic() - begun < 10
    assert state["state"] == "incomplete"
    assert "http://127.0.0.1:9 does not answer" in state["reason"]
    shown = "".join(capfd.readouterr()) + Path("results/smoke/tracking.json").read_text()
    assert len(shown.split("incomplete")) == 3  # the line and the file
    assert "secret" not in shown
    assert Path("results/smoke/tracking-init.json").exists()


def test_a_server_that_takes_calls_and_never_answers_is_left(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threetargets.tracking.mirror.SYNC_SECONDS", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        study = small_study(f"http://127.0.0.1:{server.getsockname()[1]}")
        write_study(study)
        begun = time.monotonic()
        state = sync(study)
    assert time.monotonic() - begun < 10
    assert (state["state"], state["reason"]) == ("incomplete", "not done after 2 s")


def test_an_outage_is_filled_in_afterwards(query: Query) -> None:
    write_study(small_study())
    assert sync(small_study(NOBODY))["state"] == "incomplete"
    assert sync(small_study())["state"] == "complete"


LOCKED = sqlite3.OperationalError("(raised as a result of a flush)\ndatabase is locked")
TWICE = {
    "SQLite": "(sqlite3.IntegrityError) UNIQUE constraint failed: metrics.key",
    "MySQL": "(pymysql.err.IntegrityError) (1062, \"Duplicate entry 'loss-1' for key\")",
    "PostgreSQL": "(psycopg2.errors.UniqueViolation) duplicate key value",
}


@pytest.mark.parametrize("refusals, state", [(1, "complete"), (store.BUSY_TRIES, "incomplete")])
@pytest.mark.parametrize(
    "code, refusal",
    [("TEMPORARILY_UNAVAILABLE", LOCKED), *(("BAD_REQUEST", words) for words in TWICE.values())],
)
def test_a_store_in_which_another_writes_is_asked_again(
    query: Query,
    monkeypatch: pytest.MonkeyPatch,
    refusals: int,
    state: str,
    code: str,
    refusal: Any,
) -> None:
    """As MLflow wraps what the database says to the second of two writers."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos import databricks_pb2
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    asked, create_run = [0], SqlAlchemyStore.create_run

    def refuse(*args: Any, **kwargs: Any) -> Any:
        asked[0] += 1
        if asked[0] <= refusals:
            raise MlflowException(refusal, getattr(databricks_pb2, code))
        return create_run(*args, **kwargs)

    monkeypatch.setattr(SqlAlchemyStore, "create_run", refuse)
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.1)
    write_study(small_study())
    answer = sync(small_study())
    assert answer["state"] == state
    last = str(refusal).splitlines()[-1]
    assert answer["reason"] == ("" if state == "complete" else f"MlflowException: {last}")


@pytest.mark.parametrize(
    "words", ["no such run", "(sqlite3.IntegrityError) NOT NULL constraint failed: metrics.key"]
)
def test_a_store_that_refuses_for_another_reason_is_asked_once(
    query: Query, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    asked = [0]

    def refuse(*args: Any, **kwargs: Any) -> Any:
        asked[0] += 1
        raise MlflowException(words)

    monkeypatch.setattr(SqlAlchemyStore, "create_run", refuse)
    write_study(small_study())
    assert sync(small_study())["reason"] == f"MlflowException: {words}"
    assert asked == [1]


def test_a_file_that_is_no_database_is_named_and_kept(project: Path) -> None:
    Path("mlflow.db").write_text("my notes, longer than sixteen bytes")
    state = sync(small_study())
    assert "mlflow.db is not an SQLite database" in state["reason"]
    assert Path("mlflow.db").read_text().startswith("my notes")


def test_an_experiment_that_was_deleted_in_the_browser_comes_back(query: Query) -> None:
    study = small_study()
    write_study(study)
    sync(study)
    place = store.connect(study)
    place.client.delete_experiment(place.experiment_id)
    assert init(study)["state"] == "ready"
    assert query("select lifecycle_stage from experiments where name = 'smoke'") == [("active",)]


def test_a_new_store_opened_by_two_processes_at_once_is_whole(project: Path) -> None:
    code = f"from threetargets import study, tracking; tracking.init(study.load({str(SMOKE)!r}))"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in started]
    assert all("is ready" in line for line in said)
    write_study(small_study())
    assert sync(small_study())["state"] == "complete"


def test_tracking_is_imported_without_mlflow() -> None:
    code = (
        "import sys, threetargets.tracking; sys.exit('mlflow' in sys.modules or 'torch' in "
        "sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
