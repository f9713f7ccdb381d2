"""The store goes away in mid-training: the training ends all the same and soon, and sync fills in
the last row."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from faults.servers import Server
from pipeline.conftest import BIN
from tracking.synthetic import small_study

from threetargets import tracking
from threetargets.pipeline import paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import work_dir
from threetargets.stages import prepare, train
from threetargets.study.schema import Study
from threetargets.tracking import Journal, live, read
from threetargets.training import finished

VAE = Run("vae", 0)
STEPS, EVERY = 300, 50
EXTRA_SECONDS = (
    25.0  # the bound: 10 s for the last points, and what a slow machine needs to import MLflow
)
TABLE: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def table(say: Callable[[str], None]) -> Iterator[None]:
    yield
    say(
        "\n".join(
            [
                "\nstore, outage: extra seconds; points of the journal, each once in the store "
                "after sync",
                *TABLE,
            ]
        )
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds for minutes: the mirror looks, and tries again, more often than in a study."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(live, "EVERY_SECONDS", 0.2)
    monkeypatch.setattr(live, "PATIENCE_SECONDS", 0.5)


def a_study(name: str, uri: str | None, live_after: float = 0.0) -> Study:
    values = small_study().model_dump(mode="json")["training"]
    values["vae"] |= {"steps": STEPS, "log_every": 5, "checkpoint_every": EVERY}
    return small_study(
        uri, live_after, study=name, cells=["vae"], training=values, guidance=_unguided()
    )


def _unguided() -> dict[str, Any]:
    return small_study().model_dump(mode="json")["guidance"] | {"cells": []}


def train_with(
    study: Study,
    monkeypatch: pytest.MonkeyPatch,
    at: dict[int, Callable[[], None]],
    budget: float = float("inf"),
) -> float:
    """Train, doing something when the journal comes to a step. Returns the seconds that it took,
    less what was done."""
    log, spent = Journal.log, [0.0]

    def watched(self: Journal, step: int, images: int, metrics: dict[str, float]) -> None:
        log(self, step, images, metrics)
        if step in at and "loss" in metrics:
            begun = time.monotonic()
            at[step]()
            spent[0] += time.monotonic() - begun

    monkeypatch.setattr(Journal, "log", watched)
    begun = time.monotonic()
    try:
        train.run(study, VAE, params="p.yaml", threads=1, budget=budget)
    finally:
        monkeypatch.setattr(Journal, "log", log)
    return time.monotonic() - begun - spent[0]


def points(study: Study) -> dict[str, list[tuple[int, float]]]:
    """What the store has of the training that tracking.json names: for each metric of the journal,
    step and value."""
    from mlflow import MlflowClient

    state = tracking.sync(study)
    client, train_id = MlflowClient(tracking_uri=state["uri"]), state["runs"]["vae/seed0"]["train"]
    runs = client.search_runs(
        [state["experiment_id"]], f"tags.`study.key` = '{study.study}/vae/seed0/train'"
    )
    assert [run.info.run_id for run in runs if "study.superseded" not in run.data.tags] == [
        train_id
    ]
    names = {name for entry in journal(study) for name in entry["metrics"]}
    return {
        name: sorted((m.step, m.value) for m in client.get_metric_history(train_id, name))
        for name in names
    }


def journal(study: Study) -> list[Any]:
    return list(read(paths.run_dir(study, VAE) / "train.jsonl"))


def assert_whole(study: Study) -> int:
    """Every point of the journal once, and beside them nothing but the final figures; the number of
    points."""
    found, count = points(study), 0
    for name, stored in found.items():
        wanted = sorted(
            (e["step"], e["metrics"][name]) for e in journal(study) if name in e["metrics"]
        )
        figure = [(STEPS, stored[-1][1])] if len(stored) == len(wanted) + 1 else []
        if (
            name == "images_per_second"
        ):  # of a resumed training: the rate of the first attempt at a step
            assert [step for step, _ in stored] == [step for step, _ in wanted]
        else:
            assert sorted(stored) == sorted(wanted + figure), name
            assert not figure or name == "validation_loss"
        count += len(wanted)
    return count


def appear(study: Study, step: int) -> Callable[[], None]:
    """Wait until the live mirror has brought that step to the store."""

    def wait() -> None:
        from mlflow import MlflowClient

        client, end = MlflowClient(tracking_uri=str(study.tracking.uri)), time.monotonic() + 60
        while time.monotonic() < end:
            experiment = client.get_experiment_by_name(study.study)
            key = f"tags.`study.key` = '{study.study}/vae/seed0/train'"
            runs = client.search_runs([experiment.experiment_id], key) if experiment else []
            if (
                runs
                and max(
                    (m.step for m in client.get_metric_history(runs[0].info.run_id, "loss")),
                    default=0,
                )
                >= step
            ):
                return
            time.sleep(0.1)
        raise AssertionError(f"step {step} did not come to the store")

    return wait


@pytest.fixture
def plain_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """The same training without a store, in a folder of its own; and the data for the other."""
    monkeypatch.chdir(tmp_path)
    study = a_study("plain", "http://127.0.0.1:9", live_after=1e6)
    prepare.run(study)
    seconds = train_with(study, monkeypatch, {})
    finished.clear(
        work_dir(study, VAE)
    )  # of the same identity, whatever the study's name: it would be resumed
    return seconds


@pytest.mark.parametrize("outage", ["killed and restarted", "killed for good", "frozen"])
def test_an_outage_in_mid_training(
    server: Server,
    outage: str,
    plain_seconds: float,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    study = a_study(outage.replace(" ", "-"), server.uri)
    prepare.run(study)
    seen = appear(study, 100)

    def begin() -> None:
        seen()
        server.signal(signal.SIGSTOP) if outage == "frozen" else server.kill()

    def end() -> None:
        time.sleep(1.0)  # the mirror notices
        if outage == "killed and restarted":
            server.start()
            appear(study, 150)()

    seconds = train_with(study, monkeypatch, {100: begin, 200: end})
    extra = seconds - plain_seconds
    said = capfd.readouterr().err
    if outage == "killed for good":
        assert "training goes on, track sync will fill it in" in said
        assert tracking.sync(study)["state"] == "incomplete"
        server.start()
    elif outage == "frozen":
        server.signal(signal.SIGCONT)
        server.wait()
    rows = assert_whole(study)
    assert assert_whole(study) == rows  # a second sync adds nothing
    store = "PostgreSQL" if server.backend.startswith("postgresql") else "SQLite"
    TABLE.append(f"mlflow server on {store}, {outage}: {extra:.1f} s; {rows} points")
    assert extra < EXTRA_SECONDS
    assert (paths.run_dir(study, VAE) / "weights.safetensors").exists()


def test_a_database_that_another_program_has_locked(
    tmp_path: Path, plain_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = a_study("locked", f"sqlite:///{tmp_path}/own.db")
    prepare.run(study)
    tracking.init(study)
    held: list[sqlite3.Connection] = []

    def begin() -> None:
        appear(study, 100)()
        held.append(sqlite3.connect(tmp_path / "own.db"))
        held[0].execute("begin exclusive")

    extra = train_with(study, monkeypatch, {100: begin}) - plain_seconds
    held[0].rollback()
    held[0].close()
    rows = assert_whole(study)
    TABLE.append(f"SQLite file, locked by another: {extra:.1f} s; {rows} points")
    assert extra < EXTRA_SECONDS


def test_a_process_ends_though_the_store_takes_calls_and_never_answers(
    tmp_path: Path, plain_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        study = a_study("silent", f"http://127.0.0.1:{silent.getsockname()[1]}")
        prepare.run(study)
        Path("p.yaml").write_text(yaml.safe_dump(study.model_dump(mode="json")))
        command = [
            str(BIN / "threetargets"),
            "train",
            "--cell",
            "vae",
            "--seed",
            "0",
            "--params",
            "p.yaml",
        ]
        begun = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        extra = time.monotonic() - begun - plain_seconds
    assert done.returncode == 0, done.stderr
    TABLE.append(f"a server that never answers: {extra:.1f} s with the start of the process")
    assert extra < EXTRA_SECONDS + 20  # for that start
