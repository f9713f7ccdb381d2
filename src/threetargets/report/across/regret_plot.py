"""The first picture across studies: a row for each target and loss, a mark for each study and
network, at how far it is behind the best one there."""

from __future__ import annotations

import math
from typing import Any

from threetargets.report.across.contrasts import BOUND, FID, MEASURES
from threetargets.report.across.regret import Choice, Regret, choices, worst
from threetargets.report.across.which import MEANING, amount
from threetargets.report.parts.drawing import INK, MUTED, Plot, canvas, legend, svg
from threetargets.report.parts.palette import light
from threetargets.report.parts.wording import LARGEST_RATIO

NAME = "regret"
TITLE = "How far each target and loss is behind the best of the same network"
LINEAR = 0.1
"""Bounds are drawn linearly up to this, in bits/dim, and logarithmically beyond."""
SHAPES = "osD^vP*"
"""By data set."""
AXES = {
    BOUND: f"bound: behind the best, bits/dim (linear to {LINEAR:g})",
    FID: "excess FID without guidance: times the lowest",
}
CAPTION = (
    "Each mark is a study, or its variant with an input skip: mean over seeds and 95% interval, "
    "open where there is one seed; right of each panel stands the worst of several seeds. "
    f"{MEANING}"
)


def picture(some: list[Regret]) -> Plot | None:
    """None without two studies that share a choice."""
    rows = choices(some)
    measures = [m for m in MEASURES if any(r.measure == m for r in some)]
    if not measures:
        return None
    data = sorted({*map(_data, some)})
    size = (1, len(measures), 9.4, 1.2 + 0.27 * len(rows))
    with canvas(NAME, *size, sharey="row") as (figure, axes):
        for panel, measure in zip(axes[0], measures, strict=True):
            panel.axvline(0 if measure == BOUND else 1, color=INK, linewidth=0.8)
            _scale(panel, measure)
            for row, one in enumerate(rows):
                here = [r for r in some if (r.measure, r.choice) == (measure, one)]
                for k, regret in enumerate(here):
                    _mark(panel, regret, row + _aside(k, len(here)), data)
                _beside(panel, some, measure, row, one)
                if row and one.loss != rows[row - 1].loss:
                    panel.axhline(row - 0.5, color=MUTED, linewidth=0.6)
            panel.set_xlabel(AXES[measure])
            panel.set_title("worst, several seeds", loc="right", color=MUTED)
        axes[0][0].set_yticks(range(len(rows)), [one.label for one in rows])
        axes[0][0].set_ylim(len(rows) - 0.4, -0.6)
        legend(figure, axes)
        drawn = svg(figure)
    return Plot(NAME, TITLE, drawn, [_numbers(r) for r in some], CAPTION)


def _ratio(logarithm: float) -> float:
    """As large as can be drawn."""
    return math.exp(min(logarithm, math.log(LARGEST_RATIO)))


def _data(one: Regret) -> str:
    """The data set, or where it is not known the study."""
    known = one.case.study.setting
    return (known.data if known else "") or one.study


def _aside(k: int, many: int) -> float:
    """Marks of a row beside each other, within its middle."""
    return 0.0 if many == 1 else 0.6 * (k / (many - 1) - 0.5)


def _at(one: Regret, value: float | None) -> float | None:
    return value if value is None or one.measure == BOUND else _ratio(value)


def _scale(panel: Any, measure: str) -> None:
    from matplotlib import ticker

    if measure == BOUND:
        panel.set_xscale("symlog", linthresh=LINEAR, linscale=0.6)
        panel.xaxis.set_major_locator(ticker.FixedLocator([0, 0.05, 0.1, 0.3, 1, 3, 10, 30, 100]))
    else:
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 3.0)))
    panel.xaxis.set_major_formatter(ticker.FuncFormatter(lambda v, _: f"{v:g}"))
    panel.xaxis.set_minor_locator(ticker.NullLocator())


def _mark(panel: Any, one: Regret, y: float, data: list[str]) -> None:
    colour, mean = light(one.choice.target), _at(one, one.behind.mean)
    low, high = _at(one, one.behind.low), _at(one, one.behind.high)
    if low is not None and high is not None:
        panel.plot([low, high], [y, y], color=colour, linewidth=0.9, alpha=0.6)
    shape = SHAPES[data.index(_data(one)) % len(SHAPES)]
    open_one = one.behind.n < 2
    face = "none" if open_one else colour
    panel.plot([mean], [y], shape, color=colour, markerfacecolor=face, markersize=4)
    panel.plot([], [], shape, color=MUTED, markersize=4.5, linestyle="none", label=f" {_data(one)}")


def _beside(panel: Any, some: list[Regret], measure: str, row: int, one: Choice) -> None:
    most = worst(some, measure, one)
    if most is not None:
        text = amount(measure, most.behind.mean or 0.0)
        where = panel.get_yaxis_transform()
        panel.text(1.01, row, text, transform=where, va="center", color=INK, clip_on=False)


def _numbers(one: Regret) -> dict[str, Any]:
    return {
        "study": one.study,
        "input_skip": one.case.skip,
        "differs": one.case.more,
        "measure": "bound, bits/dim" if one.measure == BOUND else "log ratio of FID excess",
        "target": one.choice.target,
        "loss": one.choice.loss,
        "behind": one.behind.mean,
        "low": one.behind.low,
        "high": one.behind.high,
        "seeds": one.behind.n,
        "best": one.best,
    }
