"""A long training seen while it runs: a thread that copies the journal to MLflow every few
seconds."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from threetargets.pipeline import cells
from threetargets.pipeline.identity import identity_fields
from threetargets.study.schema import Study
from threetargets.tracking import store
from threetargets.tracking.journal import Entry, read
from threetargets.tracking.points import journal_metrics, milliseconds
from threetargets.tracking.runs import Runs, flat, model_key, model_tags

if TYPE_CHECKING:
    from mlflow.entities import Run as MlflowRun

EVERY_SECONDS = 5.0
PATIENCE_SECONDS = 60.0  # between attempts, once the store has failed


class Live:
    """Mirrors the journal at `journal` from `tracking.live_after_seconds` on, until `close`.

    It never raises and never blocks the training. What it could not send, `sync` sends afterwards;
    a training shorter than that is left to `sync` altogether, and never imports MLflow.
    """

    def __init__(self, study: Study, run: cells.Run, identity: str, journal: Path) -> None:
        self._study, self._run, self._identity, self._journal = study, run, identity, journal
        self._over, self._left = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._body, name="mlflow-live", daemon=True)
        self._thread.start()

    def _body(self) -> None:
        if self._over.wait(self._study.tracking.live_after_seconds):
            return
        runs: Runs | None = None
        run_id, sent, complained = "", 0, False
        held: set[tuple[str, int]] = (
            set()
        )  # an interrupted attempt of the same training may have sent them
        while True:
            last = self._over.is_set()
            try:
                entries = read(self._journal)
                if runs is None:
                    runs = Runs.load(
                        store.connect(self._study), only=model_key(self._study, self._run)
                    )
                if self._left.is_set():
                    return
                if not run_id and entries:
                    opened = self._open(runs, entries)
                    held, run_id = runs.held(opened), opened.info.run_id
                if len(entries) > sent:
                    for first in range(sent, len(entries), 50):
                        if self._left.is_set():
                            return
                        points = journal_metrics(entries[first : first + 50])
                        news = [point for point in points if (point.key, point.step) not in held]
                        runs.store.client.log_batch(run_id, metrics=news)
                        sent = min(first + 50, len(entries))
                pause = EVERY_SECONDS
            except Exception as error:  # whatever it is, it must not reach the training
                if not complained:
                    reason = store.reason(error)
                    print(
                        f"MLflow: {reason}; training goes on, track sync will fill it in",
                        file=sys.stderr,
                        flush=True,
                    )
                complained, pause = True, PATIENCE_SECONDS
            if last:
                return
            self._over.wait(pause)

    def _open(self, runs: Runs, entries: list[Entry]) -> MlflowRun:
        study, run, start = self._study, self._run, milliseconds(entries[0]["time"])
        key, tags = model_key(study, run), model_tags(study, run)
        parent = runs.open(key, self._identity, {**tags, "stage": "model"}, start)
        runs.send(parent, [], flat(identity_fields(study, "train", run)["run"]), {})
        stage = {**tags, "stage": "train"}
        return runs.open(
            f"{key}/train", self._identity, stage, start, parent.info.run_id, journal=entries
        )

    def close(self, timeout: float = 10.0) -> None:
        """Send what is left, for no longer than `timeout` seconds; what is under way then is the
        last that is sent."""
        self._over.set()
        self._thread.join(timeout)
        self._left.set()

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
