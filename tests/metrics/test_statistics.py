"""Intervals and tests against tables, closed forms, scipy's own tests and simulated coverage."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from threetargets.metrics import statistics

# What is None without data is a number here: the tests say which.
measure: Any = statistics


def test_t_interval_matches_the_printed_table() -> None:
    # Table value t_{0.975, 2} = 4.303; mean 2, sd 1, n = 3.
    interval = measure.t_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2.0
    assert interval.n == 3
    assert interval.half_width == pytest.approx(4.303 / math.sqrt(3), rel=1e-3)


def test_t_interval_covers_at_its_confidence() -> None:
    rng = np.random.default_rng(1)
    hits = sum(
        i.low <= 5.0 <= i.high
        for i in (measure.t_interval(rng.normal(5.0, 2.0, 3), 0.9) for _ in range(2000))
    )
    assert abs(hits / 2000 - 0.9) < 4 * math.sqrt(0.9 * 0.1 / 2000)


def test_bootstrap_interval_approaches_the_normal_one_and_repeats_itself() -> None:
    x = np.random.default_rng(2).normal(size=400)
    interval = measure.bootstrap_interval(x, seed=3)
    se = x.std(ddof=1) / math.sqrt(x.size)
    assert interval.low == pytest.approx(x.mean() - 1.96 * se, abs=0.25 * se)
    assert interval.high == pytest.approx(x.mean() + 1.96 * se, abs=0.25 * se)
    assert measure.bootstrap_interval(x, seed=3) == interval
    assert measure.bootstrap_interval(x, seed=4) != interval


def test_bootstrap_intervals_cover_the_mean_nearly_as_often_as_they_say() -> None:
    """Percentiles of 30 values are known to cover a little too rarely: 0.93 of 0.95."""
    rng = np.random.default_rng(5)
    intervals = [measure.bootstrap_interval(rng.normal(5.0, 2.0, 30), seed=k) for k in range(400)]
    hits = sum(i.low <= 5.0 <= i.high for i in intervals)
    assert 0.895 < hits / 400 < 0.97


@pytest.mark.parametrize("make", [measure.t_interval, measure.bootstrap_interval])
def test_one_value_has_no_interval_and_none_has_no_mean(make: Any) -> None:
    one = make([3.5])
    assert (one.mean, one.low, one.high, one.half_width, one.n) == (3.5, None, None, None, 1)
    assert measure.t_interval([]).mean is None
    difference = measure.paired_t([1.0], [2.0])
    assert difference.interval.mean == -1.0
    assert difference.p is None
    assert difference.t is None
    verdict = measure.tost_paired([1.0], [1.0], 0.1)
    assert verdict.p is None
    assert not verdict.equivalent


def tail(t: float, freedom: float) -> float:
    """P(T > t) of Student's distribution, by quadrature over its density."""
    factor = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    factor /= math.sqrt(freedom * math.pi)

    def density(x: float) -> float:
        return factor * (1 + x * x / freedom) ** (-(freedom + 1) / 2)

    return float(integrate.quad(density, t, math.inf)[0])


@pytest.mark.parametrize("n", [2, 3, 10])
def test_paired_t_by_quadrature(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=n), rng.normal(size=n)
    ours, d = measure.paired_t(a, b), a - b
    t = d.mean() / (d.std(ddof=1) / math.sqrt(n))
    assert ours.t == pytest.approx(t)
    assert ours.p == pytest.approx(2 * tail(abs(t), n - 1), rel=1e-6)
    assert ours.p_less == pytest.approx(tail(-t, n - 1), rel=1e-6)
    assert ours.p_greater == pytest.approx(tail(t, n - 1), rel=1e-6)
    half = ours.interval.half_width * math.sqrt(n) / d.std(ddof=1)
    assert tail(half, n - 1) == pytest.approx(0.025, rel=1e-6)


def test_differences_that_do_not_vary_give_no_nan() -> None:
    same = measure.paired_t([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert (same.t, same.p, same.interval.low, same.interval.high) == (0.0, 1.0, 0.0, 0.0)
    assert measure.tost_paired([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 0.01) == measure.tost(
        [0.0, 0.0, 0.0], 0.0, 0.01
    )
    assert measure.tost_paired([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 0.01).equivalent
    shifted = measure.paired_t([2.0, 3.0], [1.0, 2.0])
    assert (shifted.t, shifted.p, shifted.p_less, shifted.p_greater) == (math.inf, 0.0, 1.0, 0.0)
    assert not measure.tost_paired([2.0, 3.0], [1.0, 2.0], 0.5).equivalent
    assert not measure.tost_paired([1.0, 2.0], [2.0, 3.0], 0.5).equivalent
    assert measure.tost_paired([2.0, 3.0], [1.0, 2.0], 1.5).equivalent


def test_tost_is_two_of_scipys_one_sided_tests() -> None:
    x = np.random.default_rng(5).normal(0.02, 0.05, 8)
    lower = stats.ttest_1samp(x, -0.1, alternative="greater").pvalue
    upper = stats.ttest_1samp(x, 0.1, alternative="less").pvalue
    assert measure.tost(x, 0.0, 0.1).p == pytest.approx(max(lower, upper))
    assert measure.tost(x + 7.0, 7.0, 0.1).p == pytest.approx(max(lower, upper))


@pytest.mark.parametrize("spread", [0.01, 0.05, 0.2])
def test_equivalence_is_the_short_interval_inside_the_margin(spread: float) -> None:
    x = np.random.default_rng(6).normal(0.01, spread, 6)
    verdict = measure.tost(x, 0.0, 0.06, alpha=0.05)
    inside = verdict.interval.low > -0.06 and verdict.interval.high < 0.06
    assert verdict.interval.confidence == pytest.approx(0.9)
    assert verdict.equivalent == inside


def test_tost_rarely_calls_equal_what_lies_on_the_margin() -> None:
    rng = np.random.default_rng(7)
    wrong = sum(
        measure.tost(rng.normal(0.1, 0.05, 5), 0.0, 0.1, alpha=0.05).equivalent for _ in range(2000)
    )
    assert wrong / 2000 < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 2000)
    right = sum(
        measure.tost(rng.normal(0.0, 0.02, 5), 0.0, 0.1, alpha=0.05).equivalent for _ in range(200)
    )
    assert right > 190


def test_a_margin_must_be_positive() -> None:
    with pytest.raises(ValueError, match="margin"):
        measure.tost([1.0, 2.0], 0.0, 0.0)


def test_holm_matches_a_worked_example_and_skips_what_has_no_data() -> None:
    # Worked by hand: 0.01 * 4, 0.02 * 3, 0.03 * 2, and 0.04 * 1 raised to the one before.
    assert measure.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert measure.holm([None, 0.5, 0.6, None]) == [None, 1.0, 1.0, None]
    assert measure.holm([]) == []


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_bonferroni_on_every_family_that_has_the_comparison(seed: int) -> None:
    """By closed testing (Marcus et al. 1976): the largest p value of Bonferroni's test over all
    subsets that a comparison is in; those without data are in none."""
    p = np.random.default_rng(seed).uniform(0, 0.3, 5).tolist()
    several = [some for n in range(1, 6) for some in itertools.combinations(range(5), n)]
    wanted = [
        max(min(1.0, len(some) * min(p[j] for j in some)) for some in several if i in some)
        for i in range(5)
    ]
    assert measure.holm(p) == pytest.approx(wanted)
    assert measure.holm([None, *p, None])[1:-1] == pytest.approx(wanted)


def test_holm_holds_the_family_wise_rate_and_beats_bonferroni() -> None:
    rng = np.random.default_rng(8)
    rejected = sum(min(measure.holm(list(rng.uniform(size=6)))) < 0.05 for _ in range(3000))
    assert abs(rejected / 3000 - (1 - (1 - 0.05 / 6) ** 6)) < 4 * math.sqrt(0.05 * 0.95 / 3000)
    assert measure.holm([0.001, 0.04])[1] == 0.04 < 0.08


def test_page_of_a_perfect_order_counts_one_permutation_in_k_factorial() -> None:
    # Every block in order is one outcome of (4!)^2.
    trend = measure.page_trend([[1, 2, 3, 4], [10, 20, 30, 40]])
    assert trend.p == pytest.approx(1 / math.factorial(4) ** 2)
    assert trend.rho == pytest.approx(1.0)
    assert trend.statistic == 2 * (1 + 4 + 9 + 16)
    assert measure.page_trend(
        [[1, 2, 3, 4], [10, 20, 30, 40]], increasing=False
    ).p == pytest.approx(1.0)
    assert measure.page_trend([[4, 3, 2, 1], [8, 6, 4, 2]], increasing=False).p == pytest.approx(
        1 / math.factorial(4) ** 2
    )


def test_page_says_nothing_of_too_little_and_nothing_rises_in_a_flat_line() -> None:
    assert measure.page_trend([[1, 2, 3]]).p is None
    assert measure.page_trend([[1, 2], [1, 2]]).p is None
    flat = measure.page_trend(np.ones((3, 5)))
    assert flat.rho == 0.0
    assert flat.p > 0.3


def test_failed_runs_are_refused_not_averaged() -> None:
    with pytest.raises(ValueError, match="finite"):
        measure.t_interval([1.0, math.nan])
    with pytest.raises(ValueError, match="finite"):
        measure.page_trend([[1.0, math.inf, 2.0]])
    with pytest.raises(ValueError, match="as many"):
        measure.paired_t([1.0, 2.0], [1.0])
