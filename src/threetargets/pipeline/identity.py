"""What the numbers of a job depend on, and its digest."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from threetargets import experiments, families
from threetargets.metrics.catalogue import SAMPLES
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import FLOOR, Run
from threetargets.pipeline.digest import code_digest
from threetargets.study.schema import Study

LOGGING = ("log_every", "checkpoint_every")


def _code(study: Study, stage: str, run: Run, guidance: str = "") -> str:
    """The digest of the code that a stage runs for this run."""
    chosen = {"SOURCES": frozenset({study.data.name})}
    if not run.cell.family or (stage == "evaluate" and families.spec_of(run.cell).GENERATIVE):
        metrics = study.evaluation.measured if stage == "evaluate" else []
        modules = {f"metrics.{SAMPLES[name].module}" for name in metrics}
        asked = {"SAMPLES": frozenset(metrics), "OTHERS": frozenset(), "SERIES": frozenset()}
        return code_digest(stage, "", {**chosen, **asked}, tuple(modules))
    taken = families.spec_of(run.cell).choices(study, run.cell, stage, guidance)
    return code_digest(stage, run.cell.family, {**chosen, **taken})


def _data(study: Study) -> dict[str, Any]:
    return {"name": study.data.name, "split": study.data.split.model_dump()}


def _training_fields(study: Study, run: Run) -> dict[str, Any]:
    """The same for all stages of a run, and so kept for them: not to be changed."""
    return _trained(_Key(study), run)


@functools.lru_cache(maxsize=4096)
def _trained(key: _Key, run: Run) -> dict[str, Any]:
    study = key.study
    settings = families.training_of(study, run.cell).model_dump()
    return {
        "data": _data(study),
        "cell": run.cell,
        "seed": run.seed,
        "training": {k: v for k, v in settings.items() if k not in LOGGING},
        **families.spec_of(run.cell).fields(study, run.cell, "train"),
    }


def _of_study(study: Study, stage: str) -> dict[str, Any]:
    if stage == "prepare":
        chosen = {"SOURCES": frozenset({study.data.name})}
        return {"code": code_digest(stage, "", chosen), "data": _data(study)}
    if stage in ("calibrate", "index"):  # of no study
        return {"code": code_digest(stage)}
    cells = ((cell, families.spec_of(cell).drawn(study, cell)) for cell in study.cells)
    drawn = tuple(sorted({f"families.{cell.family}.{name}" for cell, name in cells if name}))
    return {"code": code_digest(stage, "", {}, drawn), "study": study.model_dump(mode="json")}


def _of_experiment(study: Study, run: Run) -> dict[str, Any]:
    """Its own block, and the code of its own file."""
    block, spec = experiments.of(study)[run.cell], experiments.spec_of(run.cell)
    more = (f"experiments.{run.cell}.measure",)  # loaded by name
    code = code_digest("experiment", "", spec.choices(block), more)
    return {
        "code": code,
        "experiment": run.cell,
        "seed": run.seed,
        "parameters": block.model_dump(),
    }


def identity_fields(
    study: Study, stage: str, run: Run | None = None, guidance: str = ""
) -> dict[str, Any]:
    """Everything that changes the numbers of a stage's result, and nothing that does not.

    Left out on purpose: title, tracking, device, threads, logging and checkpoint intervals, the
    other cells and seeds; and the gammas of a sweep, each of which is a result of its own.
    """
    if run is None:
        return {"stage": stage} | _of_study(study, stage)
    if stage == "experiment":
        return {"stage": stage} | _of_experiment(study, run)
    fields: dict[str, Any] = {"stage": stage, "code": _code(study, stage, run, guidance)}
    if run.cell != FLOOR:
        fields["run"] = _training_fields(study, run)
    if stage == "train":
        return fields
    if run.cell != FLOOR:
        fields["trained"] = identity(study, "train", run)
    if stage == "evaluate":
        return fields | _evaluation(study, run)
    fields |= families.spec_of(run.cell).fields(study, run.cell, stage, guidance)
    if stage == "sample":
        fields["guidance"] = guidance
        guide = jobs.guide_of(run, guidance)
        fields |= {"guide": identity(study, "train", guide)} if guide else {}
    return fields


def _evaluation(study: Study, run: Run) -> dict[str, Any]:
    chosen = study.evaluation  # inception is left out: the weights have a digest
    evaluation = chosen.model_dump(mode="json", include={*chosen.read, "extractors"})
    evaluation["metrics"] = chosen.measured
    samples = {
        guidance: [identity(study, "sample", run, guidance), *jobs.gammas(study, guidance)]
        for guidance in (jobs.guidances(study, run) if run.cell != FLOOR else [])
    }
    return {
        "evaluation": evaluation,
        "images": study.sampling.images,
        "samples": samples,
        "judge": [identity(study, "train", judge) for judge in jobs.judge_runs(study)],
        "judging": [_code(study, "evaluate", judge) for judge in jobs.judge_runs(study)],
        "data": _data(study),
        "seed": run.seed,
    }


def identity(study: Study, stage: str, run: Run | None = None, guidance: str = "") -> str:
    """16 hexadecimal digits: SHA-256 over the declared fields."""
    return _identity(_Key(study), stage, run, guidance)


class _Key:
    """A study as a key of a cache, by identity of the object: it is frozen."""

    def __init__(self, study: Study):
        self.study = study

    def __hash__(self) -> int:
        return id(self.study)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.study is self.study


@functools.lru_cache(maxsize=4096)
def _identity(key: _Key, stage: str, run: Run | None, guidance: str) -> str:
    fields = identity_fields(key.study, stage, run, guidance)
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def work_dir(study: Study, run: Run) -> Path:
    """Where a training keeps what outlives an interruption. Never a declared output: engines delete
    those."""
    return Path("work") / identity(study, "train", run)
