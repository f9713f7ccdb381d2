"""One seed of an experiment: its record, and the arrays of its pictures."""

from __future__ import annotations

import sys

from threetargets import experiments
from threetargets.files import write_arrays, write_json
from threetargets.pipeline import paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.records import Figure
from threetargets.stages.common import Clock
from threetargets.study.schema import Study


def run(study: Study, run: Run, *, params: str, threads: int) -> None:
    """Write experiment.npz and, last, experiment.json. It runs on the CPU, keeps no checkpoint, and
    begins anew where it was interrupted. Raises CannotWrite."""
    clock = Clock("experiment", study, run, params, None, threads)
    record, arrays = paths.experiment(study, run)
    block = experiments.of(study)[run.cell]
    made = experiments.measure_part(run.cell).measure(
        block, run.seed, lambda line: print(line, file=sys.stderr, flush=True)
    )
    write_arrays(arrays, **made.arrays)
    clock.record.curves = made.curves
    seconds = Figure("experiment_seconds", clock.seconds())
    write_json(record, clock.done([*made.figures, seconds]).json())
