"""How sure a figure is: intervals over seeds, paired comparisons, equivalence, trends, and Holm's
correction.

Nothing here invents an uncertainty: with fewer than two values there is no interval and no p value,
and the fields are None. Standard forms after Casella and Berger, Statistical Inference (2002);
equivalence after Schuirmann, J. Pharmacokin. Biopharm. 15 (1987).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

Alternative = Literal["two-sided", "less", "greater"]
Values = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
ALTERNATIVES: tuple[Alternative, ...] = ("two-sided", "less", "greater")


@dataclass(frozen=True)
class Interval:
    """A mean (or other statistic) with its two-sided interval; all but `mean`, `n` and `confidence`
    are None when n < 2."""

    mean: float | None
    low: float | None
    high: float | None
    n: int
    confidence: float
    sd: float | None = None

    @property
    def half_width(self) -> float | None:
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


@dataclass(frozen=True)
class Difference:
    """Mean of a - b with its interval, Student's t and the p values of "no difference" (None when n
    < 2).

    `p_less` and `p_greater` are one-sided: small when a is convincingly below, or above, b.
    """

    interval: Interval
    t: float | None
    p: float | None
    p_less: float | None
    p_greater: float | None


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests of |mean| < margin: p is the larger of the two; None, and not
    `equivalent`, when n < 2."""

    interval: Interval
    margin: float
    p: float | None
    equivalent: bool


@dataclass(frozen=True)
class Trend:
    """Page's L over blocks (seeds) in the order of the columns, with Spearman's rho of each block
    averaged."""

    statistic: float | None
    p: float | None
    rho: float | None
    blocks: int
    columns: int


def _values(values: ArrayLike) -> Values:
    array = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(array).all():
        raise ValueError("values must be finite: leave failed runs out and count them")
    return array


def _pairs(a: ArrayLike, b: ArrayLike) -> Values:
    first, second = _values(a), _values(b)
    if first.shape != second.shape:
        raise ValueError(
            f"paired values must be as many on both sides, found {first.size} and {second.size}"
        )
    return first - second


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """mean +- t_{n-1}((1 + confidence)/2) sd / sqrt(n) of n values, shape (n,), as scipy has it."""
    from scipy import stats

    x = _values(values)
    if x.size < 2:
        return Interval(float(x[0]) if x.size else None, None, None, int(x.size), confidence)
    mean, sd = float(x.mean()), float(x.std(ddof=1))
    low, high = mean, mean
    if sd > 0.0:  # scipy gives NaN where values do not vary
        low, high = map(float, stats.t.interval(confidence, x.size - 1, mean, stats.sem(x)))
    return Interval(mean, low, high, int(x.size), confidence, sd)


def bootstrap_interval(
    values: ArrayLike,
    statistic: Callable[..., float] = np.mean,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of `statistic` of n values, shape (n,); `seed` fixes the
    resamples."""
    from scipy import stats

    x = _values(values)
    if x.size < 2:
        return Interval(
            float(statistic(x)) if x.size else None, None, None, int(x.size), confidence
        )
    result = stats.bootstrap(
        (x,),
        statistic,
        confidence_level=confidence,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    bounds = result.confidence_interval
    return Interval(
        float(statistic(x)),
        float(bounds.low),
        float(bounds.high),
        int(x.size),
        confidence,
        float(x.std(ddof=1)),
    )


def _certain(interval: Interval, mean: float) -> Difference:
    """Values that do not vary leave no doubt: p is 0 or 1, where scipy has NaN."""
    t = math.copysign(math.inf, mean) if mean else 0.0
    return Difference(interval, t, float(mean == 0), float(mean >= 0), float(mean <= 0))


def _tested(interval: Interval, tests: Callable[[Alternative], Any]) -> Difference:
    """Of scipy's test result for each alternative."""
    both, less, greater = (tests(alternative) for alternative in ALTERNATIVES)
    p = (float(both.pvalue), float(less.pvalue), float(greater.pvalue))
    return Difference(interval, float(both.statistic), *p)


def paired_t(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Difference:
    """Student's t of a - b over pairs, both of shape (n,), by scipy.stats.ttest_1samp. Differences
    that are all exactly 0 have t = 0 and p = 1."""
    from scipy import stats

    differences = _pairs(a, b)
    interval = t_interval(differences, confidence)
    if interval.mean is None or interval.sd is None:
        return Difference(interval, None, None, None, None)
    if interval.sd == 0.0:
        return _certain(interval, interval.mean)
    return _tested(interval, lambda side: stats.ttest_1samp(differences, 0.0, alternative=side))


def welch_reference(
    values: ArrayLike, reference: float, stderr: float, n: int, confidence: float = 0.95
) -> Difference:
    """`reference` minus the mean of `values`, shape (k,), where the reference is itself an estimate
    from n others with this standard error: Welch's t (Biometrika 34, 1947) by
    scipy.stats.ttest_ind_from_stats.

    Variance sd^2/k + stderr^2, degrees of freedom (sd^2/k + stderr^2)^2 / ((sd^2/k)^2/(k-1) +
    stderr^4/(n-1)). With stderr = 0 or n = 1 it is Student's t of one sample. None throughout with
    fewer than two values.
    """
    from scipy import stats

    own = _values(values)
    if n < 2 or stderr == 0.0:
        return paired_t(np.full_like(own, reference), own, confidence)
    interval = t_interval(reference - own, confidence)
    if interval.mean is None or interval.sd is None:
        return Difference(interval, None, None, None, None)
    mean, sd, k = interval.mean, interval.sd, interval.n
    error, freedom = math.hypot(sd / math.sqrt(k), stderr), _welch(sd, k, stderr, n)
    low, high = map(float, stats.t.interval(confidence, freedom, mean, error))
    of_stats = (reference, stderr * math.sqrt(n), n, reference - mean, sd, k)
    return _tested(
        Interval(mean, low, high, k, confidence, sd),
        lambda side: stats.ttest_ind_from_stats(*of_stats, equal_var=False, alternative=side),
    )


def _welch(sd: float, k: int, stderr: float, n: int) -> float:
    """Degrees of freedom, which scipy uses but does not tell."""
    seeds, other = sd**2 / k, stderr**2
    return (seeds + other) ** 2 / (seeds**2 / (k - 1) + other**2 / (n - 1))


def tost(values: ArrayLike, reference: float, margin: float, alpha: float = 0.05) -> Equivalence:
    """Is the mean of `values`, shape (n,), within `margin` of `reference`? Two one-sided t tests at
    `alpha` each.

    The interval has confidence 1 - 2 alpha: equivalence at alpha is that interval lying inside
    (-margin, margin). Values that do not vary are equivalent exactly when their distance is below
    the margin. Raises ValueError if margin <= 0.
    """
    from scipy import stats

    if not margin > 0:
        raise ValueError(f"the margin of an equivalence test must be positive, found {margin}")
    interval = t_interval(_values(values) - reference, 1 - 2 * alpha)
    if interval.mean is None or interval.sd is None:
        return Equivalence(interval, margin, None, False)
    x, low, high = _values(values), reference - margin, reference + margin
    if interval.sd == 0.0:
        p = 0.0 if -margin < interval.mean < margin else 1.0
    else:
        above = stats.ttest_1samp(x, low, alternative="greater").pvalue
        below = stats.ttest_1samp(x, high, alternative="less").pvalue
        p = float(max(above, below))
    return Equivalence(interval, margin, p, p < alpha)


def tost_paired(a: ArrayLike, b: ArrayLike, margin: float, alpha: float = 0.05) -> Equivalence:
    """Is the mean of a - b over pairs, both of shape (n,), within `margin` of 0?"""
    return tost(_pairs(a, b), 0.0, margin, alpha)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p values, p_(i) times (m - i + 1), monotone, at most 1 (Scand. J.
    Statist. 6, 1979).

    None (a comparison without data) stays None and does not count towards m.
    """
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, index) in enumerate(known):
        running = max(running, min(1.0, p * (len(known) - rank)))
        adjusted[index] = running
    return adjusted


def page_trend(blocks: ArrayLike, increasing: bool = True) -> Trend:
    """Page's test that columns increase (or decrease) from left to right; `blocks` is (seeds,
    columns).

    No p with fewer than two blocks or three columns. Source: Page, J. Amer. Statist. Assoc. 58
    (1963).
    """
    from scipy import stats

    x = np.asarray(blocks, dtype=np.float64)
    if x.ndim != 2:
        raise ValueError(f"blocks must be (seeds, columns), found shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("blocks must be finite: leave failed runs out and count them")
    n, k = x.shape
    signed = x if increasing else -x
    order = np.arange(k)
    # A block whose values are all equal shows no trend: rho = 0, not the NaN of 0/0.
    rhos = (
        [float(stats.spearmanr(order, row).statistic) if np.ptp(row) > 0 else 0.0 for row in x]
        if k >= 2
        else []
    )
    rho = float(np.mean(rhos)) if rhos else None
    if n < 2 or k < 3:
        return Trend(None, None, rho, n, k)
    result = stats.page_trend_test(signed)
    return Trend(float(result.statistic), float(result.pvalue), rho, n, k)
