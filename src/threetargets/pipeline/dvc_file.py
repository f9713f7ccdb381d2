"""DVC's file of a study: dvc.yaml, which reads params.yaml, made to read another parameter file and
to name only the stages that the study has. DVC itself has neither conditions nor an option for
that."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from threetargets import files
from threetargets.errors import ConfigError, MissingInput
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import FLOOR
from threetargets.pipeline.jobs import Job
from threetargets.study import load
from threetargets.study.schema import Study
from threetargets.study.values import GUIDES

MODEL = Path("dvc.yaml")
DEFAULT = "params.yaml"
ALWAYS = {
    "identities",
    "track_init",
    "experiment",
}  # `experiment` is there in any case: without experiments its matrix is empty
FURTHER = Path("workflow", "dvc-guidance.yaml")
"""Stages of kinds of guidance that params.yaml does not name."""
OWN = {
    *(("train", cell) for cell in ("judge", *filter(None, GUIDES.values()))),
    *(("sample", kind) for kind in GUIDES),
}
"""A classifier and a kind of guidance have a stage each."""


def stage_of(job: Job) -> str:
    """The name of its stage in dvc.yaml."""
    which = job.guidance or (str(job.run.cell) if job.run else "")
    if (job.stage, which) == ("evaluate", FLOOR):
        return "evaluate_floor"
    own = (job.stage, which) in OWN
    return f"{job.stage}_{which}".replace("-", "_") if own else job.stage


def goal(study: Study, params: str) -> Path:
    """Where the file lies: dvc.yaml itself for params.yaml, else pipelines/<study>/dvc.yaml."""
    return MODEL if params == DEFAULT else Path("pipelines", study.study, "dvc.yaml")


def write(study: Study, params: str) -> Path:
    """Write the study's file for DVC, in the project's folder. Returns it.

    A file of its own keeps its dvc.lock beside it, so that several studies can be recorded at once.
    Raises ConfigError for a parameter file outside the project, or where dvc.yaml lacks a stage;
    MissingInput without a dvc.yaml; CannotWrite.
    """
    params = os.path.relpath(params)
    if params.startswith(os.pardir):
        raise ConfigError(f"{params}: DVC needs it inside the project; copy it to config/")
    if not MODEL.exists():
        raise MissingInput(f"{MODEL}: not here; call this in the project's folder")
    if params != DEFAULT and Path(DEFAULT).exists() and load(DEFAULT).study == study.study:
        raise ConfigError(
            f"{params}: study {study.study} is that of {DEFAULT}, and {MODEL} has its stages; "
            "give it another name"
        )
    yaml = YAML()
    yaml.width = 4096  # long commands stay on their line
    yaml.indent(mapping=2, sequence=4, offset=2)
    text, place = MODEL.read_text(encoding="utf-8"), goal(study, params)
    values = yaml.load(text)
    needed = {stage_of(job) for job in jobs.jobs(study)} | ALWAYS
    further = (
        yaml.load(FURTHER.read_text(encoding="utf-8"))["stages"]
        if needed - set(values["stages"])
        else {}
    )
    values["stages"].update({name: further[name] for name in further if name in needed})
    if lacking := needed - set(values["stages"]):
        raise ConfigError(
            f"{MODEL}: has no stage {', '.join(sorted(lacking))}, which {params} needs; "
            f"git checkout {MODEL} brings it back"
        )
    unused = set(values["stages"]) - needed
    if place == MODEL and not unused and not further:
        return place
    for name in unused:
        del values["stages"][name]
    data = "results/${study}/data"
    if not study.cells and data in (deps := values["stages"]["report"]["deps"]):
        deps.remove(data)
    if place != MODEL:
        _move(values, params, os.path.relpath(".", place.parent))
        values.yaml_set_start_comment(
            f"dvc.yaml for the parameters of {params}; made by\n"
            f"    threetargets dvc --params {params}"
        )
    files.write(place, lambda file: yaml.dump(values, file))
    return place


def _move(values: dict[str, Any], params: str, up: str) -> None:
    """Let a file that lies elsewhere speak of the same files, and of other parameters."""
    values["params"] = [f"{up}/{params}"]
    values["vars"].insert(0, f"{up}/{params}")
    for stage in values["stages"].values():
        stage.insert(0, "wdir", up)
        option = f"--params {DEFAULT}"
        stage["cmd"] = stage["cmd"].replace(option, f"--params {shlex.quote(params)}")
        if "params" in stage:
            keys = [key for key in stage["params"] if isinstance(key, str)]
            stage["params"] = [{params: keys or None}]
    for plot in values["plots"]:
        for chart in plot.values():
            chart["y"] = {f"{up}/{path}": column for path, column in chart["y"].items()}
