"""Calibration as tables: the rows of a check, one line a check, the errata with the errors that
they make."""

from __future__ import annotations

from threetargets.calibration.check_rows import Row, written
from threetargets.calibration.misprint import Shown
from threetargets.report.parts.topic import Section
from threetargets.report.parts.wording import Table, Text, count, decimals, number, of
from threetargets.report.reading.calibrated import Calibration, Checked
from threetargets.report.reading.collect import Results, calibration_dir
from threetargets.report.reading.tracked import Mirror

ROWS = ("quantity", "expected", "measured", "difference", "uncertainty", "N", "agrees")


def figure(value: float, row: Row) -> str:
    """With the digits that its standard error supports; six where there is none."""
    if value == 0 or not row.drawn or not row.uncertainty > 0:
        return (
            written(value)
            if value == round(value)
            else number(value, 5 if abs(value) > row.uncertainty else 2)
        )
    return f"{value:.{decimals(row.uncertainty, 8)}f}".replace("-", "−")


def uncertainty(row: Row) -> str:
    return (
        f"± {number(row.uncertainty, 2)}"
        if row.drawn
        else f"within {written(float(f'{row.uncertainty:.2g}'))}"
    )


def difference(row: Row) -> str:
    """In standard errors where it was drawn."""
    gap = row.measured - row.expected
    if row.drawn and row.uncertainty > 0:
        return f"{gap / row.uncertainty:+.1f} s.e.".replace("-", "−")
    return number(gap, 2)


def cells(row: Row) -> tuple[Text, ...]:
    """One row of a check, in the order of ROWS."""
    relation = "" if row.relation == "=" else f"{row.relation} "
    return (
        Text(row.quantity),
        Text(relation + figure(row.expected, row), "", row.origin),
        Text(figure(row.measured, row), "", row.unit),
        Text(difference(row)),
        Text(uncertainty(row), "", f"standard error over {row.basis}" if row.drawn else row.basis),
        Text(count(row.n)),
        Text("yes", "reproduced") if row.agrees else Text("no", "not-reproduced"),
    )


def table_of(check: Checked) -> Table:
    """Every row of one check."""
    rows = tuple(cells(row) for row in check.rows)
    return Table(check.id, check.id, ROWS, rows, "", numeric=frozenset({1, 2, 3, 4, 5}))


def row_in_words(row: Row) -> str:
    """One row as a phrase."""
    unit = f" {row.unit}" if row.unit else ""
    drawn = f" ± {number(row.uncertainty, 2)}" if row.drawn else ""
    relation = {"=": "expected", "≥": "expected at least", ">": "expected above", "≠": "and not"}[
        row.relation
    ]
    return (
        f"{row.quantity}: {figure(row.measured, row)}{drawn}{unit}, {relation} "
        f"{figure(row.expected, row)}"
    )


def overview(calibration: Calibration) -> Table:
    """One line a check: what was checked, how many rows agree, and the telling ones."""
    rows = tuple(
        (
            Text(check.id),
            Text(f"{check.agreeing} of {len(check.rows)} agree", check.verdict.replace(" ", "-")),
            Text(check.what, "", check.source),
            Text(
                f"under Claims: {check.claim}"
                if check.claim
                else ";\n".join(row_in_words(row) for row in check.telling_rows)
            ),
        )
        for check in calibration.checks
    )
    head = ("check", "rows", "what is checked", "measured and expected")
    caption = calibration.rule + " Every row is on the page of the calibration."
    return Table(
        "calibration", "Estimators on known densities", head, rows, caption, (calibration.command,)
    )


def error(shown: Shown) -> str:
    """What the printed formula gives in the place of what."""
    row = shown.printed
    unit = f" {row.unit}" if row.unit else ""
    return (
        f"{row.quantity}: {figure(row.measured, row)} in the place of "
        f"{figure(row.expected, row)}{unit} (corrected: "
        f"{figure(shown.corrected.measured, shown.corrected)})"
    )


ERRATA_CAPTION = (
    "The notes as transcribed. Both forms are computed where the answer is known: the "
    "corrected one meets it within its tolerance or 4 standard errors, the printed one "
    "does not."
)


def errata(calibration: Calibration) -> Table:
    """As printed, corrected, and the error that the printed form makes."""
    rows = tuple(
        (
            Text(e.id, "", "" if e.agrees else "not shown by these figures"),
            Text(e.where, "", e.source),
            Text(e.printed),
            Text(e.corrected),
            Text(";\n".join(error(s) for s in e.shown), "" if e.agrees else "not-reproduced"),
        )
        for e in calibration.errata
    )
    caption = ERRATA_CAPTION
    head = ("erratum", "where", "as printed", "corrected", "error made by the printed form")
    return Table(
        "errata", "Errata of the lecture notes", head, rows, caption, (calibration.command,)
    )


SLIPS_CAPTION = (
    "Slips of the pen or of the transcription that change no number, because nobody can mean them."
)


def slips(calibration: Calibration) -> Table:
    """What is printed, and what is meant."""
    rows = tuple(
        (Text(s.where, "", s.source), Text(s.printed), Text(s.meant)) for s in calibration.slips
    )
    head = ("where", "as printed", "meant")
    return Table(
        "slips", "Slips without a number", head, rows, SLIPS_CAPTION, (calibration.command,)
    )


def missing(name: str, title: str, command: str) -> Table:
    """In the place of a table that has no calibration.json to read."""
    row = (
        Text("no data", "no-data"),
        Text(f"calibration.json is missing; it is written by {command}"),
    )
    return Table(name, title, ("what", "why"), (row,), "")


PAGE = "calibration.html"
"""The copy of the calibration's page beside the report."""
ERRATA = (
    "Of {errata} that change a figure {shown} do so here; {slips} more are slips of the pen. What "
    "the notes print stands beside what holds."
)
LEAD = (
    "{agree} of {checks} agree with what is known: the estimators behind this report, run where "
    "the answer is."
)


def sections(results: Results, mirror: Mirror) -> list[Section]:
    """The estimators on known densities, and the errata of the notes; where they are missing it
    says so."""
    whole = results.calibration
    if whole is None:
        command = f"threetargets calibrate --out {calibration_dir(results.study)}"
        lost = [("calibration", "Calibration"), ("errata", "Errata of the lecture notes")]
        return [Section(n, t, "", (missing(n, t, command),)) for n, t in lost]
    links = ((PAGE, "Every row, expected and measured"),)
    checks, wrong = whole.checks, whole.errata
    agree = sum(check.agreeing == len(check.rows) for check in checks)
    lead = LEAD.format(agree=agree, checks=of(len(checks), "check"))
    shown = sum(e.agrees for e in wrong)
    printed = ERRATA.format(shown=shown, errata=of(len(wrong), "error"), slips=len(whole.slips))
    return [
        Section("calibration", "Calibration", lead, (overview(whole),), links=links),
        Section("errata", "Errata of the lecture notes", printed, (errata(whole), slips(whole))),
    ]
