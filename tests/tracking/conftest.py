"""An MLflow database made once (it takes seconds) and copied for each test, in a working directory
of its own."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tracking.synthetic import small_study

from threetargets.tracking import init

Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert init(small_study())["state"] == "ready"
    return folder / "mlflow.db"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the working directory, without a store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.fixture
def query(project: Path, empty_store: Path) -> Query:
    """The default store, ready, and SQL on it: what is stored, without asking MLflow."""
    shutil.copyfile(empty_store, project / "mlflow.db")

    def ask(sql: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(project / "mlflow.db")
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    return ask
