"""Numbers at logarithmic axes, as plain text: names in a drawing are read as they stand, and with
them matplotlib's own mathematics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SMALLEST, LARGEST = 1e-3, 1e5
"""Numbers beyond are written by a power of ten."""


def power(value: float) -> str:
    """0.02, 500, 10⁻⁴, 2×10⁶, with a true minus sign."""
    if value == 0 or SMALLEST <= abs(value) < LARGEST:
        return f"{value:g}".replace("-", "−")
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    digits = f"{abs(value) / 10.0**exponent:.3g}"
    sign, times = "−" if value < 0 else "", "" if digits == "1" else f"{digits}×"
    return f"{sign}{times}10{str(exponent).translate(RAISED)}"


def plain_powers(figure: Figure) -> None:
    """Every logarithmic axis that is left to matplotlib keeps its choice of labels, and has them as
    `power` writes them."""
    from matplotlib import ticker

    class Powers(ticker.Formatter):
        def __init__(self, chosen: ticker.Formatter) -> None:
            self.chosen = chosen

        def __call__(self, x: float, pos: int | None = None) -> str:
            return power(x) if self.chosen(x, pos) else ""

        def set_locs(self, locs: list[float]) -> None:
            self.chosen.set_locs(locs)

    for panel in figure.axes:
        for axis in (panel.xaxis, panel.yaxis):
            major, minor = axis.get_major_formatter(), axis.get_minor_formatter()
            if isinstance(major, ticker.LogFormatterSciNotation):
                axis.set_major_formatter(Powers(major))
            if isinstance(minor, ticker.LogFormatterSciNotation):
                axis.set_minor_formatter(Powers(minor))
