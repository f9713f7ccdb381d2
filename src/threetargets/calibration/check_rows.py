"""One measured quantity beside the value that is known of it, and the rule by which the two agree.

What is computed without chance agrees within a stated tolerance. What is drawn agrees within SIGMAS
standard errors: seeds are fixed, so the same rows are drawn at every run, and at 4 standard errors
a hundred rows that are all right hold one that is not with a probability below 0.01.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, SupportsFloat

SIGMAS = 4.0
RELATIONS = ("=", "≥", ">", "≠")
RULE = (
    "A row agrees if measured and expected are related as stated. Tolerances bound rounding, "
    "or the error of a grid or of a step, and say which; what is drawn has a standard error "
    f"and a margin of {SIGMAS:g} of them: = within the margin, ≥ not below by more than the "
    "margin, > above and ≠ apart by more than it. Seeds are fixed."
)
REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "not reproduced", "inconclusive"


@dataclass(frozen=True, kw_only=True)
class Row:
    """`uncertainty` is a standard error where `drawn`, else a tolerance; `basis` says over what, or
    why so much.

    `origin` says where the expected value is from. `n` counts what `basis` averages or what was
    tried.
    """

    quantity: str
    expected: float
    measured: float
    relation: str = "="
    uncertainty: float
    drawn: bool
    basis: str
    origin: str
    n: int
    unit: str = ""

    @property
    def margin(self) -> float:
        return self.uncertainty * (SIGMAS if self.drawn else 1.0)

    @property
    def agrees(self) -> bool:
        """False for anything that is not a finite number."""
        if not all(math.isfinite(v) for v in (self.expected, self.measured, self.uncertainty)):
            return False
        difference = self.measured - self.expected
        if self.relation == "=":
            return abs(difference) <= self.margin
        if self.relation == "≥":
            return difference >= -self.margin
        return (difference if self.relation == ">" else abs(difference)) > self.margin

    @property
    def open(self) -> bool:
        """Not shown, and not refuted either: a difference that should be seen lies within the
        margin."""
        return (
            not self.agrees
            and self.relation in (">", "≠")
            and abs(self.measured - self.expected) <= self.margin
        )

    def json(self) -> dict[str, Any]:
        return asdict(self) | {"agrees": self.agrees}

    @classmethod
    def of(cls, values: dict[str, Any]) -> Row:
        """A row read back; `agrees` is decided again from the numbers. Raises KeyError or
        TypeError."""
        kept = {k: v for k, v in values.items() if k != "agrees"}
        for name in ("expected", "measured", "uncertainty"):
            kept[name] = math.nan if kept[name] is None else float(kept[name])
        if kept["relation"] not in RELATIONS:
            raise KeyError(kept["relation"])
        return cls(**kept)


def written(value: float) -> str:
    """A short number with a true minus sign."""
    return f"{value:g}".replace("-", "−")


def exact(
    quantity: str,
    expected: SupportsFloat,
    measured: SupportsFloat,
    tolerance: float,
    why: str,
    *,
    n: int = 1,
    unit: str = "",
    origin: str = "closed form",
    relation: str = "=",
) -> Row:
    """A row without chance: `tolerance` is allowed because of `why`."""
    return Row(
        quantity=quantity,
        expected=float(expected),
        measured=float(measured),
        relation=relation,
        uncertainty=tolerance,
        drawn=False,
        basis=why,
        origin=origin,
        n=n,
        unit=unit,
    )


def drawn(
    quantity: str,
    expected: SupportsFloat,
    measured: SupportsFloat,
    stderr: SupportsFloat,
    over: str,
    *,
    n: int,
    unit: str = "",
    origin: str = "closed form",
    relation: str = "=",
) -> Row:
    """A Monte Carlo row: `stderr` is the standard error over `over`."""
    return Row(
        quantity=quantity,
        expected=float(expected),
        measured=float(measured),
        relation=relation,
        uncertainty=float(stderr),
        drawn=True,
        basis=over,
        origin=origin,
        n=n,
        unit=unit,
    )


def verdict(rows: Sequence[Row]) -> str:
    """Reproduced: every row agrees. Not reproduced: a row is refuted. Inconclusive: else, and
    without any row."""
    if not rows:
        return INCONCLUSIVE
    if all(row.agrees for row in rows):
        return REPRODUCED
    return INCONCLUSIVE if all(row.agrees or row.open for row in rows) else NOT_REPRODUCED
