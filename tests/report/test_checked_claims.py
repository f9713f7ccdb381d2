"""The table of claims, and those that the calibration decides."""

from dataclasses import replace

import pytest
from report import synthetic
from report.test_claims import Make, verdict

from threetargets.calibration.checks import CHECKS
from threetargets.pipeline.cells import Run
from threetargets.report import topics
from threetargets.report.parts.verdicts import Finding
from threetargets.report.reading import calibrated
from threetargets.report.topics import claims
from threetargets.report.topics.grounds.calibrated_claims import CALIBRATED


def test_the_table_lists_every_claim_of_the_study_once(have: Make) -> None:
    results = have(missing=Run("vae", 0))
    table = claims.claims_table(results, topics.every_claim(topics.reading(results)))
    names = [row[0].text.split(" (")[0] for row in table.rows]
    assert len(set(names)) == 22  # as many as the study's list has
    # One width, one network, no guide of clean images, no model that can ignore its label; no claim
    # of an experiment that it does not run.
    without = [row[0].text for row in table.rows if row[1].text == "no data"]
    none = {"latent-width", "output-space", "noisy-classifier", "ignore-label"}
    assert set(without) == none
    assert set(names) >= {"elbo-identity", "two-elbos", "guidance-tilt", "ladder"}
    assert synthetic.FAILED.cell not in names


@pytest.mark.parametrize(
    ("measured", "relation", "expected"),
    [
        (1.01, "=", "reproduced"),
        (1.05, "=", "not reproduced"),
        (1.05, ">", "reproduced"),
        (1.03, ">", "inconclusive"),
        (0.9, ">", "not reproduced"),
        (1.03, "≠", "inconclusive"),
        (float("nan"), "=", "not reproduced"),
    ],
)
def test_a_calibrated_claim_follows_its_rows(
    have: Make, measured: float, relation: str, expected: str
) -> None:
    """A standard error of 0.01: the margin is 0.04."""
    results = replace(have(), calibration=calibrated.of(synthetic.calibration(measured, relation)))
    decided = {
        c.id: f for c, f in claims.decided(results, topics.every_claim()) if c.rule == CALIBRATED
    }
    assert set(decided) == set(synthetic.CALIBRATED) - {""}
    assert {finding.verdict for finding in decided.values()} == {expected}
    assert all("a quantity" in f.figure and "c0de" in f.runs for f in decided.values())


def test_a_check_that_is_missing_or_empty_decides_nothing(have: Make) -> None:
    values = synthetic.calibration()
    values["checks"] = [
        {**c, "rows": []} if c["claim"] == "tweedie" else c for c in values["checks"][1:]
    ]
    results = replace(have(), calibration=calibrated.of(values))
    assert verdict(results, "elbo-identity") == verdict(results, "tweedie") == "no data"
    assert verdict(results, "guidance-tilt") == "reproduced"


def test_every_check_that_names_a_claim_decides_it_and_the_other_way_round() -> None:
    named = {check.claim for check in CHECKS} - {""}
    assert named == {c.id for c in topics.every_claim() if c.rule == CALIBRATED}


def test_verdicts_are_counted_in_the_order_of_the_page() -> None:
    told = ["inconclusive", "reproduced", "no data", "reproduced", "not reproduced"]
    assert claims.tally(told) == (
        "Of 5 claims 2 are reproduced, 1 is not reproduced, 1 is inconclusive and 1 has no data."
    )


def test_the_first_number_of_a_claim_is_shown_and_the_others_are_behind_it() -> None:
    for figure, shown, behind in (
        ("a: 1; b: 2", "a: 1", ("b: 2",)),
        ("of digits; a: 1; b: 2", "of digits; a: 1", ("b: 2",)),
        ("", "–", ()),
    ):
        (text,) = claims._figure(Finding("reproduced", figure))
        assert text.text == shown and text.more == behind
