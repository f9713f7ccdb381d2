"""The page of the calibration: small, self-contained, in the look of the report, made of
calibration.json alone."""

from __future__ import annotations

from threetargets.report.parts.pages import environment, style
from threetargets.report.parts.wording import listing, of
from threetargets.report.reading.calibrated import Calibration
from threetargets.report.topics.grounds import calibrations


def headline(calibration: Calibration) -> str:
    """How many rows agree, and which checks or errata do not."""
    agreeing = sum(check.agreeing for check in calibration.checks)
    sentence = (
        f"{of(len(calibration.checks), 'check')}, {agreeing} of {of(calibration.rows, 'row')} agree"
    )
    sentence += (
        f"; {len([e for e in calibration.errata if e.agrees])} of "
        f"{len(calibration.errata)} errata shown."
    )
    bad = calibration.disagreements
    return sentence + (f" Look at {listing(bad)}." if bad else "")


def render(calibration: Calibration) -> str:
    """The HTML. Everything that comes from the file is escaped."""
    return (
        environment(escape=True)
        .get_template("calibration.html")
        .render(
            calibration=calibration,
            headline=headline(calibration),
            tables=[calibrations.table_of(check) for check in calibration.checks],
            errata=calibrations.errata(calibration),
            slips=calibrations.slips(calibration),
            style=style(),
        )
    )
