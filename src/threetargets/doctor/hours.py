"""How long a study computes: its floating-point operations over what a GPU or a core sustains."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from threetargets import experiments
from threetargets.data import sources
from threetargets.data.sources import Source
from threetargets.doctor import estimate
from threetargets.doctor.finding import Finding
from threetargets.doctor.work import Work, sample_sets, whole
from threetargets.pipeline import jobs
from threetargets.sizes import amount
from threetargets.study.schema import Study


@dataclass(frozen=True)
class Rates:
    """FLOP/s that one `unit` sustains in training, in other network calls, and in the float64
    matrices of the statistics; seconds that a job takes to start, and that the compilation of a
    training's network takes. `trust`: how far to trust them."""

    unit: str
    train: float
    infer: float
    statistics: float
    start: float
    compile: float
    trust: str


GPU = Rates(
    "GPU",
    train=3e13,
    infer=1.5e13,
    statistics=1e11,
    start=6.0,
    compile=60.0,
    trust="at rates that are assumed: a third of the time or three times as much is possible",
)
"""Of one data-centre GPU, assumed and not measured. 3e13 is 10% of an A100's peak in bf16 and 3% of
an H100's; a DDPM of CIFAR-10, compiled, in half precision and batches of 3072, was reported at
1.7e13 on an A100 (github.com/kimbochen/ddpm). Calls outside training are in float32. The larger
part of the statistics is on four cores of the GPU's host."""

CORE = Rates(
    "core",
    train=5e10,
    infer=5e10,
    statistics=2e10,
    start=1.7,
    compile=0.0,
    trust="at the rates of one machine: half of the time or twice as much is possible on another",
)
"""Measured on one core of an AMD EPYC: a U-Net of width 16 and depth 1 trains on 334 images of
28x28 a second and denoises 1100; torch's products and eigenvalues in float64; the imports of a
job."""


def hours(work: Work, rates: Rates) -> dict[str, float]:
    """By stage; `starts` are those of all jobs."""
    seconds = {
        "train": work.train / rates.train,
        "sample": work.sample / rates.infer,
        "likelihood": work.likelihood / rates.infer,
        "evaluate": work.evaluate / rates.infer + work.statistics / rates.statistics,
        "starts": work.jobs * rates.start + work.compiled * rates.compile,
    }
    return {part: value / 3600 for part, value in seconds.items()}


def rates_of(study: Study, cluster: bool = False) -> Rates:
    """Of the device that the study asks for; `auto` is what is here, and a GPU on a cluster."""
    here = cluster or torch.cuda.is_available()
    return GPU if study.device == "cuda" or (study.device == "auto" and here) else CORE


def in_words(work: Work, rates: Rates) -> str:
    """about 18 GPU hours (train 7.6, sample 3.6, ...); minutes where there are few."""
    parts = hours(work, rates)
    unit, factor = ("minutes", 60) if sum(parts.values()) < 1.5 else ("hours", 1)
    split = ", ".join(f"{part} {value * factor:.2g}" for part, value in parts.items() if value > 0)
    return f"about {sum(parts.values()) * factor:.2g} {rates.unit} {unit} ({split})"


def cost(study: Study, source: Source, cluster: bool) -> Finding:
    """Hours, for the doctor's table."""
    rates = rates_of(study, cluster)
    return Finding("cost", "ok", f"{in_words(whole(study, source), rates)}, {rates.trust}")


def of_experiments(study: Study) -> str:
    """manifold: 96 trainings, about 15 core minutes, ...: on one core, whatever the device."""
    words = []
    for name, block in experiments.of(study).items():
        spec, seeds = experiments.spec_of(name), len(study.seeds)
        minutes = seeds * spec.operations(block) / CORE.train / 60
        words.append(
            f"{name}: {spec.trainings(block) * seeds} trainings, about {minutes:.2g} core minutes"
        )
    return "; ".join([*words, CORE.trust])


def lines(study: Study) -> list[str]:
    """What `threetargets estimate` prints."""
    aside = [f"experiments: {of_experiments(study)}"] if experiments.of(study) else []
    return [*(_of_cells(study) if study.cells else [f"study {study.study}"]), *aside]


def _of_cells(study: Study) -> list[str]:
    source = sources.find(study.data.name)
    needed, disk, rates = whole(study, source), estimate.disk(study, source), rates_of(study)
    sets = sum(sample_sets(study, run) for run in jobs.model_runs(study))
    trained = (
        f"{len(study.cells)} cells x {len(study.seeds)} seeds, "
        f"{len(jobs.trained_runs(study))} trainings"
    )
    flop = f"{needed.flop:.2g}".replace("e+", "e")
    kept = f"{amount(disk.kept)} ({amount(disk.samples)} samples, {amount(disk.weights)} weights)"
    return [
        f"study {study.study}: {trained}, {sets} sample sets of {study.sampling.images} images",
        f"time: {in_words(needed, rates)}",
        f"      {flop} FLOP, {rates.trust}",
        f"disk: {kept}, and up to {amount(disk.checkpoints)} more while it trains",
        f"download: {amount(disk.download)}, where it is not here yet",
    ]
