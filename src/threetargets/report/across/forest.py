"""The picture across studies: a row for each, a panel for each weighting, an interval for each
difference."""

from __future__ import annotations

from typing import Any

from threetargets.report.across.contrasts import (
    BOUND,
    MEASURES,
    PAIRS,
    WEIGHTINGS,
    Case,
    Contrast,
)
from threetargets.report.parts.drawing import INK, Plot, canvas, legend, svg
from threetargets.report.parts.palette import light
from threetargets.report.parts.wording import target

NAME = "differences"
TITLE = "Differences of targets, study by study"
LINEAR = 0.05
"""Bounds are drawn linearly up to this, in bits/dim, and logarithmically beyond."""
MARKS = {"x0": "o", "score": "^", "v": "s"}
CAPTION = (
    "Less than 0: the target named first has the lower bound, or FID (the logarithm of its excess "
    "over the floor). Mean over seeds and interval that holds for all pairs of a study together; "
    f"open: one seed, no interval; bounds are on a scale that is linear to {LINEAR:g} bits/dim."
)


def _measures(some: list[Contrast]) -> list[str]:
    return [m for m in MEASURES if any(c.measure == m for c in some)]


def picture(some: list[Contrast]) -> Plot | None:
    """None without anything to draw."""
    measures = _measures(some)
    panels = [w for w in WEIGHTINGS if any(c.weighting == w for c in some)]
    of_measure = [
        list(dict.fromkeys(c.case.name for c in some if c.measure == m)) for m in measures
    ]
    if not measures:
        return None
    heights = [len(names) + 1.4 for names in of_measure]
    size = (len(measures), len(panels), 9.4, 0.9 + 0.23 * sum(heights))
    ratios = {"height_ratios": heights}
    with canvas(NAME, *size, sharey="row", gridspec_kw=ratios) as (figure, axes):
        for row, measure, names in zip(axes, measures, of_measure, strict=True):
            for panel, weighting in zip(row, panels, strict=True):
                panel.axvline(0, color=INK, linewidth=0.8)
                panel.set_title(weighting if measure == measures[0] else "")
                here = [c for c in some if (c.measure, c.weighting) == (measure, weighting)]
                for contrast in here:
                    _mark(panel, contrast, names)
                panel.set_xlabel(_axis(measure))
                if measure == BOUND:
                    _scale(panel, here)
            row[0].set_yticks(range(len(names)), names)
            row[0].set_ylim(len(names) - 0.5, -0.5)
        legend(figure, axes)
        drawn = svg(figure)
    rows = [_numbers(c) for c in some]
    return Plot(NAME, TITLE, drawn, rows, CAPTION, ("threetargets index",))


def _axis(measure: str) -> str:
    return "bound, bits/dim" if measure == BOUND else "log FID excess"


def _scale(panel: Any, here: list[Contrast]) -> None:
    """Both signs on a logarithmic scale, with few ticks in plain numbers."""
    from matplotlib import ticker

    panel.set_xscale("symlog", linthresh=LINEAR, linscale=0.5)
    ends = [v for c in here for v in (c.interval.mean, c.interval.low, c.interval.high) if v]
    low, high = min([*ends, -LINEAR]), max([*ends, LINEAR])
    panel.set_xlim(low * 1.6, high * 1.6)
    sizes = [v for v in (0.05, 0.5, 5, 50, 500) if v <= max(-low, high) * 1.6]
    ticks = [t for t in (*(-v for v in reversed(sizes)), 0, *sizes) if low * 1.6 <= t <= high * 1.6]
    panel.xaxis.set_major_locator(ticker.FixedLocator(ticks))
    panel.xaxis.set_major_formatter(ticker.FuncFormatter(lambda v, _: f"{v:g}".replace("-", "−")))
    panel.xaxis.set_minor_locator(ticker.NullLocator())


def _mark(panel: Any, contrast: Contrast, names: list[str]) -> None:
    """One difference: filled with an interval, open without."""
    place = [first for first, _ in PAIRS].index(contrast.first)
    y = names.index(contrast.case.name) + (-0.22, 0.0, 0.22)[place]
    values, colour = contrast.interval, light(contrast.first)
    alone = values.low is None or values.high is None
    if not alone:
        panel.plot([values.low, values.high], [y, y], color=colour, linewidth=1.3)
    panel.plot(
        *([values.mean], [y], MARKS[contrast.first]),
        color=colour,
        markerfacecolor="none" if alone else colour,
        markersize=4.5,
        label=f"{target(contrast.first)} − {target(contrast.second)}"
        + (", one seed" if alone else ""),
    )


def _numbers(contrast: Contrast) -> dict[str, Any]:
    case: Case = contrast.case
    return {
        "study": case.study.name,
        "input_skip": case.skip,
        "differs": case.more,
        "measure": "bound, bits/dim" if contrast.measure == BOUND else "log FID excess",
        "weighting": contrast.weighting,
        "difference": f"{contrast.first} - {contrast.second}",
        "mean": contrast.interval.mean,
        "low": contrast.interval.low,
        "high": contrast.interval.high,
        "seeds": contrast.interval.n,
        "verdict": contrast.verdict,
    }
