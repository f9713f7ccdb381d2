"""What one target's figure is against another's, study by study: paired by seed, with a 95% t
interval."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from threetargets.metrics.statistics import Interval, t_interval
from threetargets.report.across.studies import Model, OneStudy, Values, trained
from threetargets.units import BITS

WEIGHTINGS = ("native", "eps-equivalent", "elbo")
BOUND, FID = "bound", "FID"
MEASURES = (BOUND, FID)
PAIRS = (("x0", "eps"), ("v", "eps"))
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
        kept = self.study.bounds if measure == BOUND else self.study.fids
        return kept.get(Model(self.kind, target, weighting, self.skip, self.more), {})


@dataclass(frozen=True)
class Contrast:
    """`first` less `second`, of the bound in its unit, of FID by its logarithm; over the seeds
    that have both."""

    case: Case
    measure: str
    weighting: str
    first: str
    second: str
    interval: Interval

    @property
    def verdict(self) -> str:
        """Of the interval: a tie of bounds lies within the study's margin."""
        low, high = self.interval.low, self.interval.high
        if low is None or high is None:
            return ALONE
        known = self.case.study.setting
        margin = known.margin if known and self.measure == BOUND else 0.0
        if -margin < low and high < margin:
            return TIE
        return FIRST if high < 0 else SECOND if low > 0 else OPEN


def differences(measure: str, first: Values, second: Values) -> list[float]:
    """first - second, seed by seed: bounds as they are; log(first / second) of FIDs, where both are
    above 0."""
    both = [(first[s], second[s]) for s in sorted(first) if s in second]
    if measure == BOUND:
        return [a - b for a, b in both]
    return [math.log(a / b) for a, b in both if a > 0 and b > 0]


def cases(study: OneStudy) -> list[Case]:
    """Those that have a first pair: the study's own and the same with or without an input skip;
    where it has neither, every variant."""
    models = dict.fromkeys(
        (one.skip, one.more, one.kind) for one in study.bounds if one.target in PAIRS[0]
    )
    some = [Case(study, *model) for model in models]
    some = [case for case in some if any(_of_case(case, *PAIRS[0]))]
    plain = [case for case in some if not case.more]
    return sorted(plain, key=lambda case: not case.own) or sorted(
        some, key=lambda case: (case.ends is None, case.ends or 0.0)
    )


def _of_case(case: Case, first: str, second: str) -> Iterator[Contrast]:
    for measure in MEASURES:
        for weighting in WEIGHTINGS:
            if measure == BOUND and case.study.unit != BITS:
                continue  # nats of a whole image stand on another axis
            values = (case.values(measure, target, weighting) for target in (first, second))
            some = differences(measure, *values)
            if some:
                yield Contrast(case, measure, weighting, first, second, t_interval(some))


def contrasts(studies: list[OneStudy]) -> list[Contrast]:
    """Every pair of every case, in the order of the studies; of studies that have the same
    trainings, as their equal FIDs show, the one that has the most seeds, and of equals the
    first."""
    every = [
        contrast
        for study in studies
        for case in cases(study)
        for pair in PAIRS
        for contrast in _of_case(case, *pair)
    ]
    of_each = [_trained(contrast) for contrast in every]

    def again(i: int) -> bool:
        """Whether another study has these seeds, and more, or has them first."""
        others = (
            of_each[j]
            for j, other in enumerate(every)
            if other.case.study is not every[i].case.study
            and other.measure == every[i].measure
            and (j < i or len(of_each[j]) > len(of_each[i]))
        )
        return bool(of_each[i]) and any(of_each[i] <= other for other in others)

    return [contrast for i, contrast in enumerate(every) if not again(i)]


def _trained(one: Contrast) -> frozenset[tuple[int, str]]:
    """Of both models; empty where one has no FIDs."""
    fids = [one.case.values(FID, target, one.weighting) for target in (one.first, one.second)]
    return trained(fids) if all(fids) else frozenset()
