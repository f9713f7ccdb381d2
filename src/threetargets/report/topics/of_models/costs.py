"""What each model costs, and how good the classifiers are that guide and judge."""

from __future__ import annotations

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.catalogue import axis, label
from threetargets.metrics.statistics import t_interval
from threetargets.pipeline import jobs
from threetargets.pipeline.records import Figure
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.entries import measured, parameters
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.wording import Table, Text, cell, count, number
from threetargets.report.reading.collect import Place, Results
from threetargets.report.reading.tracked import Mirror

TRAINING = ("parameters", "train_seconds", "train_images_per_second")
SAMPLED = "sample_images_per_second"

COSTS_CAPTION = "{spread}{once}. Wall-clock times; runs may have shared the machine."
COSTS_ONCE = " (the judge is trained once)"
COSTS_SAMPLING = " Diffusion models sample in {steps} steps of {sampler}, without guidance."


def costs(results: Results) -> Table:
    """Seconds, parameters and images per second of every cell, classifiers included."""
    cells = [*results.study.cells, *({r.cell: None for r in jobs.guide_runs(results.study)})]
    rows: list[tuple[Text, ...]] = []
    for name in cells:
        sampled = name in results.study.cells
        rate = measured(results, name, SAMPLED, "none", "1") if sampled else Text("", "weak")
        rows.append(
            (
                Text(cell(name)),
                parameters(results, name),
                *(measured(results, name, m) for m in TRAINING[1:]),
                rate,
            )
        )
    for judge in jobs.judge_runs(results.study):
        train = [results.figure(judge, m) for m in TRAINING]
        rows.append(
            (
                Text(cell(judge.cell)),
                Text(count(train[0].value) if train[0] else "–"),
                *(Text(number(f.value)) if f else Text("missing", "missing") for f in train[1:]),
                Text("", "weak"),
            )
        )
    head = ("model", *(axis(m, results.unit.name) for m in (*TRAINING, SAMPLED)))
    sampling = results.study.sampling
    once = COSTS_ONCE if jobs.judge_runs(results.study) else ""
    caption = COSTS_CAPTION.format(spread=spread(results), once=once)
    if diffusion.cells(results.study):
        caption += COSTS_SAMPLING.format(steps=sampling.steps, sampler=sampling.sampler)
    return Table(
        "costs",
        "What each model costs",
        head,
        tuple(rows),
        caption,
        commands(results, "train", "sample"),
        frozenset(range(1, 5)),
    )


ACCURACIES = ("accuracy_validation", "accuracy_test")

CLASSIFIERS_CAPTION = (
    "Accuracy ± binomial standard error over the images of the split. Guides are trained "
    "on what their name says, one for each seed. The judge sees clean images, never guides, "
)
CLASSIFIERS_MEASURES = "and measures accuracy and entropy."
CLASSIFIERS_EXTRACTS = (
    "and is the extractor of FID, KID, precision and recall. It was trained on the "
    "training split, from which the floor of those four is drawn."
)


def classifiers(results: Results) -> Table:
    """Accuracies of the guide (one for each seed) and the judge."""

    def entry(figure: Figure | None, place: Place) -> Text:
        if figure is None or figure.value is None:
            status = "failed" if results.status(place) == "failed" else "missing"
            return Text(status, status)
        error = f" ± {figure.stderr:.3f}" if figure.stderr is not None else ""
        return Text(f"{figure.value:.3f}{error}", "", f"n = {figure.n}" if figure.n else "")

    rows = []
    for run in [*jobs.guide_runs(results.study), *jobs.judge_runs(results.study)]:
        place = Place("train", run)
        figures = [entry(results.figure(run, m), place) for m in ACCURACIES]
        rows.append((Text(cell(run.cell)), Text(str(run.seed)), *figures))
    caption = CLASSIFIERS_CAPTION
    if "judge" in results.study.evaluation.extractors:
        caption += CLASSIFIERS_EXTRACTS
    else:
        caption += CLASSIFIERS_MEASURES
    made = commands(results, "train")
    head = ("classifier", "seed", *(label(m) for m in ACCURACIES))
    return Table(
        "classifiers", "The classifiers", head, tuple(rows), caption, made, frozenset({1, 2, 3})
    )


def _cost(results: Results) -> str:
    cells: list[Cell] = [*diffusion.cells(results.study)] or list(results.study.cells)
    seconds = {
        c: t_interval(list(results.observe(c, "train_seconds").values.values())).mean for c in cells
    }
    sizes = sorted({v for c in cells for v in results.observe(c, "parameters").values.values()})
    known = {c: s for c, s in seconds.items() if s is not None}
    if not known or not sizes:
        return ""
    low, high = min(known.values()), max(known.values())
    parameters = (
        f"{count(sizes[0])} parameters"
        if len(sizes) == 1
        else f"{count(sizes[0])} to {count(sizes[-1])} parameters"
    )
    kind = "A diffusion model" if diffusion.cells(results.study) else "A model"
    return (
        f"Cost: {kind.lower()} of {parameters} trains in {number(low, 2)} to {number(high, 2)} s."
    )


def sections(results: Results, mirror: Mirror) -> list[Section]:
    tables = (costs(results), classifiers(results))
    with_rows = tuple(table for table in tables if table.rows)
    return [Section("costs", "Costs and classifiers", "", with_rows)]


def sentences(results: Results) -> list[str]:
    return [_cost(results)]


TOPIC = Topic("costs", sections, (), sentences)
