"""Draw the samples of one run under one guidance: a file of levels for each gamma, all with the
same noise.

Each gamma is a result of its own, with a record beside its images: a job draws those that are not
there yet, or were drawn from other weights, and keeps the others.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from threetargets.data.read import Manifest, load_manifest
from threetargets.errors import ConfigError
from threetargets.families import spec_of
from threetargets.families.asked import asked_labels
from threetargets.families.build import sampling_part
from threetargets.families.protocol import Draw
from threetargets.files import read_json, write_arrays, write_json
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.pipeline.jobs import gammas, guidances, guide_of
from threetargets.pipeline.paths import sample_dir, sampled, trained
from threetargets.pipeline.records import Figure, Record
from threetargets.stages.common import Clock, device_of, failure_of
from threetargets.study.schema import Study
from threetargets.weights import digest

WEIGHTS, IMAGES = "weights", "images"
"""What a record of samples says of the files: the digests of the weights that drew them, and of the
images."""


def run(study: Study, run: Run, guidance: str, *, params: str, threads: int) -> None:
    """Write gamma<g>.npz and gamma<g>.json for every gamma of the guidance, and sample.json, which
    sums them up. Of a failed run: files without images."""
    check(study, run, guidance)
    manifest = load_manifest(study)
    draw: Draw | None = None
    records = []
    for gamma in gammas(study, guidance):
        clock = Clock("sample", study, run, params, manifest, threads, guidance)
        record = kept(study, run, guidance, gamma)
        if record is None:
            reason = why_none(study, run, guidance)
            if not reason and draw is None:
                part = sampling_part(run.cell)
                draw = part.sampler(study, manifest, run, guidance, device_of(study))
            record = _drawn(study, run, gamma, manifest, clock, draw, reason)
        records.append(record)
    _discard_others(study, run, guidance)
    write_json(sample_dir(study, run, guidance) / "sample.json", summary(records).json())


def _drawn(
    study: Study,
    run: Run,
    gamma: str,
    manifest: Manifest,
    clock: Clock,
    draw: Draw | None,
    reason: str,
) -> Record:
    """Draw one set and write it with its record, last."""
    guidance, start = clock.record.guidance, time.monotonic()
    if reason or draw is None:
        levels, record = empty(manifest), clock.failed(reason)
    else:
        everything = range(study.sampling.images)
        levels = in_batches(draw, float(gamma), everything, study.sampling.batch).numpy()
        seconds = time.monotonic() - start
        record = clock.done(speed(run, guidance, gamma, len(levels), seconds))
        rate = f"{len(levels)} images, {len(levels) / seconds:.0f}/s"
        print(f"{run.cell} seed {run.seed}: {guidance} gamma {gamma}: {rate}", file=sys.stderr)
    publish(study, run, gamma, levels, manifest.classes, record)
    return record


def check(study: Study, run: Run, guidance: str) -> None:
    """Raises ConfigError where the run has no such guidance."""
    known = guidances(study, run)
    if guidance not in known:
        raise ConfigError(f"--guidance {guidance}: {run.cell} is sampled with {', '.join(known)}")


def why_none(study: Study, run: Run, guidance: str) -> str:
    """Why there is nothing to sample: the training of the model, or of its guide, failed. Else an
    empty string."""
    guide = guide_of(run, guidance)
    return failure_of(study, run) or (failure_of(study, guide) if guide else "")


def weights_of(study: Study, run: Run, guidance: str) -> list[str]:
    """Digests of the weights that a sample set comes from; empty for those that are not there."""
    guide = guide_of(run, guidance)
    files = [trained(study, one)[0] for one in (run, guide) if one]
    return [digest(path) if path.exists() else "" for path in files]


def publish(
    study: Study, run: Run, gamma: str, levels: np.ndarray, classes: int, record: Record
) -> None:
    """Write the images of a set, then its record."""
    guidance = record.guidance
    images, beside = sampled(study, run, guidance, gamma)
    write_arrays(images, levels=levels, labels=labels_of(run, range(len(levels)), classes).numpy())
    record.provenance |= {WEIGHTS: weights_of(study, run, guidance), IMAGES: digest(images)}
    write_json(beside, record.json())


def kept(study: Study, run: Run, guidance: str, gamma: str) -> Record | None:
    """The record of a set that is there, whole, and from the present weights, parameters and code;
    else None. Its files get the
    present time, for engines that compare times."""
    files = sampled(study, run, guidance, gamma)
    if not all(path.exists() for path in files):
        return None
    try:
        record = Record.of(read_json(files[1]))
    except (KeyError, TypeError):
        return None
    same = record.identity == identity(study, "sample", run, guidance)
    same = same and record.provenance.get(WEIGHTS) == weights_of(study, run, guidance)
    if not same or record.provenance.get(IMAGES) != digest(files[0]):
        return None
    for path in files:
        os.utime(path)
    return record


def _discard_others(study: Study, run: Run, guidance: str) -> None:
    """Delete the sets of gammas that the study no longer names."""
    wanted = {path for g in gammas(study, guidance) for path in sampled(study, run, guidance, g)}
    for path in sample_dir(study, run, guidance).glob("gamma*"):
        if path not in wanted and path.suffix in (".npz", ".json"):
            Path.unlink(path)


def summary(records: list[Record]) -> Record:
    """One record of all sets: their figures, and the seconds that they took."""
    first = records[0]
    whole = Record.of(first.json())
    whole.figures = [figure for record in records for figure in record.figures]
    whole.seconds = sum(record.seconds for record in records)
    whole.provenance = {
        key: merged([record.provenance[key] for record in records])
        for key in first.provenance
        if key not in (WEIGHTS, IMAGES)
    }
    return whole


def merged(values: list[object]) -> object:
    """The one value of all; where machines or commits differed, every value."""
    different = [value for i, value in enumerate(values) if value not in values[:i]]
    return different[0] if len(different) == 1 else "; ".join(str(value) for value in different)


def empty(manifest: Manifest) -> np.ndarray:
    return np.zeros((0, *manifest.shape), np.uint8)


def labels_of(run: Run, indices: range, classes: int) -> Tensor:
    """The classes that these samples are asked for; -1 from a model that knows none."""
    asked = spec_of(run.cell).LABELLED
    return asked_labels(indices, classes) if asked else torch.full((len(indices),), -1)


def speed(run: Run, guidance: str, gamma: str, count: int, seconds: float) -> list[Figure]:
    label = gamma if spec_of(run.cell).LABELLED else ""
    rate = count / seconds
    return [
        Figure("sample_seconds", seconds, n=count, guidance=guidance, gamma=label),
        Figure("sample_images_per_second", rate, n=count, guidance=guidance, gamma=label),
    ]


def in_batches(
    draw: Callable[[float, range], Tensor], gamma: float, images: range, batch: int
) -> Tensor:
    """Levels, uint8 (N, C, H, W), of the samples `images`.

    The noise of sample j depends on (seed, j) alone, however many are drawn at a time; float32 sums
    may depend on the batch that j is in, so a range that starts at a whole batch gives the bits
    that all in one go would.
    """
    starts = images[::batch]
    return torch.cat([draw(gamma, range(s, min(s + batch, images.stop))) for s in starts])
