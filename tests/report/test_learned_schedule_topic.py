"""The claims of the learned schedule experiment on made-up figures."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from report.made_up import results

from threetargets.report.topics.of_experiments.learned_schedule import TOPIC

HELD = dict.fromkeys(
    ("schedule-invariant", "schedule-variance", "schedule-optimal", "schedule-faster"),
    "reproduced",
)


def figures(**changes: float) -> Callable[[str, int], float]:
    """As theory has it, but for what changes: the bound under one schedule by a factor, the
    variance of the learned one, the share left, the bound that it trains to."""
    changed = {"bound": 1.0, "variance": 1.0, "left": 0.03, "trained": 2.0} | changes

    def value(metric: str, seed: int) -> float:
        _, kind, *name = metric.split("/")
        jitter = 1 + 0.001 * seed
        if kind == "bound":
            return 5.0 * (changed["bound"] * jitter if name == ["cosine"] else 1.0)
        if kind == "variance":
            return changed["variance"] if name == ["learned"] else 2.0 * jitter
        if kind == "trained":
            return changed["trained"] if name == ["learned"] else 2.1 * jitter
        return changed["left"] * (1 + 0.1 * seed) if kind == "left" else jitter

    return value


@pytest.mark.parametrize(
    ("changes", "verdicts"),
    [
        ({}, {}),
        ({"bound": 1.05}, {"schedule-invariant": "not reproduced"}),
        ({"bound": 1.02}, {"schedule-invariant": "inconclusive"}),
        ({"variance": 2.5}, {"schedule-variance": "not reproduced"}),
        ({"variance": 2.001}, {"schedule-variance": "inconclusive"}),
        ({"left": 0.3}, {"schedule-optimal": "not reproduced"}),
        ({"left": 0.092}, {"schedule-optimal": "inconclusive"}),
        ({"trained": 2.3}, {"schedule-faster": "not reproduced"}),
        ({"trained": 2.102}, {"schedule-faster": "inconclusive"}),
    ],
)
def test_the_rules(changes: dict[str, float], verdicts: dict[str, str]) -> None:
    made = results("learned_schedule", figures(**changes))
    assert {c.id: c.decide(made).verdict for c in TOPIC.claims} == HELD | verdicts
    holed = results("learned_schedule", figures(**changes), missing=(1,))
    assert all(c.decide(holed).verdict != "reproduced" for c in TOPIC.claims)
