"""The runs of a study in MLflow: found by their key, opened once, written in batches.

The key of a run is `<study>/<cell>/seed<k>` for a trained model and
`<study>/<cell>/seed<k>/<stage>` for a stage nested under it. A run with the same key that stands
for an older result is kept, and tagged as superseded. One that was deleted is restored, with its
family; what is nested under a run that is gone for good goes to the new one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from threetargets import families
from threetargets.pipeline import cells
from threetargets.study.schema import Study
from threetargets.tracking.journal import Entry
from threetargets.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

KEY = "study.key"
IDENTITY = "study.identity"
DIGEST = "study.digest"  # of the files that a stage's run mirrors
MIRRORED = "study.mirrored"  # set last: everything of that digest has arrived
SUPERSEDED = "study.superseded"
PARENT = "mlflow.parentRunId"
METRICS_A_BATCH, PARAMS_A_BATCH = (
    800,
    100,
)  # MLflow takes 1000 things at once, 100 of them parameters
LONGEST_PARAM = 6000  # MLflow cuts what is longer, and says nothing


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested parameters as dotted names and text."""
    flattened: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flattened |= flat(value, f"{prefix}{name}.")
        else:
            flattened[prefix + name] = value if isinstance(value, str) else json.dumps(value)
    return flattened


def model_key(study: Study, run: cells.Run) -> str:
    return f"{study.study}/{run.cell}/seed{run.seed}"


def model_tags(study: Study, run: cells.Run) -> dict[str, str]:
    """What one filters by; tags without a value are left out."""
    parts = families.tags(run.cell)
    tags = {"study": study.study, "cell": str(run.cell), **parts, "seed": str(run.seed)}
    return {key: value for key, value in tags.items() if value}


def is_active(run: Run) -> bool:
    return str(run.info.lifecycle_stage) == "active"


@dataclass
class Runs:
    """The runs that the store holds of a study, deleted ones behind the others, and how new ones
    are opened. `only` reads no more than one model's."""

    store: Store
    known: list[Run] = field(default_factory=list)
    parents: dict[str, str] = field(default_factory=dict)  # of nested runs
    active: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, store: Store, only: str = "") -> Runs:
        from mlflow.entities import ViewType

        filters = f"tags.`{KEY}` LIKE '{only}%'" if only else f"tags.`{KEY}` LIKE '%'"
        every: list[Run] = []
        token: str | None = None
        while True:
            page = store.client.search_runs(
                [store.experiment_id], filters, ViewType.ALL, max_results=1000, page_token=token
            )
            every.extend(page)
            token = page.token
            if not token:
                break
        known = [run for run in every if SUPERSEDED not in run.data.tags]
        return cls(
            store,
            sorted(known, key=is_active, reverse=True),
            {r.info.run_id: r.data.tags[PARENT] for r in every if PARENT in r.data.tags},
            {run.info.run_id for run in every if is_active(run)},
        )

    def open(
        self,
        key: str,
        identity: str,
        tags: dict[str, str],
        start: int,
        parent: str = "",
        digest: str = "",
        journal: list[Entry] | None = None,
    ) -> Run:
        """The run of that key, identity, parent and digest: the one in the store, or a new one;
        others superseded."""
        known_run: Run | None = None
        for run in [r for r in self.known if r.data.tags.get(KEY) == key]:
            if known_run is None and self._stands_for(run, identity, parent, digest, journal or []):
                known_run = run
            else:
                self._supersede(run)
        if known_run is not None:
            self._take_in(known_run.info.run_id, parent)
            return known_run
        name = key.split("/", 1)[1] if not parent else key.split("/", 3)[3]
        own = {
            KEY: key,
            IDENTITY: identity,
            "mlflow.runName": name,
            "mlflow.source.name": "threetargets",
        }
        own |= {PARENT: parent} if parent else {}
        own |= {DIGEST: digest} if digest and not journal else {}
        made = self.store.client.create_run(
            self.store.experiment_id, start_time=start, tags={**tags, **own}
        )
        self.known.append(made)
        self.active.add(made.info.run_id)
        return made

    def _take_in(self, run_id: str, parent: str) -> None:
        """Back from the deleted ones, and under the parent that there is now."""
        if run_id not in self.active:
            self.store.client.restore_run(run_id)
            self.active.add(run_id)
        if self.parents.get(run_id, "") != parent:
            self.store.client.set_tag(run_id, PARENT, parent)
            self.parents[run_id] = parent

    def _stands_for(
        self, run: Run, identity: str, parent: str, digest: str, journal: list[Entry]
    ) -> bool:
        tags = run.data.tags
        under = self.parents.get(run.info.run_id, "")
        orphan = bool(under and parent) and under not in self.active
        if tags.get(IDENTITY) != identity or (under != parent and not orphan):
            return False
        if DIGEST in tags or not parent:
            return tags.get(DIGEST, "") == digest
        # A live mirror left it. A resumed training says again what its interruption took back, with
        # the same numbers: the run goes on unless it holds steps that this journal passed by.
        held = {step for _, step in self.held(run)}
        steps = {entry["step"] for entry in journal}
        return {step for step in held if step <= max(steps)} <= steps if steps else not held

    def sweep(self) -> None:
        """Delete what is nested under a run that is deleted: its family is not what the study
        has."""
        for run_id, parent in self.parents.items():
            if run_id in self.active and parent not in self.active and not self._is_there(parent):
                self.store.client.delete_run(run_id)
                self.active.remove(run_id)

    def _is_there(self, run_id: str) -> bool:
        """Asked again of the store: a live mirror may have made it since."""
        from mlflow.exceptions import MlflowException

        try:
            return is_active(self.store.client.get_run(run_id))
        except MlflowException as error:
            if error.get_http_status_code() != 404:
                raise
            return False

    def held(self, run: Run) -> set[tuple[str, int]]:
        """Metric and step of every point in the store."""
        history = self.store.client.get_metric_history
        return {
            (name, point.step)
            for name in run.data.metrics
            for point in history(run.info.run_id, name)
        }

    def last(self, run: Run, name: str) -> Metric:
        """The latest point of a metric that the run has."""
        history = self.store.client.get_metric_history(run.info.run_id, name)
        return max(history, key=lambda point: (point.step, point.timestamp))

    def forget(self, run: Run, tags: Iterable[str]) -> None:
        for tag in tags:
            self.store.client.delete_tag(run.info.run_id, tag)

    def unsent(self, run: Run, journal: Iterable[Metric]) -> list[Metric]:
        """The journal's points that the store lacks: a step is sent once, however often an
        interruption repeated it."""
        held = self.held(run)
        return [point for point in journal if (point.key, point.step) not in held]

    def _supersede(self, run: Run) -> None:
        nested = [r for r in self.known if self.parents.get(r.info.run_id) == run.info.run_id]
        for old in [r for r in [run, *nested] if r.info.run_id in self.active]:
            self.store.client.set_tag(old.info.run_id, SUPERSEDED, "true")
            if old.info.status == "RUNNING":
                self.store.client.set_terminated(old.info.run_id, "KILLED")
        gone = {old.info.run_id for old in [run, *nested]}
        self.known = [r for r in self.known if r.info.run_id not in gone]

    def send(
        self, run: Run, metrics: list[Metric], params: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """What the run does not have yet, in batches. A parameter that is there already is not sent
        again."""
        from mlflow.entities import Param, RunTag

        batch = self.store.client.log_batch
        news = [Param(k, v[:LONGEST_PARAM]) for k, v in params.items() if k not in run.data.params]
        labels = [RunTag(k, v) for k, v in tags.items() if run.data.tags.get(k) != v]
        if labels:
            batch(run.info.run_id, tags=labels)
        for first in range(0, len(news), PARAMS_A_BATCH):
            batch(run.info.run_id, params=news[first : first + PARAMS_A_BATCH])
        for first in range(0, len(metrics), METRICS_A_BATCH):
            batch(run.info.run_id, metrics=metrics[first : first + METRICS_A_BATCH])
