"""A sweep drawn by many jobs: each draws one shard of one gamma, and gathering writes what a single
job would have.

    samples/<guidance>/shards/gamma<g>-<k>-of-<n>.npz, .json     one shard: images, and the record
    of its job
    samples/<guidance>/gamma<g>.npz, sample.json                 gathered

A shard is a run of whole batches, so that the network meets the batches that it would meet in a
single job: the samples are equal bit for bit on the same kind of machine and number of threads, not
only up to rounding.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from threetargets.data.store import load_manifest
from threetargets.errors import ConfigError, DataError
from threetargets.files import read_arrays, read_json, write_arrays, write_json
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.pipeline.jobs import gammas
from threetargets.pipeline.paths import sample_dir
from threetargets.pipeline.records import Figure, Record
from threetargets.stages.common import Clock, device_of
from threetargets.stages.sample import check, draw, labels_of, load_with_guide, speed, why_none
from threetargets.study.schema import Study


def parse(text: str) -> tuple[int, int]:
    """K/N as numbers. Raises ConfigError."""
    number, slash, shards = text.partition("/")
    if not (
        slash and number.isdecimal() and shards.isdecimal() and 1 <= int(number) <= int(shards)
    ):
        raise ConfigError(f"--shard {text}: expected K/N with 1 <= K <= N, for example 2/3")
    return int(number), int(shards)


def part(study: Study, number: int, shards: int) -> range:
    """The samples of shard `number` of `shards`: whole batches, as evenly as they go; none where
    batches run out."""
    chosen = study.sampling
    batches = -(-chosen.images // chosen.batch)
    first, stop = (batches * k // shards * chosen.batch for k in (number - 1, number))
    return range(min(first, chosen.images), min(stop, chosen.images))


def place(study: Study, run: Run, guidance: str, gamma: str, number: int, shards: int) -> Path:
    """The file of a shard, without its suffix."""
    return sample_dir(study, run, guidance) / "shards" / f"gamma{gamma}-{number}-of-{shards}"


def shard(
    study: Study,
    run: Run,
    guidance: str,
    gamma: str,
    number: int,
    shards: int,
    *,
    params: str,
    threads: int,
) -> None:
    """Draw one shard of one gamma and write it with the record of this job. Of a failed run: no
    images."""
    check(study, run, guidance)
    if gamma not in gammas(study, guidance):
        raise ConfigError(f"--gamma {gamma}: {guidance} has {', '.join(gammas(study, guidance))}")
    manifest = load_manifest(study)
    clock = Clock("sample", study, run, params, manifest, threads, guidance)
    name = place(study, run, guidance, gamma, number, shards)
    reason = why_none(study, run, guidance)
    images = range(0) if reason else part(study, number, shards)
    levels = np.zeros((0, *manifest.shape), np.uint8)
    figures: list[Figure] = []
    if images:
        device = device_of(study)
        model, guide = load_with_guide(study, manifest, run, guidance, device)
        start = time.monotonic()
        levels = draw(
            study, manifest, run, model, guide, guidance, float(gamma), device, images
        ).numpy()
        figures = speed(run, guidance, gamma, len(images), time.monotonic() - start)
    write_arrays(
        name.with_name(name.name + ".npz"),
        levels=levels,
        labels=_labels(run, images, manifest.classes),
    )
    record = clock.failed(reason) if reason else clock.done(figures)
    write_json(name.with_name(name.name + ".json"), record.json())
    what = f"{run.cell} seed {run.seed}: {guidance} gamma {gamma}, shard {number}/{shards}"
    print(f"{what}: {len(images)} images", file=sys.stderr)


def gather(study: Study, run: Run, guidance: str, shards: int) -> None:
    """Put the shards of every gamma together: gamma<g>.npz and sample.json as a single job writes
    them.

    Seconds are summed over the jobs. Raises MissingInput where a shard is not there, DataError
    where one is of other parameters or code, or is not of the length that it should have.
    """
    check(study, run, guidance)
    manifest = load_manifest(study)
    folder, wanted = sample_dir(study, run, guidance), identity(study, "sample", run, guidance)
    records: list[Record] = []
    figures: list[Figure] = []
    for gamma in gammas(study, guidance):
        parts, seconds = [], 0.0
        for number in range(1, shards + 1):
            name = place(study, run, guidance, gamma, number, shards)
            file = name.with_name(name.name + ".npz")
            record = Record.of(read_json(name.with_name(name.name + ".json")))
            arrays = read_arrays(file)
            images = range(0) if record.status == "failed" else part(study, number, shards)
            if record.identity != wanted:
                raise DataError(
                    f"{file}: of identity {record.identity}, expected {wanted}; run its shard again"
                )
            if len(arrays["levels"]) != len(images):
                raise DataError(
                    f"{file}: {len(arrays['levels'])} images, expected {len(images)}; run its "
                    "shard again"
                )
            records.append(record)
            parts.append(arrays)
            seconds += sum(f.value or 0.0 for f in record.figures if f.metric == "sample_seconds")
        levels = np.concatenate([arrays["levels"] for arrays in parts])
        count = len(levels)
        labels = _labels(run, range(count), manifest.classes)
        write_arrays(folder / f"gamma{gamma}.npz", levels=levels, labels=labels)
        figures += speed(run, guidance, gamma, count, seconds) if count else []
    result = records[0]
    result.figures = figures
    result.seconds = sum(record.seconds for record in records)
    result.provenance = {
        key: _joined([record.provenance[key] for record in records]) for key in result.provenance
    }
    write_json(folder / "sample.json", result.json())


def _labels(run: Run, images: range, classes: int) -> np.ndarray:
    labels: np.ndarray = labels_of(run, images, classes).numpy()
    return labels


def _joined(values: list[Any]) -> Any:
    """The one value of all shards; where machines differed, every value."""
    different = [value for i, value in enumerate(values) if value not in values[:i]]
    return different[0] if len(different) == 1 else "; ".join(str(value) for value in different)
