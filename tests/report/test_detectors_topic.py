"""The claims of the detectors experiment on made-up figures: intervals over seeds and over
images."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from report.made_up import results

from threetargets.report.topics.of_experiments.detectors import TOPIC

OF = "(diffusion)"
HELD = {
    "same-process": "reproduced",
    "likelihood-fails": "reproduced",
    "likelihood-fails (diffusion)": "reproduced",
    "typicality-mends": "reproduced",
    "typicality-mends (diffusion)": "reproduced",
    "classifier-detects": "reproduced",
}


def figures(changed: dict[str, float], error: float = 0.01) -> Callable[[str, int], float]:
    """Where likelihood fails on faint digits and all else is seen, but for what changes; `error`
    over images."""

    def value(metric: str, seed: int) -> float:
        if "_error" in metric:
            return error
        jitter = 0.002 * seed
        if metric in changed:
            return changed[metric] + jitter
        if metric.startswith("gain/"):
            return 0.5 + jitter
        blind = metric.startswith("auc/digits/faint/") and metric.endswith(
            ("/bound", "/ode", "/vae")
        )
        return (0.3 if blind else 0.8) + jitter

    return value


@pytest.mark.parametrize(
    ("changed", "verdicts"),
    [
        ({}, {}),
        ({"auc/digits/shifted/ode": 0.4}, {"same-process": "not reproduced"}),
        ({"auc/digits/shifted/ode": 0.49}, {"same-process": "inconclusive"}),
        ({"auc/digits/noised/vae": 0.51}, {"same-process": "inconclusive"}),
        ({"auc/digits/faint/vae": 0.7}, {"likelihood-fails": "not reproduced"}),
        ({"auc/digits/faint/vae": 0.485}, {"likelihood-fails": "inconclusive"}),
        ({"auc/digits/faint/ode": 0.7}, {"likelihood-fails (diffusion)": "not reproduced"}),
        ({"gain/digits/faint/vae-typicality": -0.1}, {"typicality-mends": "not reproduced"}),
        ({"gain/digits/faint/typicality": -0.1}, {f"typicality-mends {OF}": "not reproduced"}),
        ({"auc/digits/faint/typicality": 0.4}, {f"typicality-mends {OF}": "not reproduced"}),
        ({"auc/digits/faint/vae-typicality": 0.51}, {"typicality-mends": "inconclusive"}),
        ({"auc/digits/inverted/classifier": 0.2}, {"classifier-detects": "not reproduced"}),
    ],
)
def test_the_rules(changed: dict[str, float], verdicts: dict[str, str]) -> None:
    """Of .01 over images half an interval is .0196."""
    made = results("detectors", figures(changed))
    assert {c.id: c.decide(made).verdict for c in TOPIC.claims} == HELD | verdicts
    holed = results("detectors", figures(changed), missing=(1,))
    assert all(c.decide(holed).verdict != "reproduced" for c in TOPIC.claims)


def test_few_images_leave_it_open() -> None:
    made = results("detectors", figures({}, error=0.3))
    assert {c.decide(made).verdict for c in TOPIC.claims} == {"inconclusive"}


def test_without_an_error_over_images_nothing_is_reproduced() -> None:
    plain = figures({})
    made = results("detectors", lambda m, seed: None if "_error" in m else plain(m, seed))
    assert {c.decide(made).verdict for c in TOPIC.claims} == {"inconclusive"}
