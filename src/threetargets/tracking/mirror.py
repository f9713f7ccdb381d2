"""Records to MLflow, once and only once: one experiment a study, a run for each model, its stages
nested under it."""

from __future__ import annotations

import functools
import hashlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from threetargets import files
from threetargets.pipeline import cells, jobs, paths
from threetargets.pipeline.identity import identity, identity_fields
from threetargets.pipeline.jobs import Job
from threetargets.pipeline.records import Record
from threetargets.study.schema import Study
from threetargets.tracking import lineage, pictures, store
from threetargets.tracking.journal import Entry, read
from threetargets.tracking.lineage import Models
from threetargets.tracking.points import (
    FAILED,
    as_trained,
    failed,
    journal_metrics,
    milliseconds,
    points,
)
from threetargets.tracking.runs import (
    DIGEST,
    MIRRORED,
    Runs,
    flat,
    model_key,
    model_tags,
)

if TYPE_CHECKING:
    from mlflow.entities import Run as MlflowRun

INIT_SECONDS = 180.0
SYNC_SECONDS = 900.0
MODEL = "model"  # the stage of a parent run


def _digest(job: Job) -> str:
    """Of the record of a job, and of the journal of a training."""
    parts = [
        path.read_bytes()
        for path in _mirrored_files(job)
        if path.suffix != ".npz" and path.exists()
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _mirrored_files(job: Job) -> list[Path]:
    """The record, and what belongs to it: the journal of a training, the images of samples."""
    suffix = {"train": ".jsonl", "sample": ".npz"}.get(job.stage)
    return [job.record, *(path for path in job.outputs if path.suffix == suffix)]


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
    tags |= failed(record.figures)
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


def _artifacts(study: Study, job: Job, folder: Path) -> None:
    record, *others = (path for path in _mirrored_files(job) if path.exists())
    shutil.copyfile(record, folder / record.name)
    if job.stage == "train" and others:
        shutil.copyfile(others[0], folder / others[0].name)
        pictures.loss_curves(read(others[0]), folder / "curves.png")
    elif job.stage == "sample":
        manifest = paths.data(study)[0]
        pictures.sample_grid(others, manifest, folder / "samples.png")


def _open_stage(study: Study, runs: Runs, job: Job, record: Record, parent: str) -> MlflowRun:
    """The run of one job: new, or the one that has its result already."""
    digest, entries = _digest(job), _journal(job)
    begun = entries[0]["time"] if entries else job.record.stat().st_mtime - record.seconds
    key, tags = f"{model_key(study, record.run)}/{job.name}", _tags(study, record)
    return runs.open(key, record.identity, tags, milliseconds(begun), parent, digest, entries)


def _journal(job: Job) -> list[Entry]:
    return read(job.outputs[2]) if job.stage == "train" else []


def _mirror_stage(study: Study, runs: Runs, run: MlflowRun, job: Job, record: Record) -> None:
    """Bring the result of one job into its run, unless it is there already."""
    if run.data.tags.get(MIRRORED) == "true":
        return
    entries = _journal(job)
    # A figure comes after the journal's last entry, so that it is the metric's latest value.
    when = milliseconds(entries[-1]["time"]) + 1 if entries else run.info.start_time
    step = entries[-1]["step"] if entries else 0
    metrics = runs.unsent(run, journal_metrics(entries)) + points(record.figures, when, step)
    runs.send(run, metrics, _params(study, record), {**_tags(study, record), DIGEST: _digest(job)})
    with tempfile.TemporaryDirectory() as folder:
        _artifacts(study, job, Path(folder))
        runs.store.client.log_artifacts(run.info.run_id, folder)
    ended = milliseconds(entries[-1]["time"] if entries else job.record.stat().st_mtime)
    runs.store.client.set_terminated(
        run.info.run_id, "FINISHED" if record.status == "ok" else "FAILED", ended
    )
    runs.store.client.set_tag(run.info.run_id, MIRRORED, "true")


def _mirror_model(
    study: Study, runs: Runs, models: Models, run: cells.Run, results: list[tuple[Job, Record]]
) -> dict[str, str]:
    """A model's run and its stages; the parent shows the figures of the model as trained. Returns
    their ids."""
    first = results[0][1]
    trained = first.stage == "train"
    current = identity(study, "train", run) if run.cell.family else str(run.cell)  # or no model
    trained_as = first.identity if trained else current
    start = milliseconds(results[0][0].record.stat().st_mtime - first.seconds)
    key, records = model_key(study, run), [record for _, record in results]
    tags = {**_tags(study, first), "stage": MODEL}
    parent = runs.open(key, trained_as, tags, start)
    params = (
        flat(identity_fields(study, "train", run)["run"])
        if trained and trained_as == current
        else {}
    )
    ids, model = {"parent": parent.info.run_id}, None
    for job, record in results:
        stage = _open_stage(study, runs, job, record, parent.info.run_id)
        ids[job.name] = stage.info.run_id
        _mirror_stage(study, runs, stage, job, record)
        if record.stage == "train":
            model = models.of(
                key, parent, stage, record, job.outputs[0], model_tags(study, run), params
            )
        models.link(stage, model, lineage.data_set(study, record))
    models.link(parent, model, lineage.data_set(study, first))
    status = "ok" if all(record.status == "ok" for record in records) else "failed"
    tags |= {k: v for record in records for k, v in failed(as_trained(record)).items()}
    runs.forget(parent, {tag for tag in parent.data.tags if tag.startswith(FAILED)} - set(tags))
    news = [
        point
        for record in records
        for point in lineage.tied(
            runs, parent, model, lineage.data_set(study, record), as_trained(record)
        )
    ]
    runs.send(parent, news, params, {**tags, "status": status})
    models.close(model, first.status)
    ended = "FINISHED" if status == "ok" else "FAILED"
    if parent.info.status != ended:
        runs.store.client.set_terminated(parent.info.run_id, ended)
    return ids


def _mirror(study: Study, state: dict[str, Any]) -> None:
    """All that is on disk into the store; `state` says at any moment how far it is."""
    place = store.connect(study)
    state["experiment_id"] = place.experiment_id
    runs, models = Runs.load(place), Models.load(place)
    missing = 0
    # What has a likelihood comes last: the page shows the newest first.
    everything = jobs.of_runs(study).items()
    order = sorted(everything, key=lambda one: "likelihood" in [job.stage for job in one[1]])
    for run, expected in order:
        there = [job for job in expected if job.record.exists()]
        results = [(job, Record.of(files.read_json(job.record))) for job in there]
        missing += len(expected) - len(there)
        if results:
            state["runs"][f"{run.cell}/seed{run.seed}"] = _mirror_model(
                study, runs, models, run, results
            )
    runs.sweep()
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
            work = functools.partial(_mirror, study, state)
            store.bounded(lambda: store.while_busy(work), SYNC_SECONDS)
    except Timeout:
        state["reason"] = "another track sync of this study is running"
    except Exception as error:  # a store that is away costs its mirror, never the study
        state["reason"] = store.reason(error).replace(address, store.public(address))
    state = {
        **state,
        "runs": dict(state["runs"]),
    }  # a mirror that was left behind may still add to it
    files.write_json(paths.tracking(study), state)
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
