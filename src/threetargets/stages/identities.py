"""Write down what the numbers of each job depend on: one small file for each, which DVC takes as
the job's input.

    results/<study>/identities/{prepare,calibrate,report,index}.json
    results/<study>/identities/{train,likelihood,evaluate}/<cell>-seed<k>.json
    results/<study>/identities/sample/<cell>-seed<k>-<guidance>.json

Snakemake compares the digest of the same fields, `pipeline.identity`, in memory. DVC compares files
by content; with these an edited parameter or module makes the same jobs stale in both, and nobody
keeps a list of modules by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from threetargets import files
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.identity import identity_fields
from threetargets.pipeline.jobs import Job
from threetargets.study.schema import Study


def path(study: Study, job: Job) -> Path:
    """The file of one job."""
    folder = paths.results(study) / "identities"
    if job.run is None:
        return folder / f"{job.stage}.json"
    parts = [job.run.cell, f"seed{job.run.seed}", *([job.guidance] if job.guidance else [])]
    return folder / job.stage / f"{'-'.join(parts)}.json"


def fields(study: Study, job: Job) -> dict[str, Any]:
    """What the numbers of a job depend on; and the gammas of a sweep, which DVC has to know of, for
    it does not see that one is missing."""
    depends = identity_fields(study, job.stage, job.run, job.guidance)
    return depends | ({"gammas": jobs.gammas(study, job.guidance)} if job.stage == "sample" else {})


def run(study: Study) -> None:
    """Write the file of every job of the study and delete the others. Raises CannotWrite."""
    listed = [job for job in jobs.jobs(study) if job.stage != "track"]
    wanted = {path(study, job): fields(study, job) for job in listed}
    for file, values in wanted.items():
        files.write_json(file, values)
    for old in (paths.results(study) / "identities").rglob("*.json"):
        if old not in wanted:
            old.unlink()
