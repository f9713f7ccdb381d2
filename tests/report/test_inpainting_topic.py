"""The claims of the inpainting experiment on made-up figures."""

from __future__ import annotations

import pytest
from report.made_up import results

from threetargets.report.topics.of_experiments.inpainting import (
    decide_imputation,
    decide_replacement,
)


def figures(resampling: float = 0.1, mean_field: float = 0.2, floor: float = 0.001, apart=0.0):
    values = {
        "replacement": 0.3,
        "resampling": resampling,
        "known": 0.05,
        "mean-field": mean_field,
        "posterior": floor + apart,
        "floor": floor,
    }

    def value(metric: str, seed: int) -> float:
        one = metric.split("/")[1].split("_")[0]
        return values.get(one, 0.5) + (0.001 * seed if one in ("replacement", "mean-field") else 0)

    return value


@pytest.mark.parametrize(
    ("resampling", "verdict"),
    [(0.1, "reproduced"), (0.4, "not reproduced"), (0.3005, "inconclusive")],
)
def test_replacement(resampling: float, verdict: str) -> None:
    finding = decide_replacement(results("inpainting", figures(resampling)))
    assert finding.verdict == verdict and finding.figure.count("replacement less") == 4
    holed = decide_replacement(results("inpainting", figures(), missing=(2,)))
    assert holed.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("mean_field", "verdict"),
    [(0.2, "not reproduced"), (0.002, "reproduced"), (0.0101, "inconclusive")],
)
def test_imputation(mean_field: float, verdict: str) -> None:
    assert decide_imputation(results("inpainting", figures(0.1, mean_field))).verdict == verdict
    late = figures(0.1, mean_field, apart=0.05)
    assert decide_imputation(results("inpainting", late)).verdict == "inconclusive"
