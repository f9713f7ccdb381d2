"""Verdicts on effects that were put in: ties are found, differences are found, and holes are never
filled."""

from collections.abc import Callable
from typing import Any

import pytest
from report import synthetic
from scipy import stats

from threetargets.pipeline.cells import Run
from threetargets.report.parts import comparing as comparisons
from threetargets.report.parts.comparing import BOUND, FID, Comparison, Measure
from threetargets.report.reading.collect import Results

Make = Callable[..., Results]


def found_of(family: list[Comparison], a: str, b: str) -> Any:
    return comparisons.find(family, a, b)


def test_the_numbers_of_a_pair_are_scipys(have: Make) -> None:
    results = have()
    c = found_of(comparisons.targets(results, BOUND), "ddpm_x0_native", "ddpm_eps_native")
    a, b = ([synthetic.bound(Run(cell, s)) for s in results.study.seeds] for cell in (c.a, c.b))
    expected = stats.ttest_rel(a, b)
    interval = expected.confidence_interval(0.95)
    assert c.difference.p == pytest.approx(expected.pvalue)
    assert (c.difference.interval.low, c.difference.interval.high) == pytest.approx(
        (interval.low, interval.high)
    )
    assert c.margin == 0.05


def test_known_effects_get_their_verdicts(have: Make) -> None:
    results = have()
    found = {(c.where, c.a, c.b): c for c in comparisons.targets(results, BOUND)}
    assert found["native", "ddpm_x0_native", "ddpm_eps_native"].verdict == "different"
    assert found["native", "ddpm_x0_native", "ddpm_eps_native"].better == "ddpm_eps_native"
    assert (
        found["eps-equivalent", "ddpm_x0_eps-equivalent", "ddpm_eps_eps-equivalent"].verdict
        == "equal"
    )
    assert found["elbo", "ddpm_x0_elbo", "ddpm_eps_elbo"].verdict == "equal"
    assert (
        found["eps-equivalent", "ddpm_v_eps-equivalent", "ddpm_eps_eps-equivalent"].verdict
        == "equal"
    )


def test_the_same_function_up_to_a_sign_is_equal_without_a_nan(have: Make) -> None:
    results = have()
    c = found_of(comparisons.targets(results, BOUND), "ddpm_score_elbo", "ddpm_eps_elbo")
    assert c.difference.interval.mean == pytest.approx(3e-9, rel=1e-3)
    assert (c.verdict, c.identical, c.p_holm, c.p_equal_holm) == ("equal", True, None, None)


@pytest.mark.parametrize("measure", [BOUND, FID])
def test_one_finding_is_counted_once(have: Make, measure: Measure) -> None:
    results = have()
    found = {
        (c.where, c.a.split("_")[1], c.b.split("_")[1]): c
        for c in comparisons.targets(results, measure)
    }
    for where in ("eps-equivalent", "elbo"):
        first, again = found[where, "x0", "eps"], found[where, "x0", "score"]
        assert again.repeats == (first.a, first.b, where)
        assert (again.p_holm, again.p_equal_holm, again.verdict) == (
            first.p_holm,
            first.p_equal_holm,
            first.verdict,
        )
        assert found[where, "score", "eps"].p_holm is None
    # By hand: 4 native pairs; x0, v and raw score against eps; x0 against eps at elbo.
    assert sum(c.evidence for c in found.values()) == 8
    told = [c.difference.p or 0.0 for c in found.values() if c.evidence]
    assert min(c.p_holm for c in found.values() if c.p_holm is not None) == pytest.approx(
        min(1.0, 8 * min(told))
    )


def test_native_eps_is_no_second_row_of_eps(have: Make) -> None:
    found = comparisons.weightings(have(), FID)
    c = found_of(found, "ddpm_eps_native", "ddpm_eps_eps-equivalent")
    assert (c.identical, c.verdict, c.p_holm) == (True, "equal", None)
    assert (
        found_of(found, "ddpm_score_eps-equivalent", "ddpm_score_elbo").repeats[0]
        == "ddpm_eps_eps-equivalent"
    )


def test_the_lowest_fid_is_of_models_that_were_asked_for_a_class(have: Make) -> None:
    winner, others = comparisons.best(have(), FID)
    assert {"vae", "hvae"}.isdisjoint({winner, *(c.b for c in others)})
    assert comparisons.best(have(cells=["vae", "hvae"], guidance={"cells": []}), FID)[0] in (
        "vae",
        "hvae",
    )


def test_holm_never_lowers_a_p_value_and_counts_the_whole_family(have: Make) -> None:
    found: list[Any] = [*comparisons.targets(have(), FID)]
    assert len(found) == 4 + 5 + 3
    counted = [c for c in found if c.evidence]
    assert all(c.p_holm >= c.difference.p for c in counted)
    smallest = min(counted, key=lambda c: c.difference.p)
    assert smallest.p_holm == pytest.approx(min(1.0, len(counted) * smallest.difference.p))


def test_the_margin_of_fid_is_a_fraction_of_the_smaller_mean(have: Make) -> None:
    results = have()
    c: Any = comparisons.targets(results, FID)[0]
    means = [float(comparisons.summary(results, x, FID).mean or 0) for x in (c.a, c.b)]
    assert c.margin == pytest.approx(0.2 * min(means))
    assert comparisons.targets(results, BOUND)[0].margin == 0.05


def test_pairs_are_the_seeds_that_both_have(have: Make) -> None:
    results = have(missing=synthetic.MISSING)
    c = found_of(comparisons.targets(results, BOUND), "ddpm_x0_elbo", "ddpm_eps_elbo")
    assert c.pairs == 2
    a, b = ([synthetic.bound(Run(cell, s)) for s in (0, 1)] for cell in (c.a, c.b))
    assert c.difference.interval.mean == pytest.approx(sum(a) / 2 - sum(b) / 2)


def test_one_seed_decides_nothing(have: Make) -> None:
    results = have(seeds=[0])
    found = [*comparisons.targets(results, BOUND), *comparisons.weightings(results, BOUND)]
    assert {c.verdict for c in found} == {"inconclusive"}
    assert all(c.p_holm is None and c.difference.interval.half_width is None for c in found)


def test_the_best_cell_has_every_seed(have: Make) -> None:
    whole = have()
    winner, others = comparisons.best(whole, BOUND)
    means = {c: float(comparisons.summary(whole, c, BOUND).mean or 0) for c in whole.study.cells}
    assert means[winner] == min(means.values())
    assert len(others) == len(whole.study.cells) - 1
    holed = have(missing=Run(winner, 0))
    assert comparisons.best(holed, BOUND)[0] != winner
