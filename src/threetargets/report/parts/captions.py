"""What stands below tables and figures: spread, N, reference, extractor, set-up, floor, and the
commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from threetargets.families import FAMILIES, spec_of
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.catalogue import SAMPLES, by_features
from threetargets.metrics.statistics import Interval, t_interval
from threetargets.pipeline.cells import FLOOR, Run
from threetargets.pipeline.records import Figure
from threetargets.report.parts.wording import cell, decimals, interval, number
from threetargets.report.reading.collect import Results

# Figures of the floor that are measured on the test split: one number, whatever the seed.
ON_TEST = tuple(m for m in SAMPLES if m not in by_features([m]))


def commands(results: Results, *stages: str) -> tuple[str, ...]:
    """The commands of those stages as the records hold them, with cell, seed and guidance as
    placeholders."""
    unique: dict[str, None] = {}
    for place, record in results.records.items():
        if place.stage in stages and record.command:
            text = record.command.replace(f"--cell {place.run.cell}", "--cell CELL")
            text = text.replace(f"--seed {place.run.seed}", "--seed SEED")
            text = (
                text.replace(f"--guidance {place.guidance}", "--guidance GUIDANCE")
                if place.guidance
                else text
            )
            unique[text] = None
    return tuple(unique)


def prepared(results: Results) -> tuple[str, ...]:
    """The command that prepared the data, as its manifest holds it."""
    source = results.manifest.get("source", {})
    command = source.get("command", "") if isinstance(source, dict) else ""
    return (str(command) or "threetargets prepare --params FILE",)


SPREAD_OF_ONE = "One seed: there is no interval over seeds"
SPREAD = "Mean ± half-width of the 95% t interval over {seeds} seeds"


def spread(results: Results) -> str:
    """What the interval of nearly every figure is."""
    seeds = len(results.study.seeds)
    if seeds == 1:
        return SPREAD_OF_ONE
    return SPREAD.format(seeds=seeds)


def _figures(
    results: Results, metrics: Sequence[str], guidance: str = "", gamma: str = ""
) -> list[Figure]:
    return [
        figure
        for metric in metrics
        for c in results.study.cells
        for seed in results.study.seeds
        if (figure := results.figure(Run(c, seed), metric, guidance, gamma)) is not None
    ]


def context(results: Results, metric: str, guidance: str = "none", gamma: str = "1") -> str:
    """N, reference and extractor of a metric, as its figures state them."""
    figures = _figures(results, [metric], guidance, gamma)

    def joined(values: Iterable[object]) -> str:
        return " / ".join(dict.fromkeys(str(v) for v in values if v not in (None, "")))

    parts = [
        ("N = ", joined(f.n for f in figures)),
        ("reference: ", joined(f.reference for f in figures)),
        ("extractor: ", joined(f.extractor for f in figures)),
    ]
    return "; ".join(label + value for label, value in parts if value)


def on_test(results: Results, metric: str) -> Figure | None:
    """The floor's figure with its own standard error, where it is one number for all seeds; else
    None."""
    seen = results.observe(FLOOR, metric).values
    if metric not in ON_TEST or len(set(seen.values())) != 1:
        return None
    figure = results.figure(Run(FLOOR, next(iter(seen))), metric)
    return figure if figure is not None and figure.stderr is not None else None


def floor(results: Results, metric: str) -> Interval:
    """Real images in the place of samples: over seeds (draws of training images), or one value of
    the test split."""
    interval = t_interval(list(results.observe(FLOOR, metric).values.values()))
    return (
        interval
        if on_test(results, metric) is None
        else Interval(interval.mean, None, None, interval.n, interval.confidence)
    )


FLOOR_SURE = "{value} (standard error 0 over {n} test images)"
FLOOR_OVER_IMAGES = "{value} ± {error} (standard error over {n} test images)"


def floor_in_words(results: Results, metric: str) -> str:
    """The floor with the uncertainty that it has: over seeds, or over the images of the test
    split."""
    fixed = on_test(results, metric)
    if fixed is None or fixed.value is None or fixed.stderr is None:
        return interval(floor(results, metric))
    if fixed.stderr == 0:
        return FLOOR_SURE.format(value=number(fixed.value, 4), n=fixed.n)
    places = decimals(fixed.stderr)
    value, error = (f"{v:.{places}f}" for v in (fixed.value, fixed.stderr))
    return FLOOR_OVER_IMAGES.format(value=value, error=error, n=fixed.n)


OVER_IMAGES = (
    " The test split is held fixed; the standard error over its {n} images is {least} to {most} "
    "{unit} (stderr in metrics.csv)."
)


def over_images(results: Results, *metrics: str) -> str:
    """The uncertainty that intervals over seeds leave out: of the figures on the test split."""
    figures = [
        f for f in _figures(results, metrics) if f.stderr is not None and f.reference != "train"
    ]
    errors = [f.stderr for f in figures if f.stderr is not None]
    if not errors:
        return ""
    n = " / ".join(dict.fromkeys(str(f.n) for f in figures))
    return OVER_IMAGES.format(
        n=n, least=number(min(errors), 2), most=number(max(errors), 2), unit=results.unit.name
    )


ASKED = " Diffusion models are asked for a class, evenly over the classes; {others} no labels"
ASKED_LIKE = ": like for like is γ = 0 under Guidance."


def asked_for_a_class(results: Results) -> str:
    """Why FID does not compare models that are asked for a class with those that know none."""
    guidance = results.study.guidance
    by_asked: dict[bool, list[str]] = {True: [], False: []}
    for one in results.study.cells:
        by_asked[spec_of(one).LABELLED].append(cell(one))
    unlabelled = by_asked[False]
    if not unlabelled or not by_asked[True]:
        return ""
    know = "know" if len(unlabelled) > 1 else "knows"
    sentence = ASKED.format(others=f"{' and '.join(unlabelled)} {know}")
    like = guidance.cells and guidance.kinds and 0.0 in guidance.gammas
    return sentence + (ASKED_LIKE if like else ".")


def null_branch(results: Results) -> str:
    return diffusion.null_branch(results.study)


def set_up(results: Results) -> str:
    """What the bounds of a study depend on, besides the cell."""
    study = results.study
    sentences = [
        spec.set_up(study, tuple(one for one in study.cells if one.family == name))
        for name, spec in FAMILIES.items()
    ]
    return "".join(f" {sentence}" for sentence in sentences if sentence)
