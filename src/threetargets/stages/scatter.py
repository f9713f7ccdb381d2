"""A sweep drawn by many jobs: each draws one shard of one gamma, and gathering writes what a single
job would have.

    samples/<guidance>/shards/gamma<g>-<k>-of-<n>.npz, .json     one shard, and its job's record
    samples/<guidance>/gamma<g>.npz, gamma<g>.json               gathered

A shard is a run of whole batches, so that the network meets the batches that it would meet in a
single job: the samples are equal bit for bit on the same kind of machine and number of threads, not
only up to rounding.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from threetargets.data.read import load_manifest
from threetargets.errors import ConfigError, DataError
from threetargets.families.build import sampling_part
from threetargets.files import read_arrays, read_json, write_arrays, write_json
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.pipeline.jobs import gammas
from threetargets.pipeline.paths import sample_dir
from threetargets.pipeline.records import Figure, Record
from threetargets.stages import sample
from threetargets.stages.common import Clock, device_of
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
    name = f"gamma{gamma}-{number}-of-{shards}"
    return sample_dir(study, run, guidance) / "shards" / name


def _check(study: Study, run: Run, guidance: str, gamma: str) -> None:
    sample.check(study, run, guidance)
    known = gammas(study, guidance)
    if gamma not in known:
        raise ConfigError(f"--gamma {gamma}: {guidance} has {', '.join(known)}")


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
    _check(study, run, guidance, gamma)
    manifest = load_manifest(study)
    clock = Clock("sample", study, run, params, manifest, threads, guidance)
    name = place(study, run, guidance, gamma, number, shards)
    reason = sample.why_none(study, run, guidance)
    images = range(0) if reason else part(study, number, shards)
    levels = sample.empty(manifest)
    figures: list[Figure] = []
    if images:
        draw = sampling_part(run.cell).sampler(study, manifest, run, guidance, device_of(study))
        start = time.monotonic()
        levels = sample.in_batches(draw, float(gamma), images, study.sampling.batch).numpy()
        figures = sample.speed(run, guidance, gamma, len(images), time.monotonic() - start)
    write_arrays(name.with_name(name.name + ".npz"), levels=levels)
    record = clock.failed(reason) if reason else clock.done(figures)
    write_json(name.with_name(name.name + ".json"), record.json())
    what = f"{run.cell} seed {run.seed}: {guidance} gamma {gamma}, shard {number}/{shards}"
    print(f"{what}: {len(images)} images", file=sys.stderr)


def gather(study: Study, run: Run, guidance: str, gamma: str, shards: int) -> None:
    """Put the shards of a gamma together: gamma<g>.npz and its record as a single job writes them.

    Seconds are summed over the jobs. Raises MissingInput where a shard is not there, DataError
    where one is of other parameters or code, or is not of the length that it should have.
    """
    _check(study, run, guidance, gamma)
    manifest = load_manifest(study)
    wanted = identity(study, "sample", run, guidance)
    records: list[Record] = []
    parts: list[np.ndarray] = []
    for number in range(1, shards + 1):
        name = place(study, run, guidance, gamma, number, shards)
        file = name.with_name(name.name + ".npz")
        record = Record.of(read_json(name.with_name(name.name + ".json")))
        levels = read_arrays(file)["levels"]
        images = range(0) if record.status == "failed" else part(study, number, shards)
        if record.identity != wanted:
            raise DataError(
                f"{file}: of identity {record.identity}, expected {wanted}; run its shard again"
            )
        if len(levels) != len(images):
            raise DataError(
                f"{file}: {len(levels)} images, expected {len(images)}; run its shard again"
            )
        records.append(record)
        parts.append(levels)
    whole = sample.summary(records)
    levels = np.concatenate(parts)
    seconds = sum(f.value or 0.0 for f in whole.figures if f.metric == "sample_seconds")
    count = len(levels)
    whole.figures = sample.speed(run, guidance, gamma, count, seconds) if count else []
    sample.publish(study, run, gamma, levels, manifest.classes, whole)
