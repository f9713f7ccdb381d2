"""Decisions on data whose effects are known, and on the same data with the effect turned round."""

import re
import statistics
from dataclasses import replace

import pytest
from report import synthetic

from threetargets.report.parts.wording import cell as named
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_likelihood import route_claims as estimators
from threetargets.report.topics.of_likelihood import routes
from threetargets.report.topics.of_likelihood.routes import (
    DIFFERENCE,
    GRADIENTS,
    ONE,
    REPORTED,
    TWO,
)


@pytest.fixture
def whole(have):
    return have()


def changed(results, metric, by):
    """The results with every figure of a metric mapped."""
    records = {
        place: replace(
            record,
            figures=[
                replace(f, value=by(f.metric, f.value))
                if metric(f.metric) and f.value is not None
                else f
                for f in record.figures
            ],
        )
        for place, record in results.records.items()
    }
    return Results(results.study, records, results.manifest, results.tracking)


def verdict(decide, results):
    return decide(results).verdict


def length(metric):
    return metric.startswith("bound_T") and metric.endswith("_fitted_bpd")


def test_more_steps_help_and_saturate(whole):
    found = estimators.schedule(whole)
    assert found.verdict == "reproduced", found
    assert "from T = 5 to 1000" in found.figure


def test_a_bound_that_rises_with_the_steps_is_the_counter_example(whole):
    assert (
        verdict(estimators.schedule, changed(whole, length, lambda m, v: 10 - v))
        == "not reproduced"
    )


def test_a_bound_that_still_falls_at_the_end_has_not_saturated(whole):
    fell = changed(whole, lambda m: m == "bound_T1000_fitted_bpd", lambda m, v: v - 0.5)
    assert verdict(estimators.schedule, fell) == "inconclusive"


def test_the_other_form_varies_more(whole):
    assert verdict(estimators.two_elbos, whole) == "reproduced"
    assert (
        verdict(estimators.two_elbos, changed(whole, lambda m: m == TWO, lambda m, v: 0.5))
        == "not reproduced"
    )
    apart = changed(whole, lambda m: m == DIFFERENCE, lambda m, v: v + 5)
    assert verdict(estimators.two_elbos, apart) == "not reproduced"


def test_a_tie_takes_an_equivalence_test(whole):
    """Differences that scatter far beyond the margin around 0: no difference is found, and no tie
    is claimed."""
    wide = changed(whole, lambda m: m == DIFFERENCE, lambda m, v: 100 * v)
    assert verdict(estimators.two_elbos, wide) == "inconclusive"


def test_score_function_gradients_vary_more(whole):
    found = estimators.gradient_variance(whole)
    assert found.verdict == "reproduced" and "times the reparameterised" in found.figure
    slightly = changed(whole, lambda m: m in GRADIENTS, lambda m, v: 1.5 + v * 1e-6)
    assert verdict(estimators.gradient_variance, slightly) == "not reproduced"
    fewer = changed(whole, lambda m: m in GRADIENTS, lambda m, v: 1 / v)
    assert verdict(estimators.gradient_variance, fewer) == "not reproduced"


@pytest.mark.parametrize(
    "decide", [estimators.schedule, estimators.two_elbos, estimators.gradient_variance]
)
def test_without_the_figures_there_is_no_data(whole, decide):
    nothing = changed(
        whole, lambda m: length(m) or m in (DIFFERENCE, ONE, TWO, *GRADIENTS), lambda m, v: None
    )
    assert verdict(decide, nothing) == "no data"


def test_with_a_missing_cell_nothing_is_reproduced(have):
    results = have(failed=synthetic.FAILED, missing=synthetic.MISSING)
    assert verdict(estimators.schedule, results) == "inconclusive"
    assert verdict(estimators.two_elbos, results) == "inconclusive"


def test_what_the_variance_does_is_told_where_it_does_most(have):
    """By brute force over the means of the seeds: the widest range, and the lowest bound."""
    results = have(cells=["ddpm_x0_native", "ddpm_v_elbo", "ddpm_eps_elbo"], guidance={"cells": []})
    for place, record in results.records.items():
        if place.stage == "likelihood" and place.run.cell == "ddpm_eps_elbo":
            for k, f in enumerate(record.figures):
                if f.metric.startswith("bound_fixed-small"):
                    record.figures[k] = replace(f, value=f.value + 4.0)
    means = {
        (c, v): statistics.mean(seen.values())
        for c in results.study.cells
        for v in REPORTED
        if (seen := results.observe(c, f"bound_{v}").values)
    }
    ranges = {
        c: sorted((means[c, v], v) for v in REPORTED if (c, v) in means)
        for c in results.study.cells
    }
    most = max(ranges, key=lambda c: ranges[c][-1][0] - ranges[c][0][0])
    best = min(ranges, key=lambda c: ranges[c][0])
    (text,) = routes.sentences(results)
    for name in (most, best):
        (low, first), (high, last) = ranges[name][0], ranges[name][-1]
        ends = rf"{low:.3f} ± \S+ \({first}\) to {high:.3f} ± \S+ \({last}\)"
        assert re.search(f"{ends} for {re.escape(named(name))}", text)
    (none,) = routes.sentences(have(cells=["vae"], guidance={"cells": []}))
    assert none == ""
