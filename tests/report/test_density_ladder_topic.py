"""The claims of the density ladder on made-up figures."""

from __future__ import annotations

import pytest
from report.made_up import results

from threetargets.report.topics.of_experiments import density_ladder

PLAIN = {
    "counted/cd-1/share": 0.95,
    "counted/cd-1/test": 20.0,
    "annealed/cd-1/test": 18.0,
    "counted/pcd/test": 19.0,
    "annealed/pcd/test": 16.0,
    "counted/mixture/test": 18.0,
    "annealed/mixture/test": 15.0,
    "counted/pcd/log10-sweeps": 1.5,
    "annealed/pcd/log10-sweeps": 2.0,
    "plane/hyvarinen/share": 0.04,
    "plane/sliced/share": 0.06,
    "ratio/order": 1.01,
}
VERDICTS = dict.fromkeys(
    (
        "contrastive-divergence",
        "persistent-chains",
        "rbm-many-iterations",
        "energy-too-simple",
        "score-matching",
        "ratio-of-integrals",
    ),
    "reproduced",
)


def figures(changes: dict[str, float | None]):
    values = PLAIN | changes

    def value(metric: str, seed: int) -> float | None:
        plain = values.get(metric, 1.0)
        return None if plain is None else plain * (1 + 0.003 * seed * (len(metric) % 3))

    return value


def verdicts(made) -> dict[str, str]:
    return {claim.id: claim.decide(made).verdict for claim in density_ladder.TOPIC.claims}


@pytest.mark.parametrize(
    ("changes", "claim", "verdict"),
    [
        ({}, "score-matching", "reproduced"),
        ({"counted/cd-1/share": 0.7}, "contrastive-divergence", "inconclusive"),
        ({"counted/cd-1/share": 0.3}, "contrastive-divergence", "not reproduced"),
        ({"annealed/cd-1/test": 15.0}, "persistent-chains", "not reproduced"),
        ({"annealed/cd-1/test": 16.0}, "persistent-chains", "inconclusive"),
        ({"counted/pcd/log10-sweeps": 0.8}, "rbm-many-iterations", "not reproduced"),
        ({"counted/mixture/test": 20.0}, "energy-too-simple", "not reproduced"),
        ({"plane/sliced/share": 0.3}, "score-matching", "inconclusive"),
        ({"plane/sliced/share": 0.6}, "score-matching", "not reproduced"),
        ({"ratio/order": 1.098}, "ratio-of-integrals", "inconclusive"),
        ({"ratio/order": 0.5}, "ratio-of-integrals", "not reproduced"),
        ({"ratio/order": 1.5}, "ratio-of-integrals", "not reproduced"),
    ],
)
def test_each_rule(changes: dict[str, float | None], claim: str, verdict: str) -> None:
    made = verdicts(results("density_ladder", figures(changes)))
    assert made == VERDICTS | {claim: verdict}


@pytest.mark.parametrize("metric", PLAIN)
def test_a_missing_value_decides_nothing(metric: str) -> None:
    """But where the rule says that a refutation does not need it."""
    plain = figures({})

    def value(name: str, seed: int) -> float | None:
        return None if name == metric and seed == 1 else plain(name, seed)

    made = verdicts(results("density_ladder", value))
    assert {v for k, v in made.items() if v != "reproduced"} == {"inconclusive"}
    low = results("density_ladder", figures({"counted/cd-1/share": 0.3}), missing=(2,))
    assert verdicts(low)["contrastive-divergence"] == "not reproduced"
