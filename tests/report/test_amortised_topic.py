"""The claims of the amortised experiment on made-up figures."""

from __future__ import annotations

import pytest
from report.made_up import results

from threetargets.report.topics.of_experiments.amortised import decide_gap, decide_larger


def figures(gap: float, other: float):
    values = {"test/amortisation": gap, "test/approximation": other}
    return lambda metric, seed: (
        values.get(metric, 1.0) + 0.01 * seed * (metric == "test/amortisation")
    )


@pytest.mark.parametrize(
    ("gap", "other", "first", "second"),
    [
        (0.3, 0.1, "reproduced", "reproduced"),
        (0.3, 0.5, "reproduced", "not reproduced"),
        (-0.3, 0.1, "not reproduced", "not reproduced"),
        (0.005, 0.01, "inconclusive", "inconclusive"),
    ],
)
def test_both_rules(gap: float, other: float, first: str, second: str) -> None:
    made = results("amortised", figures(gap, other))
    assert (decide_gap(made).verdict, decide_larger(made).verdict) == (first, second)
    holed = results("amortised", figures(gap, other), missing=(1,))
    assert decide_gap(holed).verdict != "reproduced"
