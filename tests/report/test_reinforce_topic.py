"""The claims of the reinforce experiment on made-up figures."""

from __future__ import annotations

import pytest
from report.made_up import results

from threetargets.report.topics.of_experiments import reinforce


def figures(**changes: float):
    values = {
        "gaussian/closed_leave-one-out": 0.95,
        "gaussian/gap_reparameterised": 0.1,
        "gaussian/log10-variance_reparameterised": 1.0,
        "binary/log10-variance_gumbel": 0.0,
        "binary/bound_leave-one-out": -20.0,
        "binary/bound_gumbel": -19.0,
    } | {key.replace("__", "/").replace("_loo", "_leave-one-out"): v for key, v in changes.items()}
    return lambda metric, seed: values.get(metric, 2.0) + 0.001 * seed * (len(metric) % 3)


@pytest.mark.parametrize(
    ("closed", "verdict"),
    [(0.95, "not reproduced"), (0.3, "reproduced"), (0.7, "inconclusive")],
)
def test_needed(closed: float, verdict: str) -> None:
    made = results("reinforce", figures(gaussian__closed_loo=closed))
    assert reinforce.decide_needed(made).verdict == verdict


@pytest.mark.parametrize(
    ("gap", "verdict"), [(2.0, "reproduced"), (0.05, "not reproduced"), (0.1, "inconclusive")]
)
def test_variance(gap: float, verdict: str) -> None:
    made = results("reinforce", figures(gaussian__gap_loo=gap))
    assert reinforce.decide_variance(made).verdict == verdict


@pytest.mark.parametrize(("bound", "verdict"), [(-19.0, "reproduced"), (-21.0, "not reproduced")])
def test_relaxed(bound: float, verdict: str) -> None:
    made = results("reinforce", figures(binary__bound_gumbel=bound))
    finding = reinforce.decide_relaxed(made)
    assert finding.verdict == verdict
    holed = results("reinforce", figures(binary__bound_gumbel=bound), missing=(0,))
    wanted = "inconclusive" if verdict == "reproduced" else verdict
    assert reinforce.decide_relaxed(holed).verdict == wanted
