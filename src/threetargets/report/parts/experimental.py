"""Figures of an experiment over the study's seeds, and the rule that most of their claims have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from threetargets.metrics.statistics import Interval, t_interval
from threetargets.pipeline.cells import Run, parse
from threetargets.report.parts.drawing import over_seeds
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    REPRODUCED,
    Finding,
    incomplete,
    written,
)
from threetargets.report.parts.wording import Text, observed
from threetargets.report.reading.collect import FAILED, OK, Observed, Place, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def read(results: Results, name: str, metric: str) -> Observed:
    """One figure of the experiment `name` over the study's seeds."""
    values: dict[int, float] = {}
    failed, missing = [], []
    for seed in results.study.seeds:
        run = Run(parse(name), seed)
        figure, status = results.figure(run, metric), results.status(Place("experiment", run))
        if figure is not None and figure.value is not None and status == OK:
            values[seed] = figure.value
        elif figure is not None or status == FAILED:
            failed.append(seed)
        else:
            missing.append(seed)
    return Observed(values, tuple(failed), tuple(missing))


def summary(results: Results, name: str, metric: str) -> Interval:
    """The t interval over seeds, at 1 - alpha."""
    values = list(read(results, name, metric).values.values())
    return t_interval(values, 1 - results.study.comparison.alpha)


def entry(results: Results, name: str, metric: str) -> Text:
    """As it stands in a table."""
    seen = read(results, name, metric)
    return observed(seen, t_interval(list(seen.values.values())))


def log_ratio(results: Results, name: str, over: str, under: str) -> Interval:
    """log(over / under), paired by seed: above 0 where the first figure is the larger."""
    a, b = (read(results, name, metric).values for metric in (over, under))
    both = [seed for seed in a if seed in b and a[seed] > 0 and b[seed] > 0]
    ratios = [math.log(a[seed] / b[seed]) for seed in both]
    return t_interval(ratios, 1 - results.study.comparison.alpha)


def line(
    results: Results, name: str, metrics: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, low and high of some figures over the seeds that have any of them."""
    seen = [read(results, name, metric).values for metric in metrics]
    seeds = [seed for seed in results.study.seeds if any(seed in values for values in seen)]
    if not seeds:
        return (nothing := np.full(len(metrics), np.nan)), nothing, nothing
    return over_seeds([[values.get(seed) for values in seen] for seed in seeds])


def curves(results: Results, name: str, key: str) -> list[Any]:
    """A curve of the record, of every seed that has it."""
    places = [Place("experiment", Run(parse(name), seed)) for seed in results.study.seeds]
    records = [results.records[place] for place in places if place in results.records]
    some = [record.curves.get(key) for record in records if record.status == OK]
    return [curve for curve in some if curve]


def arrays(results: Results, name: str) -> tuple[int, dict[str, np.ndarray]] | None:
    """The first seed that left arrays, and these."""
    for seed in results.study.seeds:
        own = results.arrays.get(Run(parse(name), seed))
        if own:
            return seed, own
    return None


def logarithmic(panel: Axes, x: bool = True) -> None:
    """Logarithmic axes, where anything is drawn that they can show."""
    drawn = [np.asarray(line.get_ydata(), dtype=np.float64) for line in panel.get_lines()]
    if any((values[np.isfinite(values)] > 0).any() for values in drawn):
        panel.set(yscale="log", xscale="log" if x else "linear")


def ticks(panel: Axes, places: Sequence[float]) -> None:
    """These and no others, in plain numbers."""
    from matplotlib import ticker

    panel.set_xticks(places, [f"{place:g}" for place in places])
    panel.xaxis.set_minor_formatter(ticker.NullFormatter())


def above_zero(
    bounds: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For a logarithmic axis: an interval that reaches 0 ends at half the mean."""
    mean, low, high = bounds
    return mean, np.maximum(low, mean / 2), high


def complete(results: Results, name: str) -> bool:
    """Whether every seed is there."""
    places = [Place("experiment", Run(parse(name), seed)) for seed in results.study.seeds]
    return all(results.status(place) == OK for place in places)


def all_above(
    results: Results, name: str, intervals: Mapping[str, Interval], what: str = ""
) -> Finding:
    """Reproduced: every interval lies above 0. Not reproduced: one lies below. Inconclusive: else,
    or a seed is missing."""
    some = list(intervals.values())
    below = any(i.high is not None and i.high < 0 for i in some)
    above = all(i.low is not None and i.low > 0 for i in some)
    verdict = NOT_REPRODUCED if below else REPRODUCED if above else INCONCLUSIVE
    figure = "; ".join(f"{label}: {written(i)}" for label, i in intervals.items())
    return finding(results, name, verdict, f"{what}; {figure}" if what else figure)


def finding(results: Results, name: str, verdict: str, figure: str) -> Finding:
    """With the runs behind it; a missing seed reproduces nothing."""
    seeds = ", ".join(map(str, results.study.seeds))
    whole = complete(results, name)
    return Finding(incomplete(verdict, whole), figure, f"{name}; seeds {seeds}")
