"""What one more image and one more seed cost: slopes of lines through measurements, least squares.
On a CPU all times are of the processor."""

from __future__ import annotations

import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import yaml

from benchmarks import ours, peers
from benchmarks.rows import ROOT, Options, Row, clock, spread
from threetargets import memory, study
from threetargets.families import JUDGE

IMAGES = {"cpu": (20, 40, 80, 160), "cuda": (500, 1000, 2000, 4000)}
ROUNDS, SEEDS = 3, 3


@dataclass(frozen=True)
class Line:
    """y = fixed + slope x; the largest departure of a point from it, as a share of the point."""

    fixed: float
    slope: float
    departure: float


def line(x: list[float], y: list[float]) -> Line:
    """The least-squares line through (x, y), two points or more."""
    slope, fixed = np.polyfit(x, y, 1)
    departures = np.abs(fixed + slope * np.array(x) - y) / np.abs(y)
    return Line(float(fixed), float(slope), float(departures.max()))


def _seconds(row: Row, options: Options) -> float:
    start = clock(options)
    row.work()
    return clock(options) - start


def over_images(options: Options) -> dict[str, dict[str, str]]:
    """Guided sampling of more and more images: ms of a further one, ours and diffusers'."""
    torch.set_num_threads(options.threads)
    memory.keep()  # of ours and of the peer's
    counts = IMAGES[options.device]
    makes = {"ours": ours.unet_sampling, "peer": peers.sampling}
    rows = {k: [make(replace(options, sampled=n)) for n in counts] for k, make in makes.items()}
    for some in rows.values():
        for row in some:  # warms up
            row.work()
    lines: dict[str, list[Line]] = {k: [] for k in makes}
    for _ in range(options.repeats or ROUNDS):
        for which, some in rows.items():
            taken = [_seconds(row, options) for row in some]
            lines[which].append(line(list(map(float, counts)), taken))
    slopes = {k: [1000 * one.slope for one in some] for k, some in lines.items()}
    ratios = [a / b for a, b in zip(slopes["ours"], slopes["peer"], strict=True)]
    values = {k: f"{statistics.median(v):.2f}" for k, v in slopes.items()}
    values |= {f"{k}_spread": spread(v) for k, v in slopes.items()}
    fixed = statistics.median(1000 * one.fixed for one in lines["ours"])
    worst = statistics.median(one.departure for one in lines["ours"])
    note = f"10 guided steps, {counts[0]} to {counts[-1]} images; a call {fixed:.0f} ms more; "
    note += f"points within {worst:.0%} of the line"
    more = {"unit": "ms", "peer_name": "diffusers", "note": note}
    return {"one more image": values | more | {"ratio_to_peer": f"{statistics.median(ratios):.2f}"}}


def _processor(arguments: list[str], folder: Path) -> float:
    """Processor seconds of a command, its children included. Raises CalledProcessError."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    command = [sys.executable, "-m", "threetargets", *arguments]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start if torch.cuda.is_available() else spent


def small(options: Options, seeds: int) -> str:
    """The smoke study with one cell, as YAML."""
    values = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))
    values |= {"study": "seeds", "cells": [str(ours.RUN.cell)], "seeds": list(range(seeds))}
    values["guidance"]["cells"] = []
    values["device"] = options.device
    text: str = yaml.safe_dump(values, sort_keys=False)
    study.parse(yaml.safe_load(text), "benchmarks")
    return text


def over_seeds(
    options: Options, run: Callable[[list[str], Path], float] = _processor
) -> dict[str, dict[str, str]]:
    """The commands of the smoke study with one cell and more and more seeds, each started alone, as
    DVC does: seconds that a further seed takes."""
    seeds = options.repeats or SEEDS
    cell, judge = str(ours.RUN.cell), ["--cell", JUDGE, "--seed", "1000"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "study.yaml").write_text(small(options, seeds), encoding="utf-8")
        file = ["--params", "study.yaml"]
        spent = run(["prepare", *file], folder) + run(["train", *file, *judge], folder)
        totals = [spent]
        for seed in range(seeds):
            of = [*file, "--cell", cell, "--seed", str(seed)]
            draw = ["sample", *of, "--guidance", "none"]
            commands = (["train", *of], draw, ["likelihood", *of], ["evaluate", *of])
            spent += sum(run(command, folder) for command in commands)
            totals.append(spent)
    each = [b - a for a, b in itertools.pairwise(totals)]
    fit = line(list(map(float, range(seeds + 1))), totals)
    note = f"smoke study, one cell, 4 jobs a seed, none forked; data and judge {fit.fixed:.1f} s; "
    note += f"points within {fit.departure:.0%} of the line"
    row = {"ours": f"{fit.slope:.1f}", "ours_spread": spread(each), "unit": "s", "note": note}
    return {"one more seed": row}
