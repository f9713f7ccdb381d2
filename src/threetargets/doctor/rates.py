"""What a GPU or a core sustains: measured on this machine in a second or two, or assumed for
another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from threetargets import families
from threetargets.data.sources import Source
from threetargets.doctor import estimate
from threetargets.families.build import build, model_part
from threetargets.families.counted import counted
from threetargets.metrics.frechet import Distances
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import Run
from threetargets.streams import generator
from threetargets.study.schema import Study

SECONDS = 0.4
"""Of each measurement, after one call that warms up."""
FEATURES, SETS = 256, 512
"""Size of the float64 matrices that are timed."""


@dataclass(frozen=True)
class Rates:
    """FLOP/s that one `unit` sustains in training, in other network calls, and in the float64
    matrices of the statistics; seconds that a job takes to start, and that the compilation of a
    training's network takes. `trust`: where they are from, and how far to trust them."""

    unit: str
    train: float
    infer: float
    statistics: float
    start: float
    compile: float
    trust: str


GPU = Rates(
    "GPU",
    train=6.5e13,
    infer=3.4e13,
    statistics=1e11,
    start=6.0,
    compile=60.0,
    trust="at rates that are assumed: a third of the time or three times as much is possible",
)
"""Of one H100 with a U-Net of 731 MFLOP a pass at 28x28, batches of 512, bf16, compiled and
replayed as one CUDA graph; guided sampling in float32, convolutions in TF32, in batches of 2500;
starts of jobs, and a compilation. The larger part of the statistics, assumed, is on four cores of
the GPU's host."""

EAGER = 3e13
"""FLOP/s of the same training without `compile`."""

CORE = Rates(
    "core",
    train=5e10,
    infer=5e10,
    statistics=2e10,
    start=0.15,
    compile=0.0,
    trust="at the rates of one machine: half of the time or twice as much is possible on another",
)
"""Measured on one core of an AMD EPYC: a U-Net of width 16 and depth 1 trains on 334 images of
28x28 a second and denoises 1100; torch's products and eigenvalues in float64; a job that is forked
(docs/engines.md, Starts)."""

ALONE = 1.9
"""Seconds of the imports of a job on a core that is not forked: on a cluster."""


def assumed(study: Study, cluster: bool = False) -> Rates:
    """Of the device that the study asks for, on no machine in particular; `auto` is what is here,
    and a GPU on a cluster."""
    if not on_gpu(study, cluster):
        return replace(CORE, start=ALONE) if cluster else CORE
    return GPU if study.compile else replace(GPU, train=EAGER)


def on_gpu(study: Study, cluster: bool = False) -> bool:
    here = cluster or torch.cuda.is_available()
    return study.device == "cuda" or (study.device == "auto" and here)


def of(study: Study, source: Source, cluster: bool = False) -> Rates:
    """Measured where the study's device is here, else assumed; assumed too where measuring fails,
    as on a card whose memory another process has."""
    gpu = on_gpu(study, cluster)
    if cluster or (gpu and not torch.cuda.is_available()):
        return assumed(study, cluster)
    try:
        return measured(study, source, gpu)
    except (RuntimeError, AssertionError, OSError) as error:
        known, why = assumed(study), (str(error).splitlines() or [type(error).__name__])[0]
        return replace(known, trust=f"{known.trust} (nothing was measured: {why})")


def measured(study: Study, source: Source, gpu: bool) -> Rates:
    """Of this machine, by the study's first diffusion model, else its first model: its training
    step as the loop takes it, its loss without gradients, and Frechet distances. On a GPU, where
    jobs are not forked, what this process needed until here, which imports what a job does; and,
    since compiling takes a minute, an eager step: a compiled one is taken to be so many times
    faster as on an H100."""
    start = _imports() if gpu else CORE.start
    began = time.perf_counter()
    device = torch.device("cuda" if gpu else "cpu")
    trained = jobs.trained_runs(study)
    run = next((run for run in trained if families.spec_of(run.cell).COMPILED), trained[0])
    train_rate = _training(study, source, run, device)
    infer_rate = _calls(study, source, run, device)
    faster = GPU.train / EAGER if gpu and study.compile else 1.0
    statistics = _statistics()
    took = time.perf_counter() - began
    words = (
        f"at rates measured here in {took:.1f} s: {_short(train_rate)} in training ({run.cell}), "
        f"{_short(infer_rate)} in other calls, {_short(statistics)} in statistics; "
        + (f"a job starts in {start:.1f} s" if gpu else f"jobs are forked, in {start} s each")
    )
    if faster > 1:
        words += f"; compiled trainings are taken to be {faster:.1f} times faster"
    unit, compiling = ("GPU", GPU.compile) if gpu else ("core", CORE.compile)
    return Rates(unit, faster * train_rate, infer_rate, statistics, start, compiling, words)


def _imports() -> float:
    """Processor seconds until a job has what it imports, as this process has afterwards."""
    from threetargets.stages import likelihood, sample, train  # noqa: F401

    return time.process_time()


def _short(rate: float) -> str:
    return f"{rate:.2g}".replace("e+", "e") + " FLOP/s"


def timed(call: Callable[[], object], operations: float, device: torch.device) -> float:
    """Operations a second of calls of `operations` each, over SECONDS or more; on a CPU a second
    is one of the processor, so that what runs beside does not count."""
    gpu = device.type == "cuda"
    clock = time.perf_counter if gpu else time.process_time

    def now() -> float:
        if gpu:
            torch.cuda.synchronize()
        return clock()

    call()
    calls, start = 0, now()
    while calls == 0 or now() - start < SECONDS:
        call()
        calls += 1
    return calls * operations / (now() - start)


def _model(study: Study, source: Source, run: Run, device: torch.device) -> nn.Module:
    model = build(study, estimate.described(source), run)
    model_part(run.cell).ready(study.model_copy(update={"compile": False}), model, device)
    return model.to(device)


def _batch(source: Source, count: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    levels = torch.randint(0, source.levels, (count, *source.shape), generator=generator(0, "rate"))
    return levels.to(device, torch.uint8), (torch.arange(count) % source.classes).to(device)


def _training(study: Study, source: Source, run: Run, device: torch.device) -> float:
    from threetargets.training.ema import Ema
    from threetargets.training.step import Eager, Graphed, Parts, Step, adamw

    settings, model = families.training_of(study, run.cell), _model(study, source, run, device)
    images, labels = _batch(source, settings.batch, device)
    noise = generator(0, "train", device=device)
    one = counted(lambda: model(images[:2], labels[:2], noise).backward()) / 2
    optimizer = adamw(model, settings, device)
    average = Ema(model, settings.ema_halflife_images)
    parts = Parts(model.train(), optimizer, average, images, labels, settings, 0)
    gpu = device.type == "cuda"
    step: Step = Graphed(parts) if gpu else Eager(parts, model)
    for _ in range(4 if gpu else 0):  # until it is recorded
        step(0)
    return timed(lambda: step(0), one * settings.batch, device)


def _calls(study: Study, source: Source, run: Run, device: torch.device) -> float:
    model, count = _model(study, source, run, device).eval(), study.likelihood.batch
    images, labels = _batch(source, min(count, 2000 if device.type == "cuda" else 100), device)

    def call(rows: int) -> object:
        with torch.no_grad():
            return model(images[:rows], labels[:rows], generator(0, "rate", device=device))

    return timed(lambda: call(len(images)), counted(lambda: call(2)) / 2 * len(images), device)


def _statistics() -> float:
    """Float64, on the host: the distance of one subset, a product and eigenvalues."""
    features = torch.randn(SETS, FEATURES, generator=generator(0, "rate")).double()
    unit = torch.eye(FEATURES).double()
    distances, rows = Distances(features, features.mean(0), unit, unit), torch.arange(SETS)
    operations = 2 * SETS * FEATURES**2 + 4 / 3 * FEATURES**3
    return timed(lambda: distances.of(rows), operations, torch.device("cpu"))
