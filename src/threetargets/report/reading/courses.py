"""The bound of diffusion models over their training, as the likelihood records hold it, and how
many images a model needs to a bound."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.statistics import Interval, t_interval
from threetargets.pipeline.cells import Run
from threetargets.report.reading.collect import Place, Results
from threetargets.report.reading.one_model import shown, twin
from threetargets.study.values import WEIGHTINGS


@dataclass(frozen=True)
class Course:
    """Of one seed: images seen, rising, and the bound there."""

    images: tuple[float, ...]
    bound: tuple[float, ...]


def courses(results: Results, cell: Cell) -> dict[int, Course]:
    """By seed; without those that failed or have no curve."""
    known = {}
    for seed in results.study.seeds:
        record = results.records.get(Place("likelihood", Run(results.also.get(cell, cell), seed)))
        curve = record.curves.get("training") if record and record.status == "ok" else None
        if curve and None not in curve["bound"]:
            known[seed] = Course(tuple(curve["images"]), tuple(curve["bound"]))
    return known


def by_weighting(results: Results) -> dict[str, list[Cell]]:
    """The study's own cells that have a curve at every seed, at the same numbers of images as the
    first of them, and those that are one of them at another weighting, by weighting, in its order.
    Empty where the study asks for none."""
    if results.study.likelihood.curve is None:
        return {}
    whole = [c for c in shown(results) if not twin(results, c) and _points(results, c)]
    whole = [c for c in whole if _points(results, c) == _points(results, whole[0])]
    known = {w: [c for c in whole if c.weighting == w] for w in WEIGHTINGS}
    return {w: [*cells] for w, cells in known.items() if cells}


def _points(results: Results, cell: Cell) -> tuple[float, ...]:
    """The images of its curve, where it has one at every seed; else empty."""
    known = courses(results, cell)
    every = {course.images for course in known.values()}
    return every.pop() if set(known) == set(results.study.seeds) and len(every) == 1 else ()


def left_out(results: Results) -> list[Cell]:
    """Diffusion cells of the study that `by_weighting` does not have."""
    shown = {c for cells in by_weighting(results).values() for c in cells}
    asked = results.study.likelihood.curve is not None
    return [c for c in diffusion.cells(results.study) if asked and c not in shown]


def images_to(course: Course, level: float) -> float | None:
    """The images after which the bound is first at most `level`, its line drawn over the logarithm
    of images; the first point's where it is below from the start; None where it never is."""
    points = list(zip(course.images, course.bound, strict=True))
    if points[0][1] <= level:
        return points[0][0]
    for (n, above), (m, below) in itertools.pairwise(points):
        if below <= level:
            share = (above - level) / (above - below)
            return math.exp(math.log(n) + share * (math.log(m) - math.log(n)))
    return None


def worst_end(results: Results, cells: list[Cell]) -> dict[int, float]:
    """By seed, the highest bound that one of these cells has in the end."""
    known = [courses(results, cell) for cell in cells]
    return {s: max(one[s].bound[-1] for one in known) for s in results.study.seeds}


def half_point(images: Sequence[float]) -> int:
    """The last of these numbers, rising, that is no more than half of the largest."""
    return max([k for k, n in enumerate(images) if n <= images[-1] / 2], default=0)


def half_way(results: Results, cell: Cell) -> tuple[float, dict[int, float]]:
    """The last number of images that is no more than half of all it sees, and by seed its bound
    there."""
    known = courses(results, cell)
    images = next(iter(known.values())).images
    point = half_point(images)
    return images[point], {seed: course.bound[point] for seed, course in known.items()}


def needed(results: Results, cell: Cell, levels: dict[int, float]) -> Interval:
    """Images to those bounds, one for each seed: their geometric mean and its 95% t interval, taken
    of the logarithms; without the seeds that never have theirs."""
    known = courses(results, cell)
    logs = [math.log(n) for s, level in levels.items() if (n := images_to(known[s], level))]
    mean = t_interval(logs)

    def back(value: float | None) -> float | None:
        return None if value is None else math.exp(value)

    return Interval(back(mean.mean), back(mean.low), back(mean.high), mean.n, mean.confidence)


def order(results: Results, cells: list[Cell], point: int) -> list[Cell]:
    """From the lowest mean bound to the highest, at one of the points."""

    def mean(cell: Cell) -> float:
        known = courses(results, cell).values()
        return sum(course.bound[point] for course in known) / len(known)

    return sorted(cells, key=mean)
