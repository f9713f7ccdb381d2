"""How far each choice, of a target and a loss, is behind the best one of its study: its regret
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
    by_loss,
    cases,
    differences,
    loss,
    measured,
    once,
)
from threetargets.report.across.studies import OneStudy, Values, trained
from threetargets.report.parts import wording
from threetargets.study.values import TARGETS


class Choice(NamedTuple):
    """What a reader can choose. The loss of `<target>-equivalent` is that target's own squared
    error and so `native`."""

    target: str
    loss: str

    @property
    def label(self) -> str:
        return f"{wording.target(self.target)} · {self.loss}"


@dataclass(frozen=True)
class Regret:
    """How far a choice is behind the best one of its case: of the bound the difference in bits/dim,
    of FID the logarithm of the ratio of its excesses over the floor; both paired by seed, with a
    95% interval of its own. The best one has exactly 0, and no interval."""

    case: Case
    measure: str
    choice: Choice
    behind: Interval
    best: bool

    @property
    def study(self) -> str:
        return self.case.study.name


def choice(target: str, weighting: str) -> Choice:
    """What a model is one of, whatever its study calls its loss."""
    return Choice(target, loss(target, weighting))


def _values(case: Case, measure: str) -> dict[Choice, Values]:
    """Of every choice of a case."""
    kept = by_loss(case.study.bounds if measure == BOUND else case.study.fids)
    here = (case.kind, case.skip, case.more)
    return {
        Choice(one.target, one.weighting): values
        for one, values in kept.items()
        if one.target and (one.kind, one.skip, one.more) == here
    }


def _on_shared_seeds(case: Case, measure: str) -> dict[Choice, Values]:
    """Of the choices with several seeds, or if there are none of all, at the seeds that all of them
    have: who is best must not depend on who has which seeds."""
    values = _values(case, measure)
    several = {one: some for one, some in values.items() if len(some) > 1} or values
    shared = set.intersection(*map(set, several.values())) if several else set()
    return {one: {s: some[s] for s in sorted(shared)} for one, some in several.items() if shared}


def at_the_floor(case: Case) -> bool:
    """Whether some FID is no larger than that of real images: then no choice has a ratio to the
    best one."""
    some = _on_shared_seeds(case, FID).values()
    return any(fid <= case.study.floor for values in some for fid in values.values())


def _of_case(case: Case, measure: str) -> Iterator[Regret]:
    """Against the lowest mean: of FID, of the logarithms of its excess."""
    values = _on_shared_seeds(case, measure)
    if len(values) < 2 or (measure == FID and at_the_floor(case)):
        return
    floor = case.study.floor
    first = next(iter(values.values()))
    apart = {one: differences(measure, some, first, floor) for one, some in values.items()}
    best = min(apart, key=lambda one: sum(apart[one]))
    for one, some in values.items():
        if one == best:
            yield Regret(case, measure, one, Interval(0.0, None, None, len(some), 0.95), True)
        else:
            behind = t_interval(differences(measure, some, values[best], floor))
            yield Regret(case, measure, one, behind, False)


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
    return once(every, [trained([_values(r.case, FID).get(r.choice, {})]) for r in every])


def of_choices(some: list[Regret]) -> list[Regret]:
    """Those of the `choices`: a study that has only others is not counted."""
    shown = choices(some)
    return [r for r in some if r.choice in shown]


def worst(some: list[Regret], measure: str, one: Choice) -> Regret | None:
    """The study where it is furthest behind, of those with two seeds or more; None without any."""
    here = [r for r in some if (r.measure, r.choice) == (measure, one) and r.behind.n > 1]
    return max(here, key=lambda r: r.behind.mean or 0.0, default=None)


def in_studies(some: list[Regret], measure: str, one: Choice) -> int:
    """How many studies have it at two seeds or more."""
    here = (r for r in some if (r.measure, r.choice) == (measure, one) and r.behind.n > 1)
    return len({r.study for r in here})


def choices(some: list[Regret]) -> list[Choice]:
    """Those at the three losses of the page that two studies or more have over several seeds, by
    loss and target."""
    places = [Choice(target, loss) for loss in WEIGHTINGS for target in TARGETS]
    return [c for c in places if max(in_studies(some, m, c) for m in (BOUND, FID)) > 1]
