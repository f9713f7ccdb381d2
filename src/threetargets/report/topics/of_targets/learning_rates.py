"""A learning rate for each target: which one has the lowest bound on validation images, and what
that is worth on test images."""

from __future__ import annotations

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.statistics import Interval, paired_t, t_interval
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.measures import BOUND
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.verdicts import written
from threetargets.report.parts.wording import Table, Text, interval, target
from threetargets.report.reading.collect import Results
from threetargets.report.reading.own_rates import Pair, by_rate, common
from threetargets.report.reading.tracked import Mirror

VALIDATION = "validation_bound"


def rates(results: Results) -> dict[Pair, dict[float, Cell]]:
    """Where a target has two or more learning rates at one weighting, and their bound on validation
    images is measured."""
    if not results.study.likelihood.validation:
        return {}
    return {pair: some for pair, some in by_rate(results).items() if len(some) > 1}


def _bound(results: Results, cell: Cell, metric: str = VALIDATION) -> Interval:
    return t_interval([*results.observe(cell, metric).values.values()])


def best(results: Results, some: dict[float, Cell]) -> float | None:
    """The learning rate with the lowest mean bound on validation images; None without any."""
    means = {rate: _bound(results, cell).mean for rate, cell in some.items()}
    known = {rate: mean for rate, mean in means.items() if mean is not None}
    return min(known, key=lambda rate: known[rate]) if known else None


CAPTION = (
    "Bound on validation images, {unit}; the lowest of a row is bold. {spread}. A lowest value at "
    "either end of the row says that the best learning rate may lie beyond it."
)


def table(results: Results) -> Table:
    """The bound on validation images by learning rate."""
    known, rows = rates(results), []
    every = sorted({rate for some in known.values() for rate in some})
    for (name, weighting), some in known.items():
        lowest = best(results, some)
        figures = [
            Text(interval(_bound(results, some[rate])), "best" if rate == lowest else "")
            if rate in some
            else Text("·")
            for rate in every
        ]
        rows.append((Text(target(name)), Text(weighting), *figures))
    head = ("target", "weighting", *(f"{rate:g}" for rate in every))
    caption = CAPTION.format(unit=results.unit.name, spread=spread(results))
    made = commands(results, "train", "likelihood")
    title = "Learning rate by target, on validation images"
    numeric = frozenset(range(2, len(head)))
    return Table("learning-rates", title, head, tuple(rows), caption, made, numeric)


GAIN_CAPTION = (
    "Bound on test images, {unit}, of the common learning rate, of the one that is best on "
    "validation images, and their difference paired by seed with its 95% t interval."
)


def gains(results: Results) -> Table:
    """What a learning rate of its own is worth to each target."""
    rows = []
    for (name, weighting), some in rates(results).items():
        own = common(results.study, name, weighting)
        chosen = best(results, some)
        if chosen is None or own not in some:
            continue
        a, b = (results.observe(some[rate], BOUND.metric).values for rate in (chosen, own))
        both = [seed for seed in results.study.seeds if seed in a and seed in b]
        change = paired_t([a[s] for s in both], [b[s] for s in both])
        shown = [interval(_bound(results, some[rate], BOUND.metric)) for rate in (own, chosen)]
        gain = Text("–") if chosen == own else Text(written(change.interval))
        place = (Text(target(name)), Text(weighting), Text(f"{chosen:g}"))
        rows.append((*place, *map(Text, shown), gain))
    shared = getattr(results.study.training, diffusion.KIND).learning_rate
    bounds = (f"bound at {shared:g}", "bound at the best")
    head = ("target", "weighting", "best rate", *bounds, "change")
    caption = GAIN_CAPTION.format(unit=results.unit.name)
    made = commands(results, "train", "likelihood")
    title = "What a learning rate of its own is worth"
    numeric = frozenset(range(2, len(head)))
    return Table("learning-rate-gains", title, head, tuple(rows), caption, made, numeric)


def sections(results: Results, mirror: Mirror) -> list[Section]:
    if not rates(results):
        return []
    tables = tuple(one for one in (table(results), gains(results)) if one.rows)
    return [Section("learning-rates", "Learning rates", " ".join(sentences(results)), tables)]


def sentences(results: Results) -> list[str]:
    """Whether one learning rate serves all targets."""
    known = {key: best(results, some) for key, some in rates(results).items()}
    chosen = sorted({rate for rate in known.values() if rate is not None})
    if not chosen:
        return []
    if len(chosen) == 1:
        return [f"The best learning rate of every target and weighting is {chosen[0]:g}."]
    return [
        f"The best learning rates of {len(known)} pairs of target and weighting lie between "
        f"{chosen[0]:g} and {chosen[-1]:g}."
    ]


TOPIC = Topic("learning-rates", sections, (), sentences)
