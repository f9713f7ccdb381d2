"""The stage: what it writes, that it is the same twice, its exit code, and a page that is whole and
escaped."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from report import synthetic
from report.test_page import checked

from threetargets.calibration.check_rows import Row, drawn, exact, verdict
from threetargets.calibration.checks import CHECKS
from threetargets.calibration.errata import SLIPS
from threetargets.cli import main
from threetargets.errors import DataError
from threetargets.report.reading import calibrated
from threetargets.report.topics.grounds import calibration_page
from threetargets.stages import calibrate


def quick(monkeypatch: pytest.MonkeyPatch, measured: float = 1.0) -> None:
    """One quick check and no erratum in the place of all."""
    row = exact("a <quantity>", 1.0, measured, 0.1, "nothing & more")
    check = replace(CHECKS[0], rows=lambda: [row], telling=("a",))
    monkeypatch.setattr(calibrate, "CHECKS", (check,))
    monkeypatch.setattr(calibrate, "ERRATA", calibrate.ERRATA[-1:])


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["threetargets", "calibrate", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_it_writes_a_page_and_a_file_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    quick(monkeypatch)
    assert run(monkeypatch) == 0
    said = capsys.readouterr()
    assert "1 check, 1 of 1 row agree" in said.out
    assert "calibrate 1/2: elbo-identity" in said.err
    folder = tmp_path / "reports" / "calibration"
    values = json.loads((folder / "calibration.json").read_text())
    assert values["checks"][0]["rows"][0]["agrees"] is True
    assert [slip["meant"] for slip in values["slips"]] == [slip.meant for slip in SLIPS]
    assert {"code_digest", "packages", "commit"} <= set(values["provenance"])
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert run(monkeypatch, "--out", "reports/calibration") == 0
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    html = checked((folder / "index.html").read_text())
    assert not html.tags & {"script", "link", "iframe", "img"}
    assert all(a.startswith("#") and a[1:] in html.ids for a in html.addresses)
    assert "a <quantity>" in "".join(html.text)


def test_a_disagreement_is_exit_code_7_after_the_page_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick(monkeypatch, 1.2)
    assert run(monkeypatch, "--out", str(tmp_path)) == 7
    said = capsys.readouterr()
    assert "elbo-identity: a <quantity>: measured 1.2" in said.out
    assert "elbo-identity" in said.err.splitlines()[-1]
    assert "Look at elbo-identity" in (tmp_path / "index.html").read_text()
    assert run(monkeypatch, "--out", str(tmp_path), "--keep-failed") == 0


def test_what_the_file_holds_is_escaped() -> None:
    attack = "<script>alert(1)</script>"
    values = synthetic.calibration()
    for check in values["checks"]:
        check |= {"what": attack, "source": attack, "id": attack}
        check["rows"][0] |= {"quantity": attack, "basis": attack, "origin": attack, "unit": attack}
    values["errata"][0] |= {"printed": attack, "corrected": attack, "where": attack}
    values["slips"][0] |= {"printed": attack, "meant": attack, "where": attack}
    values |= {
        "rule": attack,
        "command": attack,
        "provenance": {"commit": attack, "packages": {attack: attack}},
    }
    html = checked(calibration_page.render(calibrated.of(values)))
    assert "script" not in html.tags
    assert "".join(html.text).count(attack) > 20


def test_a_stored_verdict_is_not_believed() -> None:
    values = synthetic.calibration(2.0)
    for check in values["checks"]:
        check["agrees"] = check["rows"][0]["agrees"] = True
    found = calibrated.of(values)
    assert {check.verdict for check in found.checks} == {"not reproduced"}


@pytest.mark.parametrize(
    ("relation", "measured", "agrees"),
    [
        ("=", 1.04, True),
        ("=", 1.041, False),
        ("≥", 0.961, True),
        ("≥", 0.95, False),
        (">", 1.05, True),
        (">", 1.03, False),
        ("≠", 0.95, True),
        ("≠", 1.03, False),
        ("=", float("nan"), False),
    ],
)
def test_the_rule(relation: str, measured: float, agrees: bool) -> None:
    """A standard error of 0.01 gives a margin of 0.04; a tolerance is its own margin."""
    assert drawn("q", 1.0, measured, 0.0100001, "draws", n=9, relation=relation).agrees is agrees
    assert exact("q", 1.0, measured, 0.040001, "why", relation=relation).agrees is agrees


def test_no_rows_reproduce_nothing() -> None:
    assert verdict([]) == "inconclusive"


def test_rows_survive_the_file() -> None:
    row = exact("q", 0.0, float("nan"), 1.0, "why")
    back = Row.of(json.loads(json.dumps(row.json() | {"measured": None})))
    assert not back.agrees
    assert Row.of(exact("q", 0.0, 0.5, 1.0, "why").json()) == exact("q", 0.0, 0.5, 1.0, "why")
    with pytest.raises(KeyError):
        Row.of(row.json() | {"relation": "<"})


def test_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text('{"checks": 3}')
    with pytest.raises(DataError, match="not a calibration"):
        calibrated.load(tmp_path / "calibration.json")
