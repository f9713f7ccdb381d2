"""The table of claims, and those that the calibration decides."""

from dataclasses import replace

import pytest
from report import synthetic
from report.test_claims import Make, verdict

from threetargets.calibration.checks import CHECKS
from threetargets.pipeline.cells import Run
from threetargets.report import topics
from threetargets.report.reading import calibrated
from threetargets.report.topics import claims
from threetargets.report.topics.calibrated_claims import CALIBRATED


def test_the_table_lists_every_claim_of_the_study_once(have: Make) -> None:
    results = have(missing=Run("vae", 0))
    table = claims.claims_table(results, topics.every_claim(topics.reading(results)))
    names = [row[0].text.split(" (")[0] for row in table.rows]
    assert len(set(names)) == 21  # as many as the study's list has
    # It has one width and one network. Claims of experiments that it does not run are left out.
    without = [row[0].text for row in table.rows if row[1].text == "no data"]
    assert without == ["latent-width", "output-space"]
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
