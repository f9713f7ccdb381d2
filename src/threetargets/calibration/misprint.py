"""One misprint: the formula as printed, the formula corrected, and what each gives where the answer
is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from threetargets.calibration.check_rows import Row, drawn, exact

KASY, DAI = "Kasy 2024 (000)", "Dai, lecture 12 (001)"
CHAPTER, POLYAKOV = "Lecture notes, chapter 11 (002)", "Polyakov 2022 (003)"
MCALLESTER = "McAllester 2022 (004)"


@dataclass(frozen=True)
class Shown:
    """One quantity by both formulas: the corrected one meets the known value, the printed one
    misses it."""

    corrected: Row
    printed: Row

    @property
    def agrees(self) -> bool:
        return self.corrected.agrees and self.printed.agrees

    @property
    def error(self) -> float:
        """What the printed formula gives, less what is right."""
        return self.printed.measured - self.printed.expected

    def json(self) -> dict[str, Any]:
        return {
            "corrected": self.corrected.json(),
            "printed": self.printed.json(),
            "error": self.error,
        }

    @classmethod
    def of(cls, values: dict[str, Any]) -> Shown:
        return cls(Row.of(values["corrected"]), Row.of(values["printed"]))


@dataclass(frozen=True)
class Erratum:
    """`where` is the slide or section. Formulas are plain text. As transcribed."""

    id: str
    source: str
    where: str
    printed: str
    corrected: str
    shown: Callable[[], list[Shown]]


@dataclass(frozen=True)
class Slip:
    """A slip of the pen or of the transcription that has no number: what is printed, what is meant,
    and where."""

    source: str
    where: str
    printed: str
    meant: str


def known(
    quantity: str,
    right: float,
    corrected: float,
    printed: float,
    tolerance: float,
    why: str,
    *,
    n: int = 1,
    unit: str = "",
    origin: str = "closed form",
) -> Shown:
    """Both formulas computed without chance."""
    rows = (
        exact(
            quantity, right, value, tolerance, why, n=n, unit=unit, origin=origin, relation=relation
        )
        for value, relation in ((corrected, "="), (printed, "≠"))
    )
    return Shown(*rows)


def simulated(
    quantity: str,
    right: float,
    corrected: tuple[float, float],
    printed: tuple[float, float],
    over: str,
    *,
    n: int,
    unit: str = "",
    origin: str = "closed form",
) -> Shown:
    """Both formulas drawn from: (value, standard error)."""
    rows = (
        drawn(quantity, right, *value, over, n=n, unit=unit, origin=origin, relation=relation)
        for value, relation in ((corrected, "="), (printed, "≠"))
    )
    return Shown(*rows)
