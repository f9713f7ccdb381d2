"""The likelihood of one model on the test split, part by part, in bits/dim or nats, with standard
errors over the images."""

from __future__ import annotations

import sys

from threetargets.data.read import Images, load_manifest, load_split
from threetargets.families.build import likelihood_part, load
from threetargets.files import write_json
from threetargets.pipeline.cells import Run
from threetargets.pipeline.paths import run_dir
from threetargets.pipeline.records import Figure
from threetargets.stages.common import Clock, device_of, failure_of
from threetargets.study.schema import Study


def _written(figure: Figure) -> str:
    return f"failed: {figure.reason}" if figure.value is None else f"{figure.value:.4f}"


def run(study: Study, run: Run, *, params: str, threads: int) -> None:
    """Write likelihood.json for a model of the grid."""
    manifest = load_manifest(study)
    clock = Clock("likelihood", study, run, params, manifest, threads)
    path = run_dir(study, run) / "likelihood.json"
    reason = failure_of(study, run)
    if reason:
        write_json(path, clock.failed(reason).json())
        return
    device = device_of(study)
    test = load_split(study, "test").first(study.likelihood.images)
    test = Images(test.images.to(device), test.labels.to(device))
    train = load_split(study, "train").images.to(device)
    model = load(study, manifest, run, device)
    measure = likelihood_part(run.cell).measure
    figures, clock.record.curves = measure(study, manifest, run, model, test, train)
    values = ", ".join(f"{f.metric} {_written(f)}" for f in figures)
    print(f"{run.cell} seed {run.seed}: {values}", file=sys.stderr)
    write_json(path, clock.done(figures).json())
