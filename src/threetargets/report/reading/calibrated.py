"""What `threetargets calibrate` found, read back: the checks with their rows, and the errata with
their errors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threetargets.calibration.check_rows import Row, verdict
from threetargets.calibration.misprint import Shown, Slip
from threetargets.errors import DataError
from threetargets.files import read_json

FILE, PAGE = "calibration.json", "index.html"


@dataclass(frozen=True)
class Checked:
    """One check: whether its rows agree is decided again from their numbers."""

    id: str
    what: str
    claim: str
    source: str
    telling: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def verdict(self) -> str:
        return verdict(self.rows)

    @property
    def agreeing(self) -> int:
        return sum(row.agrees for row in self.rows)

    @property
    def telling_rows(self) -> tuple[Row, ...]:
        """The rows that the report quotes, and those that do not agree."""
        return tuple(r for r in self.rows if r.quantity.startswith(self.telling) or not r.agrees)


@dataclass(frozen=True)
class Corrected:
    """One erratum, with what each formula gives."""

    id: str
    source: str
    where: str
    printed: str
    corrected: str
    shown: tuple[Shown, ...]

    @property
    def agrees(self) -> bool:
        return bool(self.shown) and all(s.agrees for s in self.shown)


@dataclass(frozen=True)
class Calibration:
    """Everything in calibration.json."""

    rule: str
    checks: tuple[Checked, ...]
    errata: tuple[Corrected, ...]
    slips: tuple[Slip, ...]
    command: str
    provenance: dict[str, Any]

    def claim(self, name: str) -> Checked | None:
        """The check that decides a claim."""
        return next((check for check in self.checks if check.claim == name), None)

    @property
    def rows(self) -> int:
        return sum(len(check.rows) for check in self.checks)

    @property
    def disagreements(self) -> list[str]:
        """The checks and errata that do not come out, by their ids."""
        return [c.id for c in self.checks if c.verdict != "reproduced"] + [
            e.id for e in self.errata if not e.agrees
        ]


def of(values: dict[str, Any]) -> Calibration:
    """From the JSON values. Raises KeyError, TypeError, ValueError or AttributeError where they are
    something else."""
    checks = tuple(
        Checked(
            c["id"],
            c["what"],
            c["claim"],
            c["source"],
            tuple(c["telling"]),
            tuple(Row.of(row) for row in c["rows"]),
        )
        for c in values["checks"]
    )
    errata = tuple(
        Corrected(
            e["id"],
            e["source"],
            e["where"],
            e["printed"],
            e["corrected"],
            tuple(Shown.of(s) for s in e["shown"]),
        )
        for e in values["errata"]
    )
    slips = tuple(Slip(**s) for s in values["slips"])
    return Calibration(
        values["rule"], checks, errata, slips, values["command"], dict(values["provenance"])
    )


def load(path: Path) -> Calibration:
    """Raises MissingInput, or DataError for a damaged file."""
    values = read_json(path)
    try:
        return of(values)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError(
            f"{path}: not a calibration; delete it and run threetargets calibrate again"
        ) from None
