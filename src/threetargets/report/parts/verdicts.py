"""The decisions behind the claims: from the records to reproduced, not reproduced, inconclusive or
no data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from threetargets.families.cell import Cell
from threetargets.metrics.statistics import Difference, Interval, holm, paired_t
from threetargets.report.parts import comparing
from threetargets.report.parts.comparing import NO_DATA
from threetargets.report.parts.wording import between, signed
from threetargets.report.reading.collect import Results

REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "not reproduced", "inconclusive"
NOT_OBTAINED = "not obtained at this size"
"""Of a claim about what larger models reach, which a small study cannot refute."""
VERDICTS = (REPRODUCED, NOT_REPRODUCED, NOT_OBTAINED, INCONCLUSIVE, NO_DATA)


@dataclass(frozen=True)
class Finding:
    """A verdict, the figures that it rests on, and the runs behind them."""

    verdict: str
    figure: str = ""
    runs: str = ""


NOTHING = Finding(NO_DATA)


def written(difference: Interval) -> str:
    return (
        f"{signed(difference)} {between(difference)}"
        if difference.half_width is not None
        else f"{signed(difference)} (one seed)"
    )


def runs(results: Results, cells: Sequence[Cell]) -> str:
    return f"{', '.join(dict.fromkeys(cells))}; seeds {', '.join(map(str, results.study.seeds))}"


def differing(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Paired t of first - second; exactly 0 where the two are the same to 1e-6 of their size in
    every seed."""
    same = all(comparing.alike(a, b) for a, b in zip(first, second, strict=True))
    return paired_t(first, first if same else second)


def paired(
    results: Results, first: tuple[Cell, str, str, str], second: tuple[Cell, str, str, str]
) -> Difference | None:
    """first - second, each (cell, metric, guidance, gamma), over the seeds that have both; None
    without any."""
    a, b = results.observe(*first).values, results.observe(*second).values
    seeds = [s for s in results.study.seeds if s in a and s in b]
    return differing([a[s] for s in seeds], [b[s] for s in seeds]) if seeds else None


def greater(results: Results, differences: Sequence[Difference]) -> str:
    """Reproduced when all differences are above 0, not reproduced when any is below; Holm over each
    side.

    A difference that is 0 in every seed keeps it open, and does not count towards the family.
    """
    alpha = results.study.comparison.alpha
    differ = [
        d for d in differences if d.interval.mean != 0 or d.interval.sd != 0
    ]  # no difference is no evidence
    above, below = holm([d.p_greater for d in differ]), holm([d.p_less for d in differ])
    if any(p is not None and p < alpha for p in below):
        return NOT_REPRODUCED
    held = len(differ) == len(differences) and all(p is not None and p < alpha for p in above)
    return REPRODUCED if held else INCONCLUSIVE


def below(differences: Sequence[Difference], alpha: float) -> bool:
    """Whether one of them lies below 0: two-sided at alpha, Holm over all of them; of one alone,
    whether its interval at 1 - alpha does."""
    p = holm([d.p_less for d in differences])
    return any(one is not None and one < alpha / 2 for one in p)


def all_above(differences: Sequence[Difference], alpha: float) -> str:
    """Reproduced where the interval at 1 - alpha of every difference lies above 0 (all have to, so
    that no correction is due); not reproduced where one lies below, by `below`."""
    if below(differences, alpha):
        return NOT_REPRODUCED
    above = all(d.interval.low is not None and d.interval.low > 0 for d in differences)
    return REPRODUCED if above else INCONCLUSIVE


def incomplete(verdict: str, complete: bool) -> str:
    """What is missing could have been the counter-example: without it nothing is reproduced."""
    return INCONCLUSIVE if verdict == REPRODUCED and not complete else verdict
