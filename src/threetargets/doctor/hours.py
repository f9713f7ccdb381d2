"""How long a study computes: its floating-point operations over what a GPU or a core sustains."""

from __future__ import annotations

from threetargets import experiments
from threetargets.data import sources
from threetargets.data.sources import Source
from threetargets.doctor import estimate, rates
from threetargets.doctor.finding import Finding
from threetargets.doctor.rates import CORE, Rates
from threetargets.doctor.work import Work, sample_sets, whole
from threetargets.pipeline import jobs
from threetargets.sizes import amount
from threetargets.study.schema import Study


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


def in_words(work: Work, rates: Rates) -> str:
    """about 18 GPU hours (train 7.6, sample 3.6, ...); minutes where there are few."""
    parts = hours(work, rates)
    unit, factor = ("minutes", 60) if sum(parts.values()) < 1.5 else ("hours", 1)
    split = ", ".join(f"{part} {value * factor:.2g}" for part, value in parts.items() if value > 0)
    return f"about {sum(parts.values()) * factor:.2g} {rates.unit} {unit} ({split})"


def cost(study: Study, source: Source, cluster: bool) -> Finding:
    """Hours, for the doctor's table."""
    known = rates.of(study, source, cluster)
    return Finding("cost", "ok", f"{in_words(whole(study, source), known)}, {known.trust}")


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


def lines(study: Study, assumed: bool = False) -> list[str]:
    """What `threetargets estimate` prints; with `--assumed`, at the rates of no machine in
    particular."""
    aside = [f"experiments: {of_experiments(study)}"] if experiments.of(study) else []
    of_cells = _of_cells(study, assumed) if study.cells else [f"study {study.study}"]
    return [*of_cells, *aside]


def _of_cells(study: Study, assumed: bool) -> list[str]:
    source = sources.find(study.data.name)
    known = rates.assumed(study) if assumed else rates.of(study, source)
    needed, disk = whole(study, source), estimate.disk(study, source)
    sets = sum(sample_sets(study, run) for run in jobs.model_runs(study))
    trained = (
        f"{len(study.cells)} cells x {len(study.seeds)} seeds, "
        f"{len(jobs.trained_runs(study))} trainings"
    )
    flop = f"{needed.flop:.2g}".replace("e+", "e")
    kept = f"{amount(disk.kept)} ({amount(disk.samples)} samples, {amount(disk.weights)} weights)"
    return [
        f"study {study.study}: {trained}, {sets} sample sets of {study.sampling.images} images",
        f"time: {in_words(needed, known)}",
        f"      {flop} FLOP, {known.trust}",
        f"disk: {kept}, and up to {amount(disk.checkpoints)} more while it trains",
        f"download: {amount(disk.download)}, where it is not here yet",
    ]
