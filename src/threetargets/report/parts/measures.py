"""Figures of merit that are compared: where each is read, its unit, and what a difference of it is
taken of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from threetargets.families.cell import Cell
from threetargets.metrics.statistics import Interval, t_interval
from threetargets.pipeline.cells import FLOOR, Run
from threetargets.report.parts.wording import cell as named
from threetargets.report.parts.wording import interval, number, of
from threetargets.report.reading.collect import Place, Results


@dataclass(frozen=True)
class Measure:
    """A figure of merit, where it is read, and its unit. Lower is better for both that are compared
    here."""

    metric: str
    label: str
    unit: str
    guidance: str = ""
    gamma: str = ""


BOUND = Measure("bound", "bound", "")
"""Its unit is that of the data: `in_unit`."""


FID = Measure("fid", "FID", "", "none", "1")
EXCESS = "log FID excess"
"""What is compared of FID: its logarithm above the floor."""


def in_unit(results: Results, measure: Measure) -> Measure:
    """The measure with the unit in which it is told here."""
    return replace(measure, unit=results.unit.name) if measure.metric == BOUND.metric else measure


def as_compared(results: Results, measure: Measure) -> Measure:
    """The measure under the name and unit of its differences."""
    named = in_unit(results, measure)
    return named if measure.metric == BOUND.metric else replace(named, label=EXCESS)


def summary(results: Results, cell: Cell, measure: Measure) -> Interval:
    """The 95% t interval over seeds of a cell."""
    return t_interval(
        list(results.observe(cell, measure.metric, measure.guidance, measure.gamma).values.values())
    )


def lowest(results: Results, measure: Measure, cells: Sequence[Cell]) -> Cell:
    """The cell with the lowest mean among those with every seed, else among those with any. Empty
    without data."""
    seen = {c: results.observe(c, measure.metric, measure.guidance, measure.gamma) for c in cells}
    whole = {c: o for c, o in seen.items() if o.complete} or {
        c: o for c, o in seen.items() if o.values
    }
    return min(
        whole, key=lambda c: sum(whole[c].values.values()) / len(whole[c].values), default=Cell("")
    )


def lead(results: Results, cells: Sequence[Cell]) -> str:
    """The one of these models with the lowest bound, and how many are near it."""
    best = lowest(results, BOUND, cells)
    if not best:
        return ""
    known = {c: summary(results, c, BOUND) for c in cells}
    means = {c: one.mean for c, one in known.items() if one.mean is not None}
    within = results.study.comparison.bound_margin
    near = sum(mean <= means[best] + within for mean in means.values()) - 1
    first = f"{named(best)} has the lowest bound, {interval(known[best], results.unit.name)}"
    if len(means) == 1:
        return f"{first}."
    others = f"{near or 'none'} of the {of(len(means) - 1, 'other')} {'is' if near < 2 else 'are'}"
    return f"{first}; by the mean {others} within {number(within, 2)} of it."


def compared(results: Results, measure: Measure, values: list[float]) -> list[float] | None:
    """What a comparison is made of: the bound as it is, FID as log(FID - floor), the floor being
    the mean over its draws; None where an FID is not above its floor."""
    if measure.metric == BOUND.metric:
        return values
    real = [*results.observe(FLOOR, measure.metric).values.values()]
    floor = sum(real) / len(real) if real else 0.0
    return [math.log(v - floor) for v in values] if min(values) > floor else None


def margin(results: Results, measure: Measure) -> float:
    """Of the bound in its unit; of FID the logarithm of the ratio that the fraction is."""
    comparison = results.study.comparison
    if measure.metric == BOUND.metric:
        return comparison.bound_margin
    return math.log1p(comparison.fid_margin)


def over_images(results: Results, a: Cell, b: Cell, seeds: list[int]) -> Interval | None:
    """The bound of a less that of b over test images, each image's difference being its mean over
    these seeds: how far another test split would move it. None where the records hold no images."""
    import numpy as np

    differences = []
    for seed in seeds:
        both = [_by_image(results, cell, seed) for cell in (a, b)]
        if not both[0] or len(both[0]) != len(both[1]):
            return None
        differences.append(np.asarray(both[0]) - np.asarray(both[1]))
    return t_interval(np.mean(differences, 0)) if differences else None


def _by_image(results: Results, cell: Cell, seed: int) -> list[float]:
    """The bound of every test image."""
    run = Run(results.also.get(cell, cell), seed)
    record = results.records.get(Place("likelihood", run))
    if record is None or record.status != "ok":
        return []
    bound: list[float] = record.curves.get("images", {}).get("bound", [])
    return bound
