"""Reading an experiment's figures over seeds, and deciding by intervals of differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from threetargets import experiments
from threetargets.metrics.statistics import Difference, paired_t, t_interval
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
from threetargets.report.parts.wording import Text, interval, observed
from threetargets.report.reading.collect import FAILED, OK, Observed, Place, Results


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

    def less(self, first: str, second: str = "") -> tuple[Difference, bool]:
        """first - second, paired by seed, at the study's confidence, and whether no seed lacks
        either; without a second one, the first against 0."""
        confidence = 1 - self.results.study.comparison.alpha
        a = self.figure(first)
        b = self.figure(second) if second else Observed(dict.fromkeys(a.values, 0.0))
        both = [seed for seed in a.values if seed in b.values]
        whole = a.complete and b.complete
        return paired_t([a.values[s] for s in both], [b.values[s] for s in both], confidence), whole

    def curves(self, name: str) -> list[Any]:
        """That curve of every seed that has it."""
        records = [self.results.records.get(Place("experiment", run)) for run in self.runs]
        kept = [r.curves.get(name) for r in records if r is not None and r.status == OK]
        return [curve for curve in kept if curve]

    def arrays(self) -> tuple[int, dict[str, np.ndarray]] | None:
        """Of the first seed that left any."""
        had = self.results.arrays
        return next(((run.seed, had[run]) for run in self.runs if run in had), None)

    def decided(self, what: str, rows: dict[str, tuple[Difference, bool]]) -> Finding:
        """Reproduced where all intervals lie above 0, not reproduced where one lies below."""
        seeds = ", ".join(map(str, self.results.study.seeds))
        kept = {name: row for name, row in rows.items() if row[0].interval.mean is not None}
        if not kept or len(kept) < len(rows):
            return Finding("no data")
        parts = [f"{name}: {written(d.interval)}" for name, (d, _) in kept.items()]
        return Finding(
            incomplete(above_zero([d for d, _ in kept.values()]), all(w for _, w in kept.values())),
            f"{what}; " + "; ".join(parts),
            f"{self.name}; seeds {seeds}",
        )


def above_zero(some: Sequence[Difference]) -> str:
    intervals = [d.interval for d in some]
    if any(i.high is not None and i.high < 0 for i in intervals):
        return NOT_REPRODUCED
    above = all(i.low is not None and i.low > 0 for i in intervals)
    return REPRODUCED if above else INCONCLUSIVE
