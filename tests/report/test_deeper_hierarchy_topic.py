"""The claims of the deeper hierarchy on made-up figures."""

from __future__ import annotations

import pytest
from report.made_up import results

from threetargets.report.topics.of_experiments.deeper_hierarchy import (
    decide_fixed,
    decide_free,
    decide_learned,
    decide_same,
)

BOUNDS = {"ddpm/L2": 3.0, "ddpm/L4": 2.5, "hvae/L2": 2.6, "hvae/L4": 2.55, "dimension/L2": 2.8}


def figures(**changes: float):
    """Bounds by rung and depth ("_" for "/"), with a spread over seeds that is not the same."""
    own = BOUNDS | {k.replace("_", "/"): v for k, v in changes.items()}
    own |= {"identity": changes.get("identity", 1e-9), "walked": changes.get("walked", -1.0)}

    def value(metric: str, seed: int) -> float:
        head, _, rest = metric.partition("/")
        return own.get(head, own.get(rest, 2.0)) + 0.001 * seed * (rest == "hvae/L4")

    return value


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "reproduced"),
        ({"identity": 1e-5}, "not reproduced"),
        ({"walked": -4.5}, "not reproduced"),
    ],
)
def test_one_bound_by_two_programs(changes: dict[str, float], verdict: str) -> None:
    assert decide_same(results("deeper_hierarchy", figures(**changes))).verdict == verdict
    holed = decide_same(results("deeper_hierarchy", figures(**changes), missing=(1,))).verdict
    assert holed == ("inconclusive" if verdict == "reproduced" else verdict)


@pytest.mark.parametrize(
    ("changes", "fixed", "learned", "free"),
    [
        ({}, "reproduced", "reproduced", "reproduced"),
        ({"ddpm_L4": 3.1}, "not reproduced", "reproduced", "not reproduced"),
        ({"hvae_L2": 2.5505}, "reproduced", "inconclusive", "reproduced"),
        ({"dimension_L2": 1.9}, "reproduced", "not reproduced", "reproduced"),
        ({"hvae_L4": 2.5}, "reproduced", "reproduced", "inconclusive"),
    ],
)
def test_depth_and_restrictions(
    changes: dict[str, float], fixed: str, learned: str, free: str
) -> None:
    values = figures(**changes)
    deciders = (decide_fixed, decide_learned, decide_free)
    made = results("deeper_hierarchy", values)
    assert tuple(d(made).verdict for d in deciders) == (fixed, learned, free)
    holed = results("deeper_hierarchy", values, missing=(1,))
    assert all(d(holed).verdict != "reproduced" for d in deciders)
    assert "of this encoder" in decide_free(made).figure
