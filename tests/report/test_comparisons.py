"""Verdicts on effects that were put in: ties are found, differences are found, and holes are never
filled."""

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from report import effects, synthetic
from scipy import stats

from threetargets.families.cell import Cell
from threetargets.pipeline.cells import FLOOR, Run
from threetargets.report.parts import comparing as comparisons
from threetargets.report.parts import measures
from threetargets.report.parts.comparing import Comparison
from threetargets.report.parts.measures import BOUND, FID, Measure
from threetargets.report.reading.collect import Results
from threetargets.study.values import TARGETS, WEIGHTINGS

Make = Callable[..., Results]


def found_of(family: list[Comparison], a: str, b: str) -> Any:
    return comparisons.find(family, a, b)


def test_the_numbers_of_a_pair_are_scipys(have: Make) -> None:
    results = have()
    c = found_of(comparisons.targets(results, BOUND), "ddpm_x0_native", "ddpm_eps_native")
    a, b = ([effects.bound(Run(cell, s)) for s in results.study.seeds] for cell in (c.a, c.b))
    expected = stats.ttest_rel(a, b)
    family = sum(one.evidence for one in comparisons.targets(results, BOUND))
    interval = expected.confidence_interval(1 - 0.05 / family)
    assert c.difference.p == pytest.approx(expected.pvalue)
    assert (c.difference.interval.low, c.difference.interval.high) == pytest.approx(
        (interval.low, interval.high)
    )
    assert c.margin == 0.05
    assert c.differences == pytest.approx(tuple(x - y for x, y in zip(a, b, strict=True)))


def test_the_interval_over_images_is_of_each_image_s_difference(have: Make) -> None:
    """By hand; images that are hard for both models cancel."""
    results = have()
    c = found_of(comparisons.targets(results, BOUND), "ddpm_x0_native", "ddpm_eps_native")
    a, b = (
        np.array([effects.by_image(Run(x, s), effects.bound(Run(x, s))) for s in (0, 1, 2)])
        for x in (c.a, c.b)
    )
    expected = stats.ttest_1samp((a - b).mean(0), 0.0).confidence_interval(0.95)
    assert (c.over_images.low, c.over_images.high) == pytest.approx((expected.low, expected.high))
    assert c.over_images.mean == pytest.approx(c.difference.interval.mean)
    assert c.over_images.half_width < 0.02 and c.over_images.n == effects.IMAGES


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
    # By hand: 4 native pairs; x0, v and raw score against eps; x0 and v against eps at elbo.
    assert sum(c.evidence for c in found.values()) == 9
    told = [c.difference.p or 0.0 for c in found.values() if c.evidence]
    assert min(c.p_holm for c in found.values() if c.p_holm is not None) == pytest.approx(
        min(1.0, 9 * min(told))
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
    assert len(found) == 4 + 5 + 4
    counted = [c for c in found if c.evidence]
    assert all(c.p_holm >= c.difference.p for c in counted)
    smallest = min(counted, key=lambda c: c.difference.p)
    assert smallest.p_holm == pytest.approx(min(1.0, len(counted) * smallest.difference.p))


def test_fid_is_compared_by_its_excess_over_the_floor(have: Make) -> None:
    """By hand: the mean of log((a - floor) / (b - floor)) over seeds, the margin a ratio."""
    results = have()
    c: Any = comparisons.targets(results, FID)[0]
    real = results.observe(FLOOR, "fid").values
    floor = sum(real.values()) / len(real)
    ratios = [math.log((a - floor) / (b - floor)) for _, a, b in c.values]
    assert c.difference.interval.mean == pytest.approx(sum(ratios) / len(ratios))
    assert c.differences == pytest.approx(tuple(ratios))
    assert c.margin == pytest.approx(math.log(1.2))
    assert c.measure.label == "log FID excess"
    assert comparisons.targets(results, BOUND)[0].margin == 0.05


def test_an_fid_below_its_floor_is_not_compared(have: Make) -> None:
    results = have()
    place = next(
        p for p in results.records if p.run == Run("ddpm_eps_native", 0) and p.stage == "evaluate"
    )
    old: Any = results.records[place]
    figures = [replace(f, value=1e-3) if f.metric == "fid" else f for f in old.figures]
    changed = replace(results, records=results.records | {place: replace(old, figures=figures)})
    c = found_of(comparisons.targets(changed, FID), "ddpm_x0_native", "ddpm_eps_native")
    assert (c.verdict, c.pairs) == ("no data", 0)


@pytest.mark.parametrize(
    ("p", "p_equal", "verdict"),
    [
        (0.01, 0.01, "different but within the margin"),
        (0.01, 0.30, "different"),
        (0.30, 0.01, "equal"),
        (0.30, 0.30, "inconclusive"),
        (None, None, "inconclusive"),
    ],
)
def test_the_four_verdicts_exclude_each_other(
    p: float | None, p_equal: float | None, verdict: str
) -> None:
    assert comparisons.decided(p, p_equal, 0.05) == verdict


def decide(means: list[float], noise: float, seeds: int, rng: np.random.Generator) -> list[Any]:
    """One family of drawn pairs: cell i has the i-th mean, its rival 0, over the same seeds."""
    cells = [Cell(f"a{i}") for i in range(len(means))]
    drawn = {c: m + noise * rng.normal(size=seeds) for c, m in zip(cells, means, strict=True)}
    drawn[Cell("b")] = noise * rng.normal(size=seeds)
    comparison = SimpleNamespace(alpha=0.05, bound_margin=1.0, fid_margin=0.2)
    results: Any = SimpleNamespace(
        study=SimpleNamespace(seeds=[*range(seeds)], comparison=comparison),
        unit=SimpleNamespace(name="bits/dim"),
        also={},
        records={},
        observe=lambda cell, *rest: SimpleNamespace(values=dict(enumerate(drawn[cell].tolist()))),
    )
    pairs = [comparisons.pair(results, BOUND, c, Cell("b"), "here") for c in cells]
    return comparisons.family(results, pairs)


TIED = ("equal", "different but within the margin")


@pytest.mark.parametrize("seeds", [3, 8])
def test_a_difference_that_is_not_there_is_rarely_found(seeds: int) -> None:
    """In at most 5% of families is any of three pairs of equal means called different; 3 standard
    errors of 1500 families are allowed."""
    rng = np.random.default_rng(0)
    families = [decide([0.0, 0.0, 0.0], 0.5, seeds, rng) for _ in range(1500)]
    wrong = [any(c.verdict.startswith("different") for c in family) for family in families]
    assert np.mean(wrong) < 0.05 + 3 * (0.05 * 0.95 / 1500) ** 0.5


@pytest.mark.parametrize("seeds", [3, 8])
def test_a_difference_of_the_margin_is_rarely_called_a_tie(seeds: int) -> None:
    rng = np.random.default_rng(1)
    families = [decide([1.0, -1.0, 1.0], 0.3, seeds, rng) for _ in range(1500)]
    wrong = [any(c.verdict in TIED for c in family) for family in families]
    assert np.mean(wrong) < 0.05 + 3 * (0.05 * 0.95 / 1500) ** 0.5


def test_each_verdict_is_reached_where_it_is_due() -> None:
    """8 seeds: far apart; apart, but well within the margin; nowhere apart; too noisy to tell."""
    rng = np.random.default_rng(2)
    for means, noise, due in (
        ([3.0] * 3, 0.1, "different"),
        ([0.5] * 3, 0.05, "different but within the margin"),
        ([0.0] * 3, 0.2, "equal"),
        ([0.5] * 3, 2.0, "inconclusive"),
    ):
        verdicts = [c.verdict for _ in range(50) for c in decide(means, noise, 8, rng)]
        assert verdicts.count(due) > 0.9 * len(verdicts), due


def test_intervals_are_simultaneous_and_none_excludes_0_beside_an_open_verdict() -> None:
    """All intervals of a family cover their differences in 95% of families; and what an interval
    excludes is decided."""
    rng, means = np.random.default_rng(3), [0.0, 0.4, 0.9]
    covered = []
    for _ in range(1500):
        family = decide(means, 0.5, 4, rng)
        edges = [(c.difference.interval.low, c.difference.interval.high) for c in family]
        covered.append(all(lo < m < hi for (lo, hi), m in zip(edges, means, strict=True)))
        for c, (low, high) in zip(family, edges, strict=True):
            if low > 0 or high < 0:
                assert c.verdict.startswith("different")
    assert np.mean(covered) > 0.95 - 3 * (0.05 * 0.95 / 1500) ** 0.5


def test_every_target_and_every_weighting_stands_in_a_pair() -> None:
    """So that a new one is compared the moment that it exists."""
    assert {x for pair in comparisons.TARGET_PAIRS for x in pair} == {*TARGETS}
    assert {x for pair in comparisons.WEIGHTING_PAIRS for x in pair} == {*WEIGHTINGS}
    for pairs in (comparisons.TARGET_PAIRS, comparisons.WEIGHTING_PAIRS):
        assert len({frozenset(pair) for pair in pairs}) == len(pairs)


def test_pairs_are_the_seeds_that_both_have(have: Make) -> None:
    results = have(missing=synthetic.MISSING)
    c = found_of(comparisons.targets(results, BOUND), "ddpm_x0_elbo", "ddpm_eps_elbo")
    assert c.pairs == 2
    a, b = ([effects.bound(Run(cell, s)) for s in (0, 1)] for cell in (c.a, c.b))
    assert c.difference.interval.mean == pytest.approx(sum(a) / 2 - sum(b) / 2)


def test_one_seed_decides_nothing(have: Make) -> None:
    results = have(seeds=[0])
    found = [*comparisons.targets(results, BOUND), *comparisons.weightings(results, BOUND)]
    assert {c.verdict for c in found} == {"inconclusive"}
    assert all(c.p_holm is None and c.difference.interval.half_width is None for c in found)


def test_the_best_cell_has_every_seed(have: Make) -> None:
    whole = have()
    winner, others = comparisons.best(whole, BOUND)
    means = {c: float(measures.summary(whole, c, BOUND).mean or 0) for c in whole.study.cells}
    assert means[winner] == min(means.values())
    assert len(others) == len(whole.study.cells) - 1
    holed = have(missing=Run(winner, 0))
    assert comparisons.best(holed, BOUND)[0] != winner
