"""Each claim of the notes' experiments follows its rule on figures that are made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from experiments.tiny_notes import TINY
from report.made_up import results

from threetargets import experiments
from threetargets.report import topics
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror

Values = Callable[[str, int], float | None]
"""(metric, seed) -> value."""


def verdicts(made: Results) -> dict[str, str]:
    (name,) = experiments.of(made.study)
    (topic,) = topics.topics((f"of_experiments.{name}",))
    return {claim.id: claim.decide(made).verdict for claim in topic.claims}


@pytest.mark.parametrize("name", TINY)
def test_another_study_has_nothing_of_it(name: str, have: Callable[..., Results]) -> None:
    (topic,) = topics.topics((f"of_experiments.{name}",))
    other = have()
    assert topic.sections(other, Mirror()) == [] and topic.sentences(other) == []
    assert {claim.decide(other).verdict for claim in topic.claims} == {"no data"}


def jitter(seed: int) -> float:
    return 1 + 0.02 * seed


def falling(metric: str, seed: int) -> float:
    """As theory has it for the score SDE."""
    head, *rest = metric.split("/")
    if head == "chain_order":
        return 1.0
    if head.startswith("chain"):
        return 1 / int(rest[-1][1:])
    if head == "solved":
        return 0.2 / int(rest[-1][1:]) * jitter(seed)
    known = {"field_error/squared/score": 0.05, "field_error/squared/median": 0.13}
    known |= {"field_error/unsquared/score": 0.12, "field_error/unsquared/median": 0.05}
    return known.get(metric, 0.1) * jitter(seed)


def but(plain: Values, start: str, change: Callable[[float, int], float | None]) -> Values:
    """The same but for the figures whose names begin so."""

    def values(metric: str, seed: int) -> float | None:
        value = plain(metric, seed)
        return change(value, seed) if metric.startswith(start) and value is not None else value

    return values


SDE = {"score-sde": "reproduced", "reverse-sde": "reproduced"}
SDE |= {"score-norm (as printed)": "not reproduced"}


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        (falling, {}),
        (but(falling, "chain_order", lambda v, k: 0.7), {"score-sde": "inconclusive"}),
        (but(falling, "chain_order", lambda v, k: 0.3), {"score-sde": "not reproduced"}),
        (but(falling, "chain_distance", lambda v, k: 1 / v), {"score-sde": "not reproduced"}),
        (but(falling, "solved/ve", lambda v, k: 1 / v), {"reverse-sde": "not reproduced"}),
        (but(falling, "solved/ve", lambda v, k: 3 + k), {"reverse-sde": "inconclusive"}),
        (but(falling, "solved/ve", lambda v, k: 3 + k / 9), {"reverse-sde": "not reproduced"}),
        (
            but(falling, "solved/ve/flow-heun/n4", lambda v, k: v / 10 ** (k + 0.1)),
            {"reverse-sde": "inconclusive"},
        ),
        (
            but(falling, "field_error/unsquared/score", lambda v, k: v / 4),
            {"score-norm (as printed)": "reproduced"},
        ),
        (
            but(falling, "field_error/unsquared/median", lambda v, k: v * 4),
            {"score-norm (as printed)": "inconclusive"},
        ),
        (lambda m, k: None, dict.fromkeys(SDE, "no data")),
    ],
)
def test_the_rules_of_score_sde(values: Values, changed: dict[str, str]) -> None:
    assert verdicts(results("score_sde", values)) == SDE | changed


def at_rest(metric: str, seed: int) -> float:
    """As theory has it for Langevin's chain."""
    head, *rest = metric.split("/")
    if head == "law":
        width = float(rest[-1][2:])
        return (width if rest[0] == "corrected" else 0.7) * 1.0
    known = {"network/corrected/softmax": 0.02, "network/printed/softmax": 0.3}
    known |= {"network/corrected/sharp": 0.3, "network/printed/sharp": 0.02}
    known |= {"share_error/plain": 0.3, "share_error/annealed": 0.02, "network_kl": 0.01}
    known |= {"log_z": 1.0 + seed, "shift/chains": 0.0, "shift/trained": 0.0}
    return known.get(metric, 0.1) * (jitter(seed) if "/" in metric else 1)


LANGEVIN = {"langevin-density": "reproduced", "langevin-annealed": "reproduced"}
LANGEVIN |= {"langevin-density (as printed)": "not reproduced", "z-unknown": "reproduced"}


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        (at_rest, {}),
        (
            but(at_rest, "law/corrected", lambda v, k: v**0.3),
            {"langevin-density": "inconclusive"},
        ),
        (
            but(at_rest, "network/corrected/softmax", lambda v, k: 50 * v),
            {"langevin-density": "not reproduced"},
        ),
        (
            but(at_rest, "share_error/plain", lambda v, k: v / 100),
            {"langevin-annealed": "not reproduced"},
        ),
        (but(at_rest, "log_z", lambda v, k: 1.0), {"z-unknown": "inconclusive"}),
        (but(at_rest, "shift/chains", lambda v, k: 0.1), {"z-unknown": "not reproduced"}),
        (but(at_rest, "shift/trained", lambda v, k: 0.1), {"z-unknown": "not reproduced"}),
        (lambda m, k: None, dict.fromkeys(LANGEVIN, "no data")),
    ],
)
def test_the_rules_of_langevin_density(values: Values, changed: dict[str, str]) -> None:
    assert verdicts(results("langevin_density", values)) == LANGEVIN | changed


def uphill(metric: str, seed: int) -> float:
    """As theory has it for the gradient flow."""
    if metric.startswith(("cosine", "uphill")):
        return 0.97 + 0.001 * seed
    return (0.14 if "ascent" in metric else 0.04) * jitter(seed)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (uphill, "reproduced"),
        (but(uphill, "cosine", lambda v, k: v - 0.2), "not reproduced"),
        (but(uphill, "cosine", lambda v, k: v - 0.07), "inconclusive"),
        (but(uphill, "uphill/flow", lambda v, k: v - 0.3), "not reproduced"),
        (but(uphill, "uphill/langevin", lambda v, k: v - 0.6), "reproduced"),
        (but(uphill, "distance/ascent/learned", lambda v, k: v / 10), "reproduced"),
        (but(uphill, "distance/ascent", lambda v, k: v / 10), "not reproduced"),
        (but(uphill, "distance/ascent", lambda v, k: v * 4**k / 8), "inconclusive"),
        (lambda m, k: None, "no data"),
    ],
)
def test_the_rule_of_gradient_flow(values: Values, verdict: str) -> None:
    assert verdicts(results("gradient_flow", values)) == {"gradient-flow": verdict}


def slowly(metric: str, seed: int) -> float:
    """As theory has it for the reverse step."""
    head, *rest = metric.split("/")
    if head == "divergence":
        return float(rest[0][1:]) ** 3 * jitter(seed)
    if head == "several":
        return 0.0 if rest[0] == "b0.01" else 0.5 * jitter(seed)
    if head == "divergence_order":
        return 2.8 * jitter(seed)
    return (0.01 if rest[0] == "denoising" else 0.05) * jitter(seed)


STEP = {"reverse-gaussian": "reproduced", "direct-kernel": "reproduced"}


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        (slowly, {}),
        (
            but(slowly, "divergence/b0.1", lambda v, k: 0.0),
            {"reverse-gaussian": "inconclusive"},
        ),
        (
            but(slowly, "several/b0.01", lambda v, k: 0.1),
            {"reverse-gaussian": "inconclusive"},
        ),
        (
            but(slowly, "divergence_order", lambda v, k: v / 4),
            {"reverse-gaussian": "not reproduced"},
        ),
        (
            but(slowly, "divergence/b0.9", lambda v, k: v / 1e7),
            {"reverse-gaussian": "not reproduced"},
        ),
        (
            but(slowly, "divergence/b0.9", lambda v, k: v / 1e7 if k == 2 else v),
            {"reverse-gaussian": "not reproduced"},
        ),
        (but(slowly, "excess/kernel/", lambda v, k: v / 10), {"direct-kernel": "not reproduced"}),
        (
            but(slowly, "excess/kernel-eps/", lambda v, k: v * 4**k / 8),
            {"direct-kernel": "inconclusive"},
        ),
        (lambda m, k: None, dict.fromkeys(STEP, "no data")),
    ],
)
def test_the_rules_of_reverse_kernel(values: Values, changed: dict[str, str]) -> None:
    assert verdicts(results("reverse_kernel", values)) == STEP | changed


@pytest.mark.parametrize(
    ("name", "values", "start", "claim"),
    [
        ("score_sde", falling, "chain_distance/", "score-sde"),
        ("score_sde", falling, "chain_order/", "score-sde"),
        ("score_sde", falling, "solved/ve", "reverse-sde"),
        ("langevin_density", at_rest, "law/corrected", "langevin-density"),
        ("langevin_density", at_rest, "network/corrected/sharp", "langevin-density"),
        ("langevin_density", at_rest, "share_error/plain", "langevin-annealed"),
        ("langevin_density", at_rest, "shift/trained", "z-unknown"),
        ("langevin_density", at_rest, "network_kl", "z-unknown"),
        ("gradient_flow", uphill, "cosine", "gradient-flow"),
        ("gradient_flow", uphill, "uphill/flow", "gradient-flow"),
        ("gradient_flow", uphill, "distance/flow", "gradient-flow"),
        ("reverse_kernel", slowly, "divergence/b0.1", "reverse-gaussian"),
        ("reverse_kernel", slowly, "several/", "reverse-gaussian"),
        ("reverse_kernel", slowly, "divergence_order", "reverse-gaussian"),
        ("reverse_kernel", slowly, "excess/denoising", "direct-kernel"),
    ],
)
def test_a_claim_with_a_missing_value_is_not_reproduced(
    name: str, values: Values, start: str, claim: str
) -> None:
    assert verdicts(results(name, values))[claim] == "reproduced"
    holed = but(values, start, lambda v, k: None if k == 2 else v)
    assert verdicts(results(name, holed))[claim] == "inconclusive"
