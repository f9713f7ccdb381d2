from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tracking.conftest import Query
from tracking.synthetic import small_study, write_study

from threetargets.pipeline import paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.study.schema import Study
from threetargets.tracking import Journal, Live, store, sync, truncate_after

VAE = Run("vae", 0)
LOSSES = "select count(*) from metrics where key = 'loss'"


def until(done: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threetargets.tracking.live.EVERY_SECONDS", 0.2)


def test_points_are_seen_while_the_training_runs_and_sync_doubles_none(
    query: Query, quick: None
) -> None:
    study = small_study(live_after=0.0)
    write_study(study)
    folder = paths.run_dir(study, VAE)
    (folder / "train.jsonl").unlink()
    wanted = identity(study, "train", VAE)
    with (
        Journal(folder / "train.jsonl") as journal,
        Live(study, VAE, wanted, folder / "train.jsonl") as live,
    ):
        for step in range(1, 11):
            journal.log(step, step, {"loss": 1 / step})
        assert until(lambda: query(LOSSES) == [(10,)])
        assert query("select distinct status from runs") == [("RUNNING",)]
        for step in range(11, 21):
            journal.log(step, step, {"loss": 1 / step})
        live.close(timeout=20)
    assert query(LOSSES) == [(20,)]
    live_ids = {run_id for (run_id,) in query("select run_uuid from runs")}
    ids = sync(study)["runs"]["vae/seed0"]
    assert live_ids == {ids["parent"], ids["train"]}
    assert query(f"{LOSSES} and run_uuid = '{ids['train']}'") == [
        (21,)
    ]  # 20 of the journal and the final figure
    assert query(f"select status from runs where run_uuid = '{ids['train']}'") == [("FINISHED",)]


def test_sync_fills_in_what_the_live_mirror_did_not_send(query: Query, quick: None) -> None:
    study = small_study(live_after=0.0)
    write_study(study)
    path = paths.run_dir(study, VAE) / "train.jsonl"
    path.unlink()
    with Journal(path) as journal:
        journal.log(1, 1, {"loss": 1.0})
        live = Live(study, VAE, identity(study, "train", VAE), path)
        assert until(lambda: query(LOSSES) == [(1,)])
        live.close(timeout=20)
        journal.log(2, 2, {"loss": 0.5})
    train = sync(study)["runs"]["vae/seed0"]["train"]
    assert query(
        f"select step from metrics where run_uuid = '{train}' and key = 'loss' order by step, "
        "timestamp"
    ) == [
        (1,),
        (2,),
        (2,),
    ]
    assert query("select count(*) from tags where key = 'study.superseded'") == [(0,)]


def test_a_resumed_training_goes_on_in_its_run_and_repeats_no_step(
    query: Query, quick: None
) -> None:
    """Step 3 was sent and taken back: the interruption came before its checkpoint."""
    study = small_study(live_after=0.0)
    write_study(study)
    path = paths.run_dir(study, VAE) / "train.jsonl"
    path.unlink()
    wanted = identity(study, "train", VAE)
    with Journal(path) as journal, Live(study, VAE, wanted, path):
        for step in (1, 2, 3):
            journal.log(step, step, {"loss": 1.0})
        assert until(lambda: query(LOSSES) == [(3,)])
    truncate_after(path, 2)
    time.sleep(0.01)
    with Journal(path) as journal:
        for step in (3, 4):
            journal.log(step, step, {"loss": 1.0})
        live = Live(study, VAE, wanted, path)
        assert until(lambda: query(LOSSES) == [(4,)])
        live.close(timeout=20)
    train = sync(study)["runs"]["vae/seed0"]["train"]
    curve = query(
        f"select step from metrics where run_uuid = '{train}' and key = 'loss' order by step"
    )
    assert curve == [(1,), (2,), (3,), (4,), (4,)]  # the last is the final figure
    assert query("select count(*) from tags where key = 'study.superseded'") == [(0,)]


def test_a_live_run_with_steps_that_this_training_has_not_is_left_behind(
    query: Query, quick: None
) -> None:
    study = small_study(live_after=0.0)
    write_study(study)
    path = paths.run_dir(study, VAE) / "train.jsonl"
    path.unlink()
    wanted = identity(study, "train", VAE)
    with Journal(path) as journal, Live(study, VAE, wanted, path):
        for step in (1, 2, 3):
            journal.log(step, step, {"loss": 1.0})
        assert until(lambda: query(LOSSES) == [(3,)])
    path.unlink()
    with Journal(path) as journal:
        journal.log(4, 4, {"loss": 1.0})
    train = sync(study)["runs"]["vae/seed0"]["train"]
    assert query(f"select step from metrics where run_uuid = '{train}' and key = 'loss'") == [
        (4,),
        (4,),
    ]
    assert query("select count(*) from tags where key = 'study.superseded'") == [(1,)]


def test_a_store_that_is_away_neither_raises_nor_holds_up_the_training(
    project: Path, capfd: pytest.CaptureFixture[str], quick: None
) -> None:
    study = small_study("http://127.0.0.1:9", live_after=0.0)
    with Journal(project / "j") as journal:
        live = Live(study, VAE, "0" * 16, project / "j")
        begun = time.monotonic()
        for step in range(20):
            journal.log(step, step, {"loss": 1.0})
        assert time.monotonic() - begun < 5
        assert until(lambda: "training goes on, track sync" in capfd.readouterr().err)
        begun = time.monotonic()
        live.close(timeout=5)
        assert time.monotonic() - begun < 6


def test_a_short_training_never_asks_for_mlflow(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr("threetargets.tracking.store.connect", opened.append)
    study = small_study(live_after=60.0)
    begun = time.monotonic()
    with Journal(project / "j") as journal, Live(study, VAE, "0" * 16, project / "j") as live:
        journal.log(1, 1, {"loss": 1.0})
    assert time.monotonic() - begun < 2
    assert opened == []
    assert not live._thread.is_alive()


def test_a_mirror_that_was_left_behind_sends_no_further_batch(
    query: Query, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sync has taken over by then; two that send the same points are in each other's way."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    study = small_study(live_after=0.0)
    write_study(study)
    path = paths.run_dir(study, VAE) / "train.jsonl"
    path.unlink()
    batches, locked, log_batch = [0], threading.Event(), SqlAlchemyStore.log_batch

    def slow(self: Any, run_id: str, metrics: Any = (), params: Any = (), tags: Any = ()) -> None:
        if metrics:
            batches[0] += 1
            locked.wait(30)
        log_batch(self, run_id, metrics, params, tags)

    monkeypatch.setattr(SqlAlchemyStore, "log_batch", slow)
    with Journal(path) as journal:
        for step in range(1, 121):  # three batches
            journal.log(step, step, {"loss": 1 / step})
        live = Live(study, VAE, identity(study, "train", VAE), path)
        assert until(lambda: batches == [1])
        live.close(timeout=0.1)
        locked.set()
        live._thread.join(20)
    assert (batches, query(LOSSES)) == ([1], [(50,)])
    train = sync(study)["runs"]["vae/seed0"]["train"]
    assert query(f"{LOSSES} and run_uuid = '{train}'") == [(121,)]


def test_a_mirror_that_was_left_behind_while_it_connected_opens_no_run(
    query: Query, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(live_after=0.0)
    write_study(study)
    path = paths.run_dir(study, VAE) / "train.jsonl"
    asked, answers, connect = threading.Event(), threading.Event(), store.connect

    def slow(study: Study) -> store.Store:
        asked.set()
        answers.wait(30)
        return connect(study)

    monkeypatch.setattr(store, "connect", slow)
    live = Live(study, VAE, identity(study, "train", VAE), path)
    assert asked.wait(30)
    live.close(timeout=0.1)
    answers.set()
    live._thread.join(30)
    assert query("select count(*) from runs") == [(0,)]
