"""Write down what the numbers of each job depend on: one small file for each, which DVC takes as
the job's input.

    results/<study>/identities/prepare.json, calibrate.json, report.json
    results/<study>/identities/{train,likelihood,evaluate}/<cell>-seed<k>.json
    results/<study>/identities/sample/<cell>-seed<k>-<guidance>.json

Snakemake compares the digest of the same fields, `identity`, in memory. DVC compares files by
content; with these an edited parameter or module makes the same jobs stale in both, and nobody
keeps a list of modules by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from threetargets import files
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.digest import code_digest
from threetargets.pipeline.identity import identity_fields
from threetargets.study.schema import Study


def every(study: Study) -> Iterator[tuple[str, Run | None, str]]:
    """Stage, run and guidance of every job of the study."""
    yield "prepare", None, ""
    models = jobs.model_runs(study)
    for run in jobs.trained_runs(study):
        yield "train", run, ""
    for run in models:
        for guidance in jobs.guidances(study, run):
            yield "sample", run, guidance
        yield "likelihood", run, ""
    for run in jobs.measured_runs(study):
        yield "evaluate", run, ""
    yield "calibrate", None, ""
    yield "report", None, ""


def path(study: Study, stage: str, run: Run | None = None, guidance: str = "") -> Path:
    """The file of one job."""
    folder = paths.results(study) / "identities"
    if run is None:
        return folder / f"{stage}.json"
    return (
        folder
        / stage
        / f"{'-'.join([run.cell, f'seed{run.seed}', *([guidance] if guidance else [])])}.json"
    )


def fields(study: Study, stage: str, run: Run | None = None, guidance: str = "") -> dict[str, Any]:
    """What the numbers of one job depend on. The calibration is of no study: its code is all."""
    if stage == "calibrate":
        return {"stage": stage, "code": code_digest(stage)}
    return identity_fields(study, stage, run, guidance)


def run(study: Study) -> None:
    """Write the file of every job of the study and delete the others. Raises CannotWrite."""
    wanted = {path(study, *job): fields(study, *job) for job in every(study)}
    for file, values in wanted.items():
        files.write_json(file, values)
    for old in (paths.results(study) / "identities").rglob("*.json"):
        if old not in wanted:
            old.unlink()
