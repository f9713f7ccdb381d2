"""The claims of the discrete experiment on made-up figures."""

from __future__ import annotations

import pytest
from report.made_up import results

from threetargets.report.topics.of_experiments.discrete import decide_absorbing, decide_orders


def figures(apart: float = 0.0, left: float = 0.125, uniform: float = 0.02):
    """Distances of the bounds at T = 1 and at T = 8, and of the bounds of digits."""
    values = {
        "orders/mean": 3.0,
        "orders/continuous": 3.0 + apart,
        "orders/T1": 4.0,
        "orders/T8": 3.0 + left,
        "bound/absorbing": 2.0,
        "bound/uniform": 2.0 + uniform,
    }
    spread = {"bound/uniform": 0.001, "orders/T8": 0.001}
    return lambda metric, seed: values.get(metric, 1.0) + seed * spread.get(metric, 0)


@pytest.mark.parametrize(
    ("apart", "left", "verdict"),
    [
        (0.0, 0.125, "reproduced"),
        (1e-5, 0.125, "not reproduced"),
        (0.0, 0.3, "inconclusive"),
    ],
)
def test_orders(apart: float, left: float, verdict: str) -> None:
    assert decide_orders(results("discrete", figures(apart, left))).verdict == verdict
    holed = decide_orders(results("discrete", figures(apart, left), missing=(1,))).verdict
    assert holed == ("not reproduced" if apart else "inconclusive")


@pytest.mark.parametrize(
    ("uniform", "verdict"),
    [(0.02, "reproduced"), (-0.02, "not reproduced"), (0.0005, "inconclusive")],
)
def test_absorbing_over_uniform(uniform: float, verdict: str) -> None:
    assert decide_absorbing(results("discrete", figures(uniform=uniform))).verdict == verdict
