"""How cells, numbers and their uncertainties are written, and what a table is before it is HTML,
Markdown or CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from threetargets import families
from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.statistics import Interval
from threetargets.report.reading.collect import Observed


@dataclass(frozen=True)
class Text:
    """A cell of a table. `kind` is a CSS class: failed, missing, best, weak, or a verdict; `more`
    is folded behind the text."""

    text: str
    kind: str = ""
    note: str = ""
    more: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """All of it in one line."""
        text = f"{self.text} ({self.note})" if self.note else self.text
        return " ".join((text, *self.more))


@dataclass(frozen=True)
class Table:
    """A table of the report with all that a reader needs to trust it. `numeric` columns are aligned
    to the right."""

    name: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]
    caption: str
    commands: tuple[str, ...] = ()
    numeric: frozenset[int] = field(default_factory=frozenset)

    @property
    def csv_rows(self) -> list[dict[str, str]]:
        texts = [[c.whole for c in row] for row in self.rows]
        return [dict(zip(self.head, row, strict=True)) for row in texts]


def target(name: str) -> str:
    """How a target is written."""
    return diffusion.symbol(name)


def cell(name: Cell) -> str:
    """The reader's name of a cell: VAE, or `ε · elbo` for a diffusion model."""
    return families.label(name)


def labels(cells: Sequence[Cell]) -> dict[Cell, str]:
    """The shortest names that tell these cells apart: the target alone, where each has its own."""
    short = {c: families.spec_of(c).short_label(c) for c in cells}
    return short if len(set(short.values())) == len(short) else {c: cell(c) for c in cells}


def number(value: float | None, digits: int = 3) -> str:
    """`digits` significant digits, no exponent for readable sizes, a true minus sign."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size > 6:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return f"{value:.{max(0, digits - 1 - size)}f}".replace("-", "−")


def count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}".replace(",", " ")


def p_value(p: float | None) -> str:
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def decimals(half: float, most: int = 5) -> int:
    """As many decimals as show two digits of the half-width."""
    return 4 if half == 0 else min(most, max(0, 1 - math.floor(math.log10(abs(half)))))


def interval(values: Interval, unit: str = "") -> str:
    """mean ± half-width, or the value with the remark that there is no interval or that it has no
    width."""
    tail = f" {unit}" if unit else ""
    if values.mean is None:
        return "–"
    half = values.half_width
    if half is None:
        return f"{number(values.mean, 4)}{tail} (n = {values.n}, no interval)"
    places = decimals(half)
    if round(half, places) == 0:
        return f"{number(values.mean, 4)}{tail} (all seeds equal)"
    return f"{values.mean:.{places}f} ± {half:.{places}f}{tail}".replace("-", "−")


def _sign(value: float, places: int) -> str:
    """With its sign, unless it is 0 or rounds to it."""
    if value == 0:
        return "0"
    text = f"{value:+.{places}f}".replace("-", "−")
    return text[1:] if float(text[1:]) == 0 else text


def signed(values: Interval) -> str:
    """A difference with its sign."""
    if values.mean is None:
        return "–"
    return _sign(values.mean, decimals(values.half_width) if values.half_width is not None else 4)


def between(values: Interval) -> str:
    """[low, high], or a dash where there is none."""
    if values.low is None or values.high is None or values.half_width is None:
        return "–"
    places = decimals(values.half_width)
    return f"[{_sign(values.low, places)}, {_sign(values.high, places)}]"


LARGEST_RATIO = 1e6
"""A larger one is not told from this one."""


def ratio(logarithm: float) -> str:
    """The ratio of which this is the natural logarithm, to two digits."""
    if logarithm > math.log(LARGEST_RATIO):
        return f"> {LARGEST_RATIO:.0f}"
    return number(math.exp(logarithm), 2)


def of(many: int, thing: str) -> str:
    """1 seed, 2 seeds; 2 studies, 2 patches."""
    return f"{many} {thing}" if many == 1 else f"{many} {_plural(thing)}"


def _plural(thing: str) -> str:
    if thing.endswith("y") and thing[-2:-1] not in "aeiou":
        return f"{thing[:-1]}ies"
    return f"{thing}es" if thing.endswith(("ch", "sh", "s", "x")) else f"{thing}s"


def listing(names: list[str]) -> str:
    """a, b and c."""
    return (
        names[0]
        if len(names) == 1
        else f"{', '.join(names[:-1])} and {names[-1]}"
        if names
        else "none"
    )


def observed(seen: Observed, values: Interval) -> Text:
    """The figure of a cell; seeds that failed or are missing are named beside it, never averaged
    away."""
    holes = []
    if seen.failed:
        holes.append(f"{len(seen.failed)} failed")
    if seen.missing:
        holes.append(f"{len(seen.missing)} missing")
    total = len(seen.values) + len(seen.failed) + len(seen.missing)
    if not seen.values:
        kind = "failed" if seen.failed else "missing"
        return Text(
            kind,
            kind,
            f"{', '.join(holes)} of {of(total, 'seed')}" if len(holes) > 1 or total > 1 else "",
        )
    note = f"{len(seen.values)} of {total} seeds; {', '.join(holes)}" if holes else ""
    return Text(interval(values), "holes" if holes else "", note)
