"""What the numbers of a job depend on, and its digest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from threetargets.pipeline.cells import FLOOR, Run
from threetargets.pipeline.digest import code_digest
from threetargets.pipeline.jobs import gammas, guidances, judge_runs
from threetargets.study.schema import Study
from threetargets.study.values import AUTOENCODERS

LOGGING = ("log_every", "checkpoint_every")


def _training_fields(study: Study, run: Run) -> dict:
    values = study.model_dump(mode="json")
    fields: dict = {
        "data": {"name": study.data.name, "split": values["data"]["split"]},
        "cell": run.cell,
        "seed": run.seed,
        "training": {
            k: v for k, v in study.training_of(run.cell).model_dump().items() if k not in LOGGING
        },
        "precision": study.precision,
    }
    if run.model == "ddpm":
        fields |= {"diffusion": values["diffusion"], "network": values["network"]}
    elif run.model in AUTOENCODERS:
        fields |= {"model": study.autoencoder(run.cell).model_dump(mode="json")}
    else:
        fields |= {"width": study.classifiers.width, "network": study.network.name}
    if run.model == "guide":
        fields |= {"schedule": values["diffusion"]["schedule"], "steps": study.diffusion.steps}
    return fields


def identity_fields(study: Study, stage: str, run: Run | None = None, guidance: str = "") -> dict:
    """Everything that changes the numbers of a stage's result, and nothing that does not.

    Left out on purpose: title, tracking, device, threads, logging and checkpoint intervals, the
    other cells and seeds.
    """
    values = study.model_dump(mode="json")
    fields: dict = {"stage": stage, "code": code_digest(stage)}
    if stage == "prepare":
        return fields | {"data": {"name": study.data.name, "split": values["data"]["split"]}}
    if run is None:
        return fields | {"study": values}
    if run.model != FLOOR:
        fields |= {"run": _training_fields(study, run), "training_code": code_digest("train")}
    if stage == "sample":
        fields |= {
            "sampling": values["sampling"],
            "guidance": guidance,
            "gammas": gammas(study, guidance),
        }
        if guidance == "classifier":
            fields |= {"guide": _training_fields(study, Run("guide", run.seed))}
    elif stage == "likelihood":
        fields |= {"likelihood": values["likelihood"]}
    elif stage == "evaluate":
        fields |= {
            "evaluation": {
                k: v for k, v in values["evaluation"].items() if k != "inception"
            },  # checked by digest
            "sampling": values["sampling"],
            "cell": run.cell,
            "seed": run.seed,
        }
        fields |= {
            "judge": [_training_fields(study, judge) for judge in judge_runs(study)],
            "sets": {g: gammas(study, g) for g in guidances(study, run)},
        }
        fields |= {"data": {"name": study.data.name, "split": values["data"]["split"]}}
    return fields


def identity(study: Study, stage: str, run: Run | None = None, guidance: str = "") -> str:
    """16 hexadecimal digits: SHA-256 over the declared fields."""
    text = json.dumps(
        identity_fields(study, stage, run, guidance), sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def work_dir(study: Study, run: Run) -> Path:
    """Where a training keeps what outlives an interruption. Never a declared output: engines delete
    those."""
    return Path("work") / identity(study, "train", run)
