"""How far each choice, of a target and a loss, lies behind the best one of its study: its regret
(Savage 1951), so that one can ask which choice is never far behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from threetargets.metrics.statistics import Interval, t_interval
from threetargets.report.across.contrasts import (
    BOUND,
    FID,
    WEIGHTINGS,
    Case,
    cases,
    differences,
    measured,
)
from threetargets.report.across.studies import OneStudy, Values, trained
from threetargets.report.parts.wording import target
from threetargets.study.values import TARGETS

NATIVE, EQUIVALENT, ELBO = WEIGHTINGS


class Choice(NamedTuple):
    """What a reader can choose. Of a target and its own squared error the loss is `native`,
    whatever the study calls it."""

    target: str
    loss: str

    @property
    def label(self) -> str:
        return f"{target(self.target)} · {self.loss}"


@dataclass(frozen=True)
class Regret:
    """How far a choice is behind the best one of its case: of the bound the difference in
    bits/dim, of FID the logarithm of the ratio of its excesses over the floor; both paired by seed,
    with a 95% interval of its own. The best one has exactly 0, and no interval."""

    case: Case
    measure: str
    choice: Choice
    behind: Interval
    best: bool

    @property
    def study(self) -> str:
        return self.case.study.name


def choice(target: str, weighting: str) -> Choice:
    """The loss of `<target>-equivalent` is that target's own squared error."""
    return Choice(target, NATIVE if weighting == f"{target}-equivalent" else weighting)


def _values(case: Case, measure: str) -> dict[Choice, Values]:
    """Of every choice of a case; of FID those alone that are above the floor at every seed, since
    others have no excess."""
    study = case.study
    kept = study.bounds if measure == BOUND else study.fids
    some: dict[Choice, Values] = {}
    for one, values in kept.items():
        own = (one.kind, one.skip, one.more) == (case.kind, case.skip, case.more)
        if one.target and own and (measure == BOUND or min(values.values()) > study.floor):
            some.setdefault(choice(one.target, one.weighting), values)
    return some


def _of_case(case: Case, measure: str) -> Iterator[Regret]:
    """Against the lowest mean: of FID, of the logarithms of its excess."""
    values = _values(case, measure)
    least = {one: _mean(measure, some, case.study.floor) for one, some in values.items()}
    if len(values) < 2:
        return
    best = min(least, key=lambda one: least[one])
    for one, some in values.items():
        behind = differences(measure, some, values[best], case.study.floor)
        if one == best:
            yield Regret(case, measure, one, Interval(0.0, None, None, len(some), 0.95), True)
        elif behind:
            yield Regret(case, measure, one, t_interval(behind), False)


def _mean(measure: str, values: Values, floor: float) -> float:
    ones = dict.fromkeys(values, 0.0 if measure == BOUND else 1.0 + floor)
    some = differences(measure, values, ones, floor)
    return sum(some) / len(some)


def regrets(studies: list[OneStudy]) -> list[Regret]:
    """Of every case that compares x0 with eps, in the order of the studies; a choice whose
    trainings another study has too, with more seeds or before it, counts there alone."""
    every = [
        one
        for study in studies
        for case in cases(study)
        for measure in measured(case)
        for one in _of_case(case, measure)
    ]
    of_each = [trained([_values(r.case, FID).get(r.choice, {})]) for r in every]

    def again(i: int) -> bool:
        mine, place = of_each[i], (every[i].measure, every[i].choice)
        others = (
            of_each[j]
            for j, other in enumerate(every)
            if other.study != every[i].study and (other.measure, other.choice) == place
            if j < i or len(of_each[j]) > len(mine)
        )
        return bool(mine) and any(mine <= other for other in others)

    return [one for i, one in enumerate(every) if not again(i)]


def worst(some: list[Regret], measure: str, one: Choice) -> Regret | None:
    """The study where it is furthest behind, of those with two seeds or more; None without any."""
    here = [r for r in some if (r.measure, r.choice) == (measure, one) and r.behind.n > 1]
    return max(here, key=lambda r: r.behind.mean or 0.0, default=None)


def in_studies(some: list[Regret], measure: str, one: Choice) -> int:
    """How many studies have it at two seeds or more."""
    here = (r for r in some if (r.measure, r.choice) == (measure, one) and r.behind.n > 1)
    return len({r.study for r in here})


def choices(some: list[Regret]) -> list[Choice]:
    """Those at the three losses of the page that two studies or more have, by loss and target."""
    studies: dict[Choice, set[str]] = {}
    for r in some:
        studies.setdefault(r.choice, set()).add(r.study)
    places = [Choice(target, loss) for loss in WEIGHTINGS for target in TARGETS]
    return [one for one in places if len(studies.get(one, ())) > 1]
