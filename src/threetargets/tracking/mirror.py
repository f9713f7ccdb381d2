"""Records to MLflow, once and only once: one experiment a study, a run for each model, its stages
nested under it."""

from __future__ import annotations

import hashlib
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from threetargets import files
from threetargets.pipeline import cells, jobs, paths
from threetargets.pipeline.identity import identity, identity_fields
from threetargets.pipeline.records import Figure, Record
from threetargets.study.schema import Study
from threetargets.tracking import pictures, store
from threetargets.tracking.journal import read
from threetargets.tracking.runs import (
    DIGEST,
    MIRRORED,
    Runs,
    figure_key,
    flat,
    journal_metrics,
    milliseconds,
    model_key,
    model_tags,
)

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.entities import Run as MlflowRun

INIT_SECONDS = 180.0
SYNC_SECONDS = 900.0
MODEL = "model"  # the stage of a parent run


@dataclass(frozen=True)
class Result:
    """The record of one stage of one run, and the files that belong to it."""

    stage: str  # the name under the parent: train, sample/<guidance>, likelihood, evaluate
    path: Path
    others: tuple[Path, ...] = ()

    def digest(self) -> str:
        parts = [
            path.read_bytes()
            for path in (self.path, *self.others)
            if path.suffix != ".npz" and path.exists()
        ]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def expected(study: Study, run: cells.Run) -> Iterator[Result]:
    """The results that the study has of a run, each where its stage writes it."""
    folder = paths.run_dir(study, run)
    if run.model != cells.FLOOR:
        yield Result("train", folder / "train.json", (folder / "train.jsonl",))
    if run.model in cells.CLASSIFIERS:
        return
    if run.model != cells.FLOOR:
        for guidance in jobs.guidances(study, run):
            place = paths.sample_dir(study, run, guidance)
            sets = tuple(place / f"gamma{g}.npz" for g in jobs.gammas(study, guidance))
            yield Result(f"sample/{guidance}", place / "sample.json", sets)
        yield Result("likelihood", folder / "likelihood.json")
    if run in jobs.measured_runs(study):
        yield Result("evaluate", folder / "evaluate.json")


def _figures(figures: list[Figure], when: int, step: int) -> list[Metric]:
    from mlflow.entities import Metric

    values: dict[str, float] = {}
    for figure in figures:
        name = figure_key(figure)
        if name in values:
            raise ValueError(f"two figures of one record are both called {name}")
        for key, value in ((name, figure.value), (f"{name}/stderr", figure.stderr)):
            if value is not None:
                values[key] = float(value)
    return [Metric(key, value, when, step) for key, value in values.items()]


def _tags(study: Study, record: Record) -> dict[str, str]:
    origin = record.provenance
    tags = {
        "stage": record.stage,
        "guidance": record.guidance,
        "status": record.status,
        "reason": record.reason,
        "commit": str(origin.get("commit") or ""),
        "modified": "true" if origin.get("modified") else "",
        "mlflow.source.git.commit": str(origin.get("commit") or ""),
        "data_digest": str(origin.get("data_digest") or ""),
        "mlflow.note.content": f"`{record.command}`" if record.command else "",
    }
    return {**model_tags(study, record.run), **{k: v for k, v in tags.items() if v}}


def _params(study: Study, record: Record) -> dict[str, str]:
    """The parameters that are the stage's own. None where the parameter file has changed since:
    they would be wrong."""
    run = record.run
    if record.identity != identity(study, record.stage, run, record.guidance):
        return {}
    fields = identity_fields(study, record.stage, run, record.guidance)
    model = fields.pop("run", {})
    return flat(fields | ({"training": model["training"]} if record.stage == "train" else {}))


def _artifacts(study: Study, result: Result, folder: Path) -> None:
    shutil.copyfile(result.path, folder / result.path.name)
    if result.stage == "train" and result.others[0].exists():
        shutil.copyfile(result.others[0], folder / result.others[0].name)
        pictures.loss_curves(read(result.others[0]), folder / "curves.png")
    elif result.stage.startswith("sample/"):
        sets = [path for path in result.others if path.exists()]
        pictures.sample_grid(sets, paths.data_dir(study) / "manifest.json", folder / "samples.png")


def _mirror_stage(
    study: Study, runs: Runs, result: Result, record: Record, parent: str
) -> MlflowRun:
    """Bring one result into MLflow, unless it is there already."""
    digest, entries = result.digest(), read(result.others[0]) if result.stage == "train" else []
    written = result.path.stat().st_mtime
    begun = entries[0]["time"] if entries else written - record.seconds
    key = f"{model_key(study, record.run)}/{result.stage}"
    tags = _tags(study, record)
    run = runs.open(key, record.identity, tags, milliseconds(begun), parent, digest, entries)
    if run.data.tags.get(MIRRORED) == "true":
        return run
    # A figure comes after the journal's last entry, so that it is the metric's latest value.
    when = milliseconds(entries[-1]["time"]) + 1 if entries else run.info.start_time
    metrics = runs.unsent(run, journal_metrics(entries)) + _figures(
        record.figures, when, entries[-1]["step"] if entries else 0
    )
    runs.send(run, metrics, _params(study, record), {**tags, DIGEST: digest})
    with tempfile.TemporaryDirectory() as folder:
        _artifacts(study, result, Path(folder))
        runs.store.client.log_artifacts(run.info.run_id, folder)
    ended = milliseconds(entries[-1]["time"] if entries else written)
    runs.store.client.set_terminated(
        run.info.run_id, "FINISHED" if record.status == "ok" else "FAILED", ended
    )
    runs.store.client.set_tag(run.info.run_id, MIRRORED, "true")
    return run


def _mirror_model(
    study: Study, runs: Runs, run: cells.Run, found: list[tuple[Result, Record]]
) -> dict[str, str]:
    """A model's run and its stages; the parent shows the figures of the model as trained. Returns
    their ids."""
    first = found[0][1]
    trained = first.stage == "train"
    current = cells.FLOOR if run.model == cells.FLOOR else identity(study, "train", run)
    trained_as = first.identity if trained else current
    start = milliseconds(found[0][0].path.stat().st_mtime - first.seconds)
    tags = {**_tags(study, first), "stage": MODEL}
    parent = runs.open(model_key(study, run), trained_as, tags, start)
    ids = {"parent": parent.info.run_id}
    for result, record in found:
        ids[result.stage] = _mirror_stage(
            study, runs, result, record, parent.info.run_id
        ).info.run_id
    status = "ok" if all(record.status == "ok" for _, record in found) else "failed"
    plain = [
        f for _, record in found for f in record.figures if not f.gamma or f.guidance == "none"
    ]
    held = parent.data.metrics
    now = milliseconds(time.time())
    news = [
        m
        for m in _figures(plain, now, 0)
        if not math.isclose(held.get(m.key, math.nan), m.value, rel_tol=1e-9)
    ]
    params = (
        flat(identity_fields(study, "train", run)["run"])
        if trained and trained_as == current
        else {}
    )
    runs.send(parent, news, params, {**tags, "status": status})
    ended = "FINISHED" if status == "ok" else "FAILED"
    if parent.info.status != ended:
        runs.store.client.set_terminated(parent.info.run_id, ended)
    return ids


def _mirror(study: Study, state: dict[str, Any]) -> None:
    """All that is on disk into the store; `state` says at any moment how far it is."""
    place = store.connect(study)
    state["experiment_id"] = place.experiment_id
    runs = Runs.load(place)
    missing = 0
    for run in [*jobs.trained_runs(study), *jobs.floor_runs(study)]:
        results = list(expected(study, run))
        found = [(r, Record.of(files.read_json(r.path))) for r in results if r.path.exists()]
        missing += len(results) - len(found)
        if found:
            state["runs"][f"{run.cell}/seed{run.seed}"] = _mirror_model(study, runs, run, found)
    if missing:
        state["reason"] = f"{missing} records are not written yet"
    else:
        state |= {"state": "complete", "reason": ""}


def init(study: Study) -> dict[str, Any]:
    """Make the store and the study's experiment ready, and write
    results/<study>/tracking-init.json.

    Never raises because of the store: prints one line and leaves the mirroring to `sync`.
    """
    address = store.uri(study)
    state = {
        "state": "ready",
        "reason": "",
        "uri": store.public(address),
        "experiment": study.study,
    }
    try:
        store.bounded(lambda: store.connect(study), INIT_SECONDS)
        print(f"MLflow: experiment {study.study} is ready in {state['uri']}")
    except Exception as error:  # a store that is away costs its mirror, never the study
        state |= {
            "state": "unreachable",
            "reason": store.reason(error).replace(address, store.public(address)),
        }
        print(
            f"MLflow: {state['reason']}; the study runs without it, track sync will fill it in",
            file=sys.stderr,
        )
    files.write_json(paths.results(study) / "tracking-init.json", state)
    return state


def sync(study: Study) -> dict[str, Any]:
    """Mirror every record of the study to MLflow and write results/<study>/tracking.json, which
    names the runs.

    Running it again adds nothing. Never raises because of the store: the file's `state` is then
    `incomplete`.
    """
    address = store.uri(study)
    state: dict[str, Any] = {
        "state": "incomplete",
        "reason": "",
        "uri": store.public(address),
        "experiment": study.study,
    }
    state |= {"experiment_id": "", "runs": {}}
    begun = time.monotonic()
    lock = Path("work") / f"tracking-{study.study}.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=store.LOCK_SECONDS):
            store.bounded(lambda: _mirror(study, state), SYNC_SECONDS)
    except Timeout:
        state["reason"] = "another track sync of this study is running"
    except Exception as error:  # a store that is away costs its mirror, never the study
        state["reason"] = store.reason(error).replace(address, store.public(address))
    state = {
        **state,
        "runs": dict(state["runs"]),
    }  # a mirror that was left behind may still add to it
    files.write_json(paths.results(study) / "tracking.json", state)
    if state["state"] == "complete":
        models, stages = len(state["runs"]), sum(len(ids) - 1 for ids in state["runs"].values())
        print(
            f"MLflow: {models} models, {stages} stages in {state['uri']} "
            f"({time.monotonic() - begun:.1f} s)"
        )
    else:
        print(
            f"MLflow: incomplete ({state['reason']}); run `threetargets track sync` again later",
            file=sys.stderr,
        )
    return state
