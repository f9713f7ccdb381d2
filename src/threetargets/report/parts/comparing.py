"""Cells against each other, paired by seed: differences, equivalence, and Holm's correction within
a family.

A family is all comparisons of one measure that answer one question: targets at each weighting,
weightings for each target, the network with an input skip and without, or the best cell against
every other. The verdict (`decided`) is taken at the corrected p values and the margins of
`comparison`, and the interval beside it is simultaneous over the family, so that none excludes 0
beside an open verdict. (The other way round one may just hold 0 beside "different": Holm's
correction is the sharper of the two.) FID is compared as the logarithm of its excess over the
floor, whose differences are ratios. Two cells that are one model by construction are no evidence:
a pair with the same values in every seed is identical and stands outside the family, and a pair
that repeats another one's values counts once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.statistics import (
    Difference,
    Interval,
    holm,
    paired_t,
    t_interval,
    tost_paired,
)
from threetargets.report.parts.measures import (
    BOUND,
    FID,
    Measure,
    as_compared,
    compared,
    lowest,
    margin,
    over_images,
)
from threetargets.report.reading import crossed, own_rates
from threetargets.report.reading.collect import Results
from threetargets.study.values import TARGETS, WEIGHTINGS

_ASKED = ("x0", "eps", "score", "raw-score")
TARGET_PAIRS = (
    ("x0", "eps"),
    ("score", "eps"),
    ("x0", "score"),
    *((target, "eps") for target in TARGETS if target not in _ASKED),
    ("raw-score", "score"),
)
"""The three of the notes among each other; every other target with eps, but raw score, which
differs from score by the scaling of its output."""
WEIGHTING_PAIRS = (
    ("eps-equivalent", "elbo"),
    ("native", "eps-equivalent"),
    *((w, "elbo") for w in WEIGHTINGS if w not in ("eps-equivalent", "elbo")),
)
"""Every weighting with that of the bound, and the native one with the simple loss."""


EQUAL, DIFFERENT, INCONCLUSIVE, NO_DATA = "equal", "different", "inconclusive", "no data"
WITHIN = "different but within the margin"
TIED = (EQUAL, WITHIN)
"""The verdicts that a difference of the margin is rejected with."""


Rows = tuple[tuple[int, float, float], ...]
"""(seed, a, b)."""


@dataclass(frozen=True)
class Comparison:
    """a against b: the difference is a - b, so a negative one favours a."""

    measure: Measure
    a: Cell
    b: Cell
    where: str
    pairs: int
    difference: Difference
    margin: float | None
    p_equal: float | None
    p_holm: float | None = None
    p_equal_holm: float | None = None
    verdict: str = NO_DATA
    values: Rows = ()  # as measured
    differences: tuple[float, ...] = ()  # a - b of each seed, as compared
    over_images: Interval | None = None  # of the bound: over test images, not over seeds
    repeats: tuple[Cell, Cell, str] | None = None  # (a, b, where) of the comparison that it repeats

    @property
    def identical(self) -> bool:
        """a and b have the same value in every seed, to 1e-6 of its size."""
        return identical(self.values)

    @property
    def evidence(self) -> bool:
        """It has data, and no other comparison has said the same."""
        return self.pairs > 0 and not self.identical and self.repeats is None

    @property
    def better(self) -> str:
        """The cell with the lower mean, or an empty string where they do not differ."""
        mean = self.difference.interval.mean
        return "" if not mean else self.a if mean < 0 else self.b


def alike(a: float, b: float) -> bool:
    """The same to 1e-6 of the larger one's size: what float32 leaves of two models that are one by
    construction."""
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b))


def identical(rows: Rows) -> bool:
    """Both sides have the same value in every seed: one model by construction."""
    return bool(rows) and all(alike(a, b) for _, a, b in rows)


def repeats(rows: Rows, earlier: Rows) -> bool:
    """The values of `earlier`, seed by seed, on the same sides or on opposite ones."""
    if [s for s, _, _ in rows] != [s for s, _, _ in earlier]:
        return False
    both = [(a, b, x, y) for (_, a, b), (_, x, y) in zip(rows, earlier, strict=True)]
    straight = all(alike(a, x) and alike(b, y) for a, b, x, y in both)
    return straight or all(alike(a, y) and alike(b, x) for a, b, x, y in both)


def pair(results: Results, measure: Measure, a: Cell, b: Cell, where: str) -> Comparison:
    """One comparison over the seeds that both cells have, not yet corrected."""
    measure = as_compared(results, measure)
    one = results.observe(a, measure.metric, measure.guidance, measure.gamma).values
    two = results.observe(b, measure.metric, measure.guidance, measure.gamma).values
    seeds = [seed for seed in results.study.seeds if seed in one and seed in two]
    values = tuple((s, one[s], two[s]) for s in seeds)
    first, second = (
        compared(results, measure, [v[side] for v in values]) if values else None for side in (1, 2)
    )
    if first is None or second is None:
        return Comparison(measure, a, b, where, 0, paired_t([], []), None, None)
    difference, width = paired_t(first, second), margin(results, measure)
    equal = tost_paired(first, second, width, results.study.comparison.alpha)
    by_seed = tuple(x - y for x, y in zip(first, second, strict=True))
    made = Comparison(measure, a, b, where, len(seeds), difference, width, equal.p)
    images = over_images(results, a, b, seeds) if measure.metric == BOUND.metric else None
    return replace(made, values=values, differences=by_seed, over_images=images)


def family(results: Results, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with their verdicts, Holm's correction over the different ones, and intervals
    of simultaneous confidence 1 - alpha over these (Bonferroni's: what they exclude, Holm rejects).

    Identical pairs have no p value and are equal (with one seed nothing is); a repeated one has the
    first one's.
    """
    alpha = results.study.comparison.alpha
    first: list[int] = []  # for each comparison the place of the one whose p values it has
    for i, c in enumerate(comparisons):
        same = (
            j
            for j in first
            if c.pairs and not c.identical and repeats(c.values, comparisons[j].values)
        )
        first.append(next(same, i))
    counts = [
        i == j and not c.identical for i, (j, c) in enumerate(zip(first, comparisons, strict=True))
    ]
    differ = holm([c.difference.p if n else None for c, n in zip(comparisons, counts, strict=True)])
    equal = holm([c.p_equal if n else None for c, n in zip(comparisons, counts, strict=True)])
    confidence = 1.0 - alpha / max(1, sum(counts))
    judged = []
    for i, (j, c) in enumerate(zip(first, comparisons, strict=True)):
        p, q = differ[j], equal[j]
        verdict = NO_DATA if c.pairs == 0 else decided(p, q, alpha)
        if c.identical:
            verdict = EQUAL if c.pairs > 1 else INCONCLUSIVE
        one = comparisons[j]
        other = (one.a, one.b, one.where) if i != j else None
        wider = replace(c.difference, interval=t_interval(c.differences, confidence))
        judged.append(
            replace(c, difference=wider, p_holm=p, p_equal_holm=q, verdict=verdict, repeats=other)
        )
    return judged


def decided(p: float | None, p_equal: float | None, alpha: float) -> str:
    """The verdict of corrected p values, one of four: different (no difference is rejected), equal
    (a difference of the margin is rejected), different but within the margin (both are),
    inconclusive (neither is)."""
    differs, within = p is not None and p < alpha, p_equal is not None and p_equal < alpha
    if differs:
        return WITHIN if within else DIFFERENT
    return EQUAL if within else INCONCLUSIVE


def counted(comparisons: Sequence[Comparison]) -> str:
    """How many stand in the family of Holm's correction, and why not all."""
    identical, repeated = (
        sum(c.identical for c in comparisons),
        sum(c.repeats is not None for c in comparisons),
    )
    return (
        f"{sum(c.evidence for c in comparisons)} of {len(comparisons)} ({identical} identical, "
        f"{repeated} the same as another)"
    )


def targets(results: Results, measure: Measure) -> list[Comparison]:
    """The family of targets, each pair at each weighting that has both."""
    cells = {(t, w): diffusion.cell_of(t, w) for t in TARGETS for w in WEIGHTINGS}
    return _of_targets(results, measure, {k: c for k, c in cells.items() if c in results.shown})


def tuned(results: Results, measure: Measure) -> list[Comparison]:
    """The same, each target at a learning rate of its own, where the study has one for some."""
    return _of_targets(results, measure, own_rates.chosen(results))


def _of_targets(
    results: Results, measure: Measure, cells: dict[tuple[str, str], Cell]
) -> list[Comparison]:
    pairs = [
        pair(results, measure, cells[a, weighting], cells[b, weighting], weighting)
        for weighting in WEIGHTINGS
        for a, b in TARGET_PAIRS
        if (a, weighting) in cells and (b, weighting) in cells
    ]
    return family(results, pairs)


def weightings(results: Results, measure: Measure) -> list[Comparison]:
    """The family of weightings, each pair for each target that has both."""
    pairs = []
    for target in TARGETS:
        for a, b in WEIGHTING_PAIRS:
            names = [diffusion.cell_of(target, w) for w in (a, b)]
            if results.shown.issuperset(names):
                pairs.append(pair(results, measure, names[0], names[1], target))
    return family(results, pairs)


def input_skips(results: Results, measure: Measure) -> list[Comparison]:
    """The family of the network's own factor: with an input skip less without, for each target and
    weighting that has both at the study's own size."""
    known, pairs = crossed.cells(results), []
    if not known:
        return []
    size = crossed.own_size(results.study)
    for target, weighting in itertools.product(TARGETS, WEIGHTINGS):
        places = (crossed.Levels(target, weighting, skip, size) for skip in (True, False))
        a, b = (known.get(place) for place in places)
        if a and b:
            pairs.append(pair(results, measure, a, b, weighting))
    return family(results, pairs)


def ranked(results: Results, measure: Measure) -> list[Cell]:
    """The cells that a measure may rank: for FID those that were asked for a class, where the study
    has such."""
    cells = list(results.study.cells)
    flows: list[Cell] = [*diffusion.cells(results.study)]
    return flows or cells if measure.metric == FID.metric else cells


def best(results: Results, measure: Measure) -> tuple[Cell, list[Comparison]]:
    """The best cell, and it against every other cell of `ranked`.

    It was picked by the same figures that it is compared by: its lead is a little flattered. Empty
    without data.
    """
    cells = ranked(results, measure)
    winner = lowest(results, measure, cells)
    if not winner:
        return winner, []
    others = [pair(results, measure, winner, c, "all") for c in cells if c != winner]
    return winner, family(results, others)


def find(comparisons: Sequence[Comparison], a: Cell, b: Cell) -> Comparison | None:
    """The comparison of two cells, whichever stands first."""
    return next((c for c in comparisons if {c.a, c.b} == {a, b}), None)
