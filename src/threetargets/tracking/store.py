"""The MLflow store: where it is, whether it answers, and a client for it, all within a bounded
time."""

from __future__ import annotations

import logging
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit, urlunsplit

from filelock import FileLock, Timeout

from threetargets.study.schema import Study

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE = "mlflow.db"
ARTIFACTS = "mlflow-artifacts"
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
SQLITE = "sqlite:///"
ANSWER_SECONDS = 5.0  # for a port to open
LOCK_SECONDS = 60.0
BUSY, BUSY_TRIES, BUSY_SECONDS = "TEMPORARILY_UNAVAILABLE", 5, 2.0
THERE_ALREADY = ("UNIQUE constraint", "Duplicate entry", "UniqueViolation")
"""What SQLite, MySQL and PostgreSQL say of a point that is sent twice."""
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # The defaults keep a job waiting for four minutes at each call.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}
KIND = ("mlflow.experimentKind", "custom_model_development")
"""Of the experiment; without it MLflow's page may take it for one of agents."""
T = TypeVar("T")


class Unreachable(Exception):
    """The store cannot be used now; the message says why in one line."""


@dataclass(frozen=True)
class Store:
    """A store that answers, with the study's experiment in it."""

    client: MlflowClient
    experiment_id: str


def uri(study: Study) -> str:
    """The study's `tracking.uri`, else MLFLOW_TRACKING_URI, else SQLite beside the project, by
    absolute path."""
    chosen = study.tracking.uri or os.environ.get("MLFLOW_TRACKING_URI") or SQLITE + DATABASE
    if chosen.startswith(
        SQLITE
    ):  # a relative path would be another database in each working directory
        return SQLITE + str(Path(chosen.removeprefix(SQLITE)).absolute())
    return chosen


def public(address: str) -> str:
    """The address without a user's name, password or token."""
    if address.startswith(SQLITE):
        return address
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


def _check(address: str) -> None:
    """Fail within seconds, before MLflow is imported: its own retries would take minutes. Raises
    Unreachable."""
    if address.startswith(SQLITE):
        path = Path(address.removeprefix(SQLITE))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size:
                with path.open("r+b") as file:
                    if file.read(16) != b"SQLite format 3\0":
                        raise Unreachable(f"{path} is not an SQLite database")
            elif not os.access(path.parent, os.W_OK):
                raise Unreachable(f"{path.parent} is not writable")
        except OSError as error:
            raise Unreachable(f"{path} is not writable ({error.strerror})") from error
        return
    parts = urlsplit(address)
    port = parts.port or PORTS.get(parts.scheme.partition("+")[0])
    if parts.hostname and port:
        try:
            socket.create_connection((parts.hostname, port), timeout=ANSWER_SECONDS).close()
        except OSError as error:
            raise Unreachable(
                f"{public(address)} does not answer ({error.strerror or error})"
            ) from error


def _prepare_environment() -> None:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _upgrade(address: str) -> None:
    """Bring an SQLite database of an older MLflow up to date, by MLflow's own command."""
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise Unreachable(
            f"mlflow db upgrade failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
        )


def _open(study: Study, address: str) -> Store:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        experiment = client.get_experiment_by_name(study.study)
    except MlflowException as error:
        if "out-of-date database schema" not in str(error) or not address.startswith(SQLITE):
            raise
        _upgrade(address)
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        experiment = client.get_experiment_by_name(study.study)
    if experiment is None:
        local = urlsplit(address).scheme not in (
            "http",
            "https",
        )  # a server says itself where its artifacts lie
        place = (Path(ARTIFACTS).absolute() / study.study).as_uri() if local else None
        note = {"mlflow.note.content": study.title, KIND[0]: KIND[1]}
        try:
            return Store(
                client,
                str(client.create_experiment(study.study, artifact_location=place, tags=note)),
            )
        except MlflowException:  # another host, which the lock does not reach, was first
            experiment = client.get_experiment_by_name(study.study)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    if KIND[0] not in experiment.tags:
        client.set_experiment_tag(experiment.experiment_id, *KIND)
    return Store(client, str(experiment.experiment_id))


def connect(study: Study) -> Store:
    """A client and the study's experiment; database and experiment are created where they are
    missing.

    Creating an MLflow database is not safe from two processes at once, so it happens under a file
    lock. Raises Unreachable for what can be told within seconds, and whatever MLflow raises.
    """
    address = uri(study)
    _check(address)
    _prepare_environment()
    import mlflow  # noqa: F401  takes seconds, for which no other process should have to wait

    lock = (
        Path(f"{address.removeprefix(SQLITE)}.lock")
        if address.startswith(SQLITE)
        else Path("work", "mlflow.lock")
    )
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=LOCK_SECONDS):
            return _open(study, address)
    except Timeout:
        raise Unreachable(f"another process has held {lock} for {LOCK_SECONDS:g} s") from None


def bounded(work: Callable[[], T], seconds: float) -> T:
    """The result of `work`, which is left behind if it takes longer. Raises Unreachable then, or
    what `work` raises."""
    answers: queue.Queue[tuple[bool, T | BaseException]] = queue.Queue()

    def body() -> None:
        try:
            answers.put((True, work()))
        except BaseException as error:
            answers.put((False, error))

    threading.Thread(target=body, name="mlflow", daemon=True).start()
    try:
        good, answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise Unreachable(f"not done after {seconds:g} s") from None
    if good:
        return answer  # type: ignore[return-value]
    raise answer  # type: ignore[misc]


def met_another_writer(error: BaseException) -> bool:
    """Whether the store refused because another process or thread writes to it, or has just
    written the same point: a sync may meet the live mirror that a training left behind."""
    return getattr(error, "error_code", None) == BUSY or any(
        words in str(error) for words in THERE_ALREADY
    )


def while_busy(work: Callable[[], T]) -> T:
    """The result of `work`, which is called again, after a pause, where it met another writer: of
    two in one SQLite file one is refused at once. Raises what the last call raises."""
    for _ in range(BUSY_TRIES - 1):
        try:
            return work()
        except Exception as error:
            if not met_another_writer(error):
                raise
        time.sleep(BUSY_SECONDS)
    return work()


def reason(error: BaseException) -> str:
    """One line of what went wrong, with no more than 200 characters."""
    lines = [
        line
        for line in str(error).strip().splitlines()
        if not line.startswith("(raised as a result of")  # SQLAlchemy's hint; the cause follows it
    ]
    text = lines[0] if lines else ""
    return (text if isinstance(error, Unreachable) else f"{type(error).__name__}: {text}")[:200]
