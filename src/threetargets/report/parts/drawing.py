"""One style for every figure: matplotlib's SVG, the same bytes for the same numbers, for light and
dark pages.

Colours are drawn as fixed light-page values; in the page each becomes a CSS variable, so the
reader's scheme decides.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from threetargets.families import spec_of
from threetargets.families.cell import Cell
from threetargets.metrics.statistics import t_interval
from threetargets.report.parts.palette import PALETTE, light
from threetargets.report.parts.ticks import plain_powers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


PAPER, INK, RULE, MUTED = map(light, ("paper", "ink", "rule", "muted"))
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "normal",
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "lines.linewidth": 1.4,
}


FONT = "font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Plot:
    """A figure of the report: the drawing, the numbers behind it, and what a reader has to know to
    read it."""

    name: str
    title: str
    svg: str
    rows: Sequence[dict[str, Any]]
    caption: str
    commands: tuple[str, ...] = field(default=())
    wide: bool = True

    @property
    def columns(self) -> list[str]:
        return list(self.rows[0]) if self.rows else []

    @property
    def inline(self) -> str:
        """The drawing for the page: no fixed size, colours from the style sheet, identifiers of its
        own."""
        svg = self.svg[self.svg.index("<svg") :]
        width = re.search(r'width="([\d.]+)pt"', svg)
        svg = re.sub(r'(<svg[^>]*?) height="[\d.]+pt"', r"\1", svg, count=1)
        size = float(width.group(1)) * 1.45 if width else 0
        svg = re.sub(
            r'(<svg[^>]*?) width="[\d.]+pt"',
            rf'\1 style="max-width: {size:.0f}px" role="img"',
            svg,
            count=1,
        )
        svg = re.sub(r'\bid="', f'id="{self.name}-', svg)
        svg = re.sub(r'href="#', f'href="#{self.name}-', svg)
        svg = re.sub(r"url\(#", f"url(#{self.name}-", svg)
        for name, (colour, _) in PALETTE.items():
            svg = svg.replace(colour, f"var(--{name})")
        return svg


def colour(cell: Cell) -> str:
    """The colour of a cell, by its family: a target's for diffusion models."""
    return light(spec_of(cell).look(cell).colour)


FURTHER = ((0, (6, 2)), (0, (1, 1.6)), (0, (6, 2, 1, 2)))
"""Lines of cells that look like one before them."""


def dash(cell: Cell, among: Sequence[Cell]) -> Any:
    """The line of a cell, where others of its colour share the figure or not; variants, which look
    alike, take further ones in their order."""
    look = spec_of(cell).look(cell)
    shared = sum(spec_of(c).look(c).colour == look.colour for c in among) > 1
    own = spec_of(cell).look(cell, shared)
    alike = [c for c in among if spec_of(c).look(c, shared) == own]
    place = alike.index(cell) if cell in alike else 0
    return FURTHER[(place - 1) % len(FURTHER)] if place else own.dash


@contextmanager
def canvas(
    name: str, rows: int, columns: int, width: float, height: float, **options: Any
) -> Iterator[tuple[Figure, np.ndarray]]:
    """A figure and its axes, shape (rows, columns), in the report's style; `name` salts the SVG's
    identifiers."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    style: Any = STYLE | {"svg.hashsalt": name}
    with matplotlib.rc_context(style):
        figure, axes = plt.subplots(
            rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **options
        )
        try:
            yield figure, axes
        finally:
            plt.close(figure)


def svg(figure: Figure) -> str:
    """The drawing as SVG text, without date or version."""
    out = io.StringIO()
    plain_powers(figure)
    figure.savefig(
        out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", rf"font-size: \1px; {FONT}", out.getvalue())
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def over_seeds(
    curves: Sequence[Sequence[float | None]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, low and high of the 95% t interval at each place of curves (seeds, places); nan where a
    seed has none.

    With one seed low and high are nan: no band.
    """
    array = np.array(
        [[np.nan if v is None else v for v in curve] for curve in curves], dtype=np.float64
    )
    bounds = []
    for column in array.T:
        interval = t_interval(column) if np.isfinite(column).all() else t_interval([])
        bounds.append(
            [np.nan if v is None else v for v in (interval.mean, interval.low, interval.high)]
        )
    mean, low, high = np.array(bounds).reshape(-1, 3).T
    return mean, low, high


def band(
    axes: Axes,
    x: Sequence[float] | np.ndarray,
    curves: tuple[np.ndarray, np.ndarray, np.ndarray],
    **line: Any,
) -> None:
    """A line with its band."""
    mean, low, high = curves
    axes.plot(x, mean, **line)
    axes.fill_between(np.asarray(x), low, high, color=line["color"], alpha=0.16, linewidth=0)


Curves = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Mean, low and high."""


def to_edge(lines: Sequence[Curves]) -> list[Curves]:
    """For a logarithmic axis, which has no 0: an interval that reaches it goes down to a tenth of
    the least positive thing drawn; all others are what they are."""
    values = np.concatenate([np.ravel(curves) for curves in lines] or [np.zeros(0)])
    edge = values[values > 0].min(initial=np.inf) / 10
    return [(mean, np.where((low <= 0) & (high > 0), edge, low), high) for mean, low, high in lines]


def log_bands(lines: Sequence[tuple[Axes, Sequence[float] | np.ndarray, Curves, Any]]) -> None:
    """Lines with their bands on panels of one logarithmic axis, (panel, x, curves, look) each; the
    axis ends where an interval that reaches 0 does."""
    shown = to_edge([curves for _, _, curves, _ in lines])
    for (panel, x, had, look), curves in zip(lines, shown, strict=True):
        band(panel, x, curves, **look)
        moved = curves[1][(had[1] <= 0) & (curves[1] > 0)]
        panel.collections[-1].sticky_edges.y.extend(map(float, moved))
    for panel in {id(line[0]): line[0] for line in lines}.values():
        logarithmic(panel, x=False)


def logarithmic(panel: Axes, x: bool = True) -> None:
    """A logarithmic axis, or two, where anything is drawn that it can show."""
    drawn = [np.asarray(line.get_ydata(), dtype=np.float64) for line in panel.get_lines()]
    if any((values[np.isfinite(values)] > 0).any() for values in drawn):
        panel.set_yscale("log")
        if x:
            panel.set_xscale("log")


def ticks(panel: Axes, places: Sequence[float]) -> None:
    """These and no others, in plain numbers."""
    from matplotlib import ticker

    panel.set_xticks(places, [f"{place:g}" for place in places])
    panel.xaxis.set_minor_formatter(ticker.NullFormatter())


EDGE = "an interval that reaches 0 runs to the edge"
"""Said below figures with a logarithmic axis."""


def plain_log(panel: Axes, along: str = "y") -> None:
    """A logarithmic axis, of what is drawn already, with 1, 2, 5 in plain numbers; with more of
    them where these would be fewer than three."""
    from matplotlib import ticker

    axis = panel.xaxis if along == "x" else panel.yaxis
    (panel.set_xscale if along == "x" else panel.set_yscale)("log")
    low, high = sorted(axis.get_view_interval())
    few = low > 0 and high / low < 8
    subs = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0) if few else (1.0, 2.0, 5.0)
    axis.set_major_locator(ticker.LogLocator(subs=subs, numticks=7))
    axis.set_major_formatter(ticker.FuncFormatter(_plain))
    axis.set_minor_formatter(ticker.NullFormatter())


def _plain(value: float, _: int | None) -> str:
    return f"{value / 1000:g}k" if value >= 10_000 else f"{value:g}"


def legend(figure: Figure, axes: np.ndarray, columns: int = 5) -> None:
    """One legend below all panels, of what any of them shows."""
    unique: dict[str, Any] = {}
    for panel in axes.ravel():
        handles, labels = panel.get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True)) | unique
    if unique:
        figure.legend(
            list(unique.values()),
            list(unique),
            loc="outside lower center",
            ncols=min(columns, len(unique)),
            handlelength=2.2,
            columnspacing=1.4,
        )


def floats(values: list[Any]) -> list[float]:
    return [math.nan if v is None else float(v) for v in values]
