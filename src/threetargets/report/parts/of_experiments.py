"""Reading an experiment's figures over seeds, and deciding by intervals of differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from threetargets import experiments
from threetargets.metrics.statistics import Difference, Interval, paired_t, t_interval
from threetargets.pipeline.cells import Run, parse
from threetargets.report.parts.drawing import over_seeds
from threetargets.report.parts.verdicts import (
    NOTHING,
    Finding,
    all_above,
    incomplete,
    written,
)
from threetargets.report.parts.wording import Text, interval, observed
from threetargets.report.reading.collect import FAILED, OK, Observed, Place, Results
from threetargets.study.values import Section

Block = TypeVar("Block", bound=Section)


def block_of(results: Results, name: str, kind: type[Block]) -> Block | None:
    """The parameters of an experiment, where the study names it."""
    own = experiments.of(results.study).get(name)
    return own if isinstance(own, kind) else None


@dataclass(frozen=True)
class Compared:
    """A difference over the seeds that have it, and whether these are all."""

    values: tuple[float, ...]
    difference: Difference
    whole: bool

    @property
    def interval(self) -> Interval:
        return self.difference.interval


@dataclass(frozen=True)
class Read:
    """One experiment in a study's results."""

    results: Results
    name: str

    @property
    def there(self) -> bool:
        """Whether the study names it."""
        return self.name in experiments.of(self.results.study)

    @property
    def runs(self) -> list[Run]:
        return [Run(parse(self.name), seed) for seed in self.results.study.seeds]

    @property
    def empty(self) -> bool:
        """Whether no seed has been measured: then there is nothing to draw."""
        return all(self.results.status(Place("experiment", run)) != OK for run in self.runs)

    def figure(self, metric: str) -> Observed:
        """One figure over the study's seeds."""
        values: dict[int, float] = {}
        failed, missing = [], []
        for run in self.runs:
            one, status = (
                self.results.figure(run, metric),
                self.results.status(Place("experiment", run)),
            )
            if one is not None and one.value is not None and status == OK:
                values[run.seed] = one.value
            elif one is not None or status == FAILED:
                failed.append(run.seed)
            else:
                missing.append(run.seed)
        return Observed(values, tuple(failed), tuple(missing))

    def entry(self, metric: str) -> Text:
        """It as a cell of a table."""
        seen = self.figure(metric)
        return observed(seen, t_interval(list(seen.values.values())))

    def interval(self, metric: str) -> Interval:
        """The t interval over seeds, at 1 - alpha."""
        values = list(self.figure(metric).values.values())
        return t_interval(values, 1 - self.results.study.comparison.alpha)

    def words(self, metric: str) -> str:
        """mean ± half-width; a dash without any."""
        return interval(t_interval(list(self.figure(metric).values.values())))

    def line(self, metrics: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, low and high of several figures over the seeds that have any of them."""
        seen = [self.figure(metric).values for metric in metrics]
        seeds = [seed for seed in self.results.study.seeds if any(seed in v for v in seen)]
        if not seeds:
            return (nothing := np.full(len(metrics), np.nan)), nothing, nothing
        return over_seeds([[values.get(seed) for values in seen] for seed in seeds])

    def less(self, first: str, second: str | float = 0.0) -> Compared:
        """first - second, paired by seed; the second is a figure or a number."""
        a = self.figure(first)
        if isinstance(second, str):
            b = self.figure(second)
            return self._compared(a.values, b.values, a.complete and b.complete)
        return self._compared(a.values, dict.fromkeys(a.values, second), a.complete)

    def below(self, metric: str, border: float) -> Compared:
        """border - figure."""
        a = self.figure(metric)
        return self._compared(dict.fromkeys(a.values, border), a.values, a.complete)

    def log_ratio(self, over: str, under: str) -> Compared:
        """log(over / under), paired by seed: above 0 where the first figure is the larger. A seed
        in which one of them has no logarithm counts as missing."""
        a, b = self.figure(over), self.figure(under)
        logs = [{k: math.log(v) for k, v in one.values.items() if v > 0} for one in (a, b)]
        kept = all(len(own) == len(one.values) for own, one in zip(logs, (a, b), strict=True))
        return self._compared(logs[0], logs[1], a.complete and b.complete and kept)

    def combined(self, weights: Mapping[str, float]) -> Compared:
        """The sum of figures times these weights, paired by seed."""
        seen = {metric: self.figure(metric) for metric in weights}
        seeds = [k for k in self.results.study.seeds if all(k in o.values for o in seen.values())]
        sums = {k: sum(w * seen[metric].values[k] for metric, w in weights.items()) for k in seeds}
        whole = all(one.complete for one in seen.values())
        return self._compared(sums, dict.fromkeys(sums, 0.0), whole)

    def _compared(self, a: dict[int, float], b: dict[int, float], whole: bool) -> Compared:
        both = [seed for seed in a if seed in b]
        confidence = 1 - self.results.study.comparison.alpha
        values = tuple(a[seed] - b[seed] for seed in both)
        return Compared(values, paired_t(values, [0.0] * len(both), confidence), whole)

    def complete(self, *metrics: str) -> bool:
        """Whether every seed has all of these."""
        return all(self.figure(metric).complete for metric in metrics)

    def curves(self, name: str) -> list[Any]:
        """That curve of every seed that has it."""
        records = [self.results.records.get(Place("experiment", run)) for run in self.runs]
        kept = [r.curves.get(name) for r in records if r is not None and r.status == OK]
        return [curve for curve in kept if curve]

    def arrays(self) -> tuple[int, dict[str, np.ndarray]] | None:
        """Of the first seed that left any."""
        had = self.results.arrays
        return next(((run.seed, had[run]) for run in self.runs if run in had), None)

    def decided(self, what: str, rows: Mapping[str, Compared]) -> Finding:
        """Reproduced where all intervals lie above 0, not reproduced where one lies below, by
        Holm's correction over them."""
        if not rows or any(row.interval.mean is None for row in rows.values()):
            return NOTHING
        parts = [f"{name}: {written(row.interval)}" for name, row in rows.items()]
        alpha = self.results.study.comparison.alpha
        verdict = all_above([row.difference for row in rows.values()], alpha)
        whole = all(row.whole for row in rows.values())
        return self.finding(verdict, "; ".join([*([what] if what else []), *parts]), whole)

    def finding(self, verdict: str, figure: str, whole: bool) -> Finding:
        """With the runs behind it. `whole`: whether no seed lacks what it rests on; else nothing is
        reproduced."""
        seeds = ", ".join(map(str, self.results.study.seeds))
        return Finding(incomplete(verdict, whole), figure, f"{self.name}; seeds {seeds}")


def row_of(
    what: str, which: str, x: float, y: float, low: float = math.nan, high: float = math.nan
) -> dict[str, Any]:
    """A point of a picture with its interval over seeds, where it has one."""
    values = zip(("x", "y", "low", "high"), (x, y, low, high), strict=True)
    return {"what": what, "which": which} | {name: float(value) for name, value in values}
