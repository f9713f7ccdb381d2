"""Which model, of which weights, on which data: a LoggedModel for each trained model, and the data
set of each run.

A model is what the run of a cell and seed and its training put out, and what the runs of its
samples, its likelihood and its evaluation take in. It holds the digest of its weights and the path
where they lie, not the weights. Its metrics are the figures of the model as trained, each with the
data set that it was measured on.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from threetargets.pipeline import paths
from threetargets.pipeline.records import Figure, Record
from threetargets.study.schema import Study
from threetargets.tracking.points import milliseconds, points, same
from threetargets.tracking.runs import IDENTITY, KEY, LONGEST_PARAM, Runs
from threetargets.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Dataset, LoggedModel, Metric
    from mlflow.entities import Run as MlflowRun

TRAINED_BY = "study.trained_by"  # the run of the training
CURRENT = "current"  # false: another training of the same cell and seed has taken its place
WEIGHTS = "weights_sha256"
DATA_DIGITS = 16  # of the digest of the data; MLflow takes 36 at most
CONTEXTS = {
    "model": "training",
    "train": "training",
    "likelihood": "testing",
    "evaluate": "testing",
}
"""Stages in MLflow's words."""
MODELS_A_PAGE = 500


def data_set(study: Study, record: Record) -> Dataset | None:
    """The data that a stage used, by name and digest; None where it used none."""
    from mlflow.entities import Dataset

    digest = str(record.provenance.get("data_digest") or "")
    if not digest or not study.cells:
        return None
    source = json.dumps({"uri": str(paths.data_dir(study))})
    profile = json.dumps(study.data.model_dump(mode="json")["split"])
    return Dataset(study.data.name, digest[:DATA_DIGITS], "local", source, profile=profile)


def weights_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; empty where there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass
class Models:
    """The LoggedModels of a study. `able` is false where the server is older than these are."""

    store: Store
    known: list[LoggedModel] = field(default_factory=list)
    able: bool = True

    @classmethod
    def load(cls, store: Store) -> Models:
        from mlflow.exceptions import MlflowException

        known: list[LoggedModel] = []
        token: str | None = None
        while True:
            try:
                page = store.client.search_logged_models(
                    [store.experiment_id], max_results=MODELS_A_PAGE, page_token=token
                )
            except MlflowException as error:
                if error.get_http_status_code() != 404:
                    raise
                return cls(store, able=False)
            known.extend(page)
            token = page.token
            if not token:
                return cls(store, [m for m in known if m.tags.get(CURRENT) != "false"])

    def of(
        self,
        key: str,
        parent: MlflowRun,
        trained: MlflowRun,
        record: Record,
        weights: Path,
        tags: dict[str, str],
        params: dict[str, str],
    ) -> LoggedModel | None:
        """The model of a training's run: the one in the store, or a new one; others of that cell
        and seed are current no longer. None where no model can be."""
        if not self.able:
            return None
        model: LoggedModel | None = None
        for other in [m for m in self.known if m.tags.get(KEY) == key]:
            if model is None and other.tags.get(TRAINED_BY) == trained.info.run_id:
                model = other
            else:
                self.store.client.set_logged_model_tags(other.model_id, {CURRENT: "false"})
                self.known.remove(other)
        if model is not None:
            return model
        digest = weights_digest(weights) if record.status == "ok" else ""
        own = {WEIGHTS: digest, "weights": str(weights)} if digest else {"reason": record.reason}
        own |= {KEY: key, IDENTITY: record.identity, TRAINED_BY: trained.info.run_id}
        run = record.run
        model = self.store.client.create_logged_model(
            self.store.experiment_id,
            name=f"{run.cell}-seed{run.seed}",
            source_run_id=parent.info.run_id,  # the run that a reader of the page goes on to
            tags={**tags, **own, CURRENT: "true"},
            params={name: value[:LONGEST_PARAM] for name, value in params.items()},
            model_type=run.cell.kind,
        )
        self.known.append(model)
        return model

    def link(self, run: MlflowRun, model: LoggedModel | None, data: Dataset | None) -> None:
        """Say of a stage's run what it used and made, once; also of one that an older version of
        this sent."""
        from mlflow.entities import DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput

        makes = model is not None and (
            run.info.run_id in (model.source_run_id, model.tags[TRAINED_BY])
        )
        seen = run.inputs.dataset_inputs if run.inputs else []
        takes = model is not None and is_open(model) and not makes
        if takes or (data is not None and not seen):
            stage = run.data.tags.get("stage", "")
            context = InputTag("mlflow.data.context", CONTEXTS.get(stage, stage))
            self.store.client.log_inputs(
                run.info.run_id,
                datasets=[DatasetInput(data, [context])] if data else [],
                models=[LoggedModelInput(model.model_id)] if model and not makes else [],
            )
        held = {made.model_id for made in (run.outputs.model_outputs if run.outputs else [])}
        if model is not None and makes and model.model_id not in held:
            self.store.client.log_outputs(
                run.info.run_id, [LoggedModelOutput(model.model_id, step=0)]
            )

    def close(self, model: LoggedModel | None, status: str) -> None:
        """Everything of the model has arrived: until then a next sync links it again."""
        if model is not None and is_open(model):
            state = "READY" if status == "ok" else "FAILED"
            self.store.client.finalize_logged_model(model.model_id, state)  # type: ignore[arg-type]


def is_open(model: LoggedModel) -> bool:
    return str(getattr(model.status, "value", model.status)) == "PENDING"


def tied(
    runs: Runs,
    parent: MlflowRun,
    model: LoggedModel | None,
    data: Dataset | None,
    figures: list[Figure],
) -> list[Metric]:
    """The figures that the model's run or the model lacks, as metrics of both, and of the data."""
    from mlflow.entities import Metric

    shown, now = parent.data.metrics, milliseconds(time.time())
    sent = sorted((model.metrics or []) if model else [], key=lambda point: point.timestamp)
    of_model = {point.key: point.value for point in sent}
    news: list[Metric] = []
    for point in points(figures, now, 0):
        key, value = point.key, point.value
        here = key in shown and same(value, shown[key])
        if here and (model is None or (key in of_model and same(value, of_model[key]))):
            continue
        # What the run has is sent again as it was, which adds nothing to the run.
        point = runs.last(parent, key) if here else point
        news.append(
            Metric(
                key,
                point.value,
                point.timestamp,
                point.step,
                model_id=model.model_id if model else None,
                dataset_name=data.name if data else None,
                dataset_digest=data.digest if data else None,
            )
        )
    return news
