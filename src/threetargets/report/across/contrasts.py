"""What one target's figure is against another's, study by study: paired by seed, judged as the
study's own page judges it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from threetargets.metrics.statistics import Interval, holm, paired_t, t_interval, tost
from threetargets.report.across.studies import Model, OneStudy, Values, trained
from threetargets.report.parts.comparing import (
    DIFFERENT,
    INCONCLUSIVE,
    TARGET_PAIRS,
    Rows,
    decided,
    identical,
    repeats,
)
from threetargets.study.values import WEIGHTINGS as ALL_WEIGHTINGS
from threetargets.units import BITS

WEIGHTINGS = NATIVE, EQUIVALENT, ELBO = ("native", "eps-equivalent", "elbo")
ALPHA = 0.05
"""Of a study whose setting is not known."""
BOUND, FID = "bound", "FID"
MEASURES = (BOUND, FID)
PAIRS = (("x0", "eps"), ("score", "eps"), ("v", "eps"))
FIRST, SECOND, TIE, OPEN, ALONE = "first lower", "second lower", "tie", "open", "one seed"


@dataclass(frozen=True)
class Case:
    """A study with one network and process: its own (`more` empty), or a variant's."""

    study: OneStudy
    skip: bool
    more: str
    kind: str

    @property
    def own(self) -> bool:
        """Whether it is what the study is about, and not a variant of it."""
        return not self.more and self.skip == self.study.skips

    @property
    def name(self) -> str:
        aside = ["input skip"] if self.skip and not self.study.skips else []
        aside += ["no input skip"] if self.study.skips and not self.skip else []
        return ", ".join(filter(None, [self.study.name, *aside, self.more]))

    @property
    def ends(self) -> float | None:
        """The log-SNR at t = 0."""
        return self.study.ends.get(self.more)

    def values(self, measure: str, target: str, weighting: str) -> Values:
        """By seed; where the loss has two names, of that with more seeds."""
        kept = self.study.bounds if measure == BOUND else self.study.fids
        name = loss(target, weighting)
        return by_loss(kept).get(Model(self.kind, target, name, self.skip, self.more), {})


@dataclass(frozen=True)
class Contrast:
    """`first` less `second`, of the bound in its unit, of FID by the logarithm of its excess over
    the floor; over the seeds that have both. The interval and the verdict are simultaneous over
    all pairs of targets of the case (Bonferroni, Holm)."""

    case: Case
    measure: str
    weighting: str
    first: str
    second: str
    interval: Interval
    verdict: str


def loss(target: str, weighting: str) -> str:
    """What a loss is called here: `<target>-equivalent` is that target's own squared error, and so
    native."""
    return NATIVE if weighting == f"{target}-equivalent" else weighting


def by_loss(kept: dict[Model, Values]) -> dict[Model, Values]:
    """With every model under the name of its loss; of one whose loss has two names that with more
    seeds."""
    some: dict[Model, Values] = {}
    for one, values in kept.items():
        same = one._replace(weighting=loss(one.target, one.weighting))
        some[same] = max(some.get(same, {}), values, key=len)
    return some


def differences(measure: str, first: Values, second: Values, floor: float = 0.0) -> list[float]:
    """first - second, seed by seed: bounds as they are; of FIDs the logarithms of their excess over
    the floor, and none where one has no excess."""
    both = [(first[s], second[s]) for s in sorted(first) if s in second]
    if measure == BOUND:
        return [a - b for a, b in both]
    if any(min(pair) <= floor for pair in both):
        return []
    return [math.log(a - floor) - math.log(b - floor) for a, b in both]


def cases(study: OneStudy) -> list[Case]:
    """Those that have a first pair: the study's own and the same with or without an input skip;
    where it has neither, every variant."""
    models = dict.fromkeys(
        (one.skip, one.more, one.kind) for one in study.bounds if one.target in PAIRS[0]
    )
    some = [Case(study, *model) for model in models]
    some = [case for case in some if _compares(case)]
    plain = [case for case in some if not case.more]
    return sorted(plain, key=lambda case: not case.own) or sorted(
        some, key=lambda case: (case.ends is None, case.ends or 0.0)
    )


def _compares(case: Case) -> bool:
    """Whether it has the first pair at some weighting."""
    sides = (
        [case.values(measure, target, weighting) for target in PAIRS[0]]
        for measure, weighting in itertools.product(measured(case), WEIGHTINGS)
    )
    return any(a.keys() & b.keys() for a, b in sides)


def measured(case: Case) -> tuple[str, ...]:
    """What its targets are compared by: not bounds in nats, which stand on another axis."""
    return MEASURES if case.study.unit == BITS else (FID,)


def _of_case(case: Case) -> Iterator[Contrast]:
    """Of every pair of targets at every weighting, each measure a family of its own."""
    for measure in measured(case):
        known: dict[tuple[str, str, str], list[float]] = {}
        seen: list[Rows] = []
        for weighting, pair in itertools.product(ALL_WEIGHTINGS, TARGET_PAIRS):
            a, b = (case.values(measure, target, weighting) for target in pair)
            rows = tuple((s, a[s], b[s]) for s in sorted(a) if s in b)
            some = differences(measure, a, b, case.study.floor)
            if some and not identical(rows) and not any(repeats(rows, r) for r in seen):
                known[weighting, *pair] = some
                seen.append(rows)
        yield from _judged(case, measure, known)


def _judged(
    case: Case, measure: str, known: dict[tuple[str, str, str], list[float]]
) -> Iterator[Contrast]:
    setting, several = case.study.setting, sum(len(some) > 1 for some in known.values())
    alpha = setting.alpha if setting else ALPHA
    margin = (setting.margin if measure == BOUND else setting.log_fid_margin) if setting else None
    differ = [paired_t(some, [0.0] * len(some)).p for some in known.values()]
    within = [tost(some, 0.0, margin).p if margin else None for some in known.values()]
    for place, p, q in zip(known, holm(differ), holm(within), strict=True):
        interval = t_interval(known[place], 1 - alpha / max(1, several))
        yield Contrast(case, measure, *place, interval, _verdict(interval, decided(p, q, alpha)))


def _verdict(interval: Interval, word: str) -> str:
    """Of two seeds or more, what `decided` says and which side it is."""
    if interval.n < 2 or interval.mean is None:
        return ALONE
    if word == INCONCLUSIVE:
        return OPEN
    return TIE if word != DIFFERENT else FIRST if interval.mean < 0 else SECOND


def contrasts(studies: list[OneStudy]) -> list[Contrast]:
    """Every pair of every case, in the order of the studies; of studies that have the same
    trainings, as their equal FIDs show, the one that has the most seeds, and of equals the
    first."""
    every = [
        contrast
        for study in studies
        for case in cases(study)
        for contrast in _of_case(case)
        if (contrast.first, contrast.second) in PAIRS and contrast.weighting in WEIGHTINGS
    ]
    return once(every, [_trained(contrast) for contrast in every])


class Judged(Protocol):
    """What one study says by one measure."""

    @property
    def case(self) -> Case: ...

    @property
    def measure(self) -> str: ...


T = TypeVar("T", bound=Judged)


def once(every: list[T], of_each: list[frozenset[tuple[int, str]]]) -> list[T]:
    """Without those whose trainings, `of_each`, another study has too by the same measure: with
    more seeds, or of equals before it. Where no training is known nothing is left out."""

    def again(i: int) -> bool:
        others = (
            of_each[j]
            for j, other in enumerate(every)
            if other.case.study is not every[i].case.study
            and other.measure == every[i].measure
            and (j < i or len(of_each[j]) > len(of_each[i]))
        )
        return bool(of_each[i]) and any(of_each[i] <= other for other in others)

    return [one for i, one in enumerate(every) if not again(i)]


def _trained(one: Contrast) -> frozenset[tuple[int, str]]:
    """Of both models; empty where one has no FIDs."""
    fids = [one.case.values(FID, target, one.weighting) for target in (one.first, one.second)]
    return trained(fids) if all(fids) else frozenset()
