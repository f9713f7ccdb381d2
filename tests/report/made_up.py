"""Results of one experiment whose figures are given by a function of metric and seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import yaml
from experiments.tiny_notes import TINY
from pipeline.conftest import ROOT
from report.synthetic import PROVENANCE

from threetargets import experiments, study
from threetargets.pipeline import jobs
from threetargets.pipeline.records import Figure, Record
from threetargets.report.reading.collect import Place, Results

SEEDS = [0, 1, 2]
Value = Callable[[str, int], float | None]
ALONE = yaml.safe_load((ROOT / "config" / "notes.yaml").read_text())


def results(
    name: str,
    value: Value,
    missing: tuple[int, ...] = (),
) -> Results:
    """Of the tiny block of that experiment, with the metrics that it really measures."""
    values = ALONE | {"seeds": SEEDS, "experiments": {name: TINY[name]}}
    chosen = study.parse(values, "made up")
    real = measured(name)
    records, arrays = {}, {}
    for run in jobs.experiment_runs(chosen):
        if run.seed in missing:
            continue
        figures = [Figure(f.metric, value(f.metric, run.seed)) for f in real.figures]
        records[Place("experiment", run)] = Record(
            "experiment",
            chosen.study,
            run.cell,
            run.seed,
            "0" * 16,
            figures=figures,
            curves=real.curves,
            command=f"threetargets experiment --cell {run.cell} --seed {run.seed} --threads 1",
            provenance=PROVENANCE,
        )
        arrays[run] = real.arrays
    return Results(chosen, records, {}, {}, arrays=arrays)


_had: dict[str, Any] = {}


def measured(name: str) -> Any:
    """What the tiny experiment gives, once."""
    if name not in _had:
        block = experiments.spec_of(name).BLOCK.model_validate(TINY[name])
        _had[name] = experiments.measure_part(name).measure(block, 0, lambda line: None)
        assert all(isinstance(a, np.ndarray) for a in _had[name].arrays.values())
    return _had[name]
