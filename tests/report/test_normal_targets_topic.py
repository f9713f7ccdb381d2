"""The claims of the normal targets experiment on made-up figures."""

from __future__ import annotations

import pytest
from report.made_up import results

from threetargets.report.topics.of_experiments.normal_targets import decide, table


def figures(x0: float, other: float, spread: float = 0.001):
    """Bounds of x0 and of the other target above that of eps, which is 2."""
    values = {"bound/x0/same": 2 + x0, "bound/eps/same": 2.0, "bound/whitened/same": 2 + other}
    return lambda metric, seed: (
        values.get(metric, 1.0) + 0.1 * seed + spread * seed * (metric == "bound/x0/same")
    )


@pytest.mark.parametrize(
    ("x0", "other", "spread", "verdict"),
    [
        (0.4, 0.1, 0.001, "reproduced"),
        (0.4, 0.3, 0.001, "not reproduced"),
        (0.4, 0.2, 0.001, "inconclusive"),
        (0.4, 0.1, 0.5, "inconclusive"),
        (0.4, -0.1, 0.001, "reproduced"),
        (-0.4, -0.5, 0.001, "inconclusive"),
        (-0.4, 0.5, 0.001, "inconclusive"),
    ],
)
def test_the_rule(x0: float, other: float, spread: float, verdict: str) -> None:
    """Seeds that all targets have in common do not count; where x0 has no gap there is nothing to
    halve."""
    made = results("normal_targets", figures(x0, other, spread))
    assert decide(made, target="whitened").verdict == verdict
    holed = results("normal_targets", figures(x0, other, spread), missing=(1,))
    assert decide(holed, target="whitened").verdict != "reproduced"


def test_the_table_has_no_difference_where_there_is_none() -> None:
    """eps has one loss, its own and that of all; ties are drawn under one of the two."""
    made = results("normal_targets", figures(0.4, 0.1))
    chosen = made.study.experiments.normal_targets
    rows = {row[0].text: [cell.text for cell in row] for row in table(made, chosen).rows}
    assert rows["ε"][2] == rows["ε"][4] and rows["ε"][3] == rows["ε"][5] == "–"
    assert rows["the same, ties drawn"][2:4] == ["·", "·"]
    assert rows["x₀"][3].startswith("+0.4")
    assert rows["x₀ whitened"][6] == "0" != rows["x₀ Gaussianised"][6]
