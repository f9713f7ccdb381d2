"""The claims of the super-resolution experiment on made-up figures."""

from __future__ import annotations

import pytest
from report.made_up import results

from threetargets.report.topics.of_experiments.super_resolution import (
    decide_conditional,
    decide_guided,
    decide_nearer,
)


def figures(other: float = 0.6, error: float = 0.01, energy: float = 0.3):
    """Distances to another image, errors of guidance on known laws, scores of other ways."""
    values = {
        "digits/conditional/squared": 0.2,
        "digits/conditional/mean_squared": 0.1,
        "digits/conditional/missed": 0.1,
        "digits/conditional/other_missed": 0.4,
        "digits/conditional/other_squared": other,
        "digits/conditional/energy": 0.2,
        "digits/guided/energy": energy,
        "digits/projection/energy": 0.3,
        "digits/replacement/energy": 0.3,
        "digits/enlarged/squared": 0.3,
    }
    spread = {"digits/conditional/energy": 0.001, "digits/conditional/squared": 0.001}

    def value(metric: str, seed: int) -> float:
        if "guided_4" in metric:
            return error + 0.001 * seed
        return values.get(metric, 1.0) + seed * spread.get(metric, 0)

    return value


@pytest.mark.parametrize(
    ("other", "verdict"),
    [(0.6, "reproduced"), (0.1, "not reproduced"), (0.2005, "inconclusive")],
)
def test_conditional(other: float, verdict: str) -> None:
    finding = decide_conditional(results("super_resolution", figures(other)))
    assert finding.verdict == verdict
    holed = decide_conditional(results("super_resolution", figures(), missing=(1,)))
    assert holed.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("error", "verdict"),
    [(0.01, "reproduced"), (0.2, "not reproduced"), (0.0495, "inconclusive")],
)
def test_guided(error: float, verdict: str) -> None:
    finding = decide_guided(results("super_resolution", figures(error=error)))
    assert finding.verdict == verdict and finding.figure.count("covariance") == 2
    holed = decide_guided(results("super_resolution", figures(), missing=(1,)))
    assert holed.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("energy", "verdict"),
    [(0.3, "reproduced"), (0.1, "not reproduced"), (0.2005, "inconclusive")],
)
def test_nearer(energy: float, verdict: str) -> None:
    made = results("super_resolution", figures(energy=energy))
    assert decide_nearer(made).verdict == verdict
    holed = decide_nearer(results("super_resolution", figures(), missing=(1,)))
    assert holed.verdict == "inconclusive"
