"""The score SDE experiment drawn: chains, samplers, and what two losses learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.experiments.score_sde.spec import LAWS, METHODS, PROCESSES, ScoreSde
from threetargets.report.parts import experimental
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import INK, MUTED, Plot, band, canvas, legend, svg
from threetargets.report.parts.experimental import summary
from threetargets.report.parts.palette import light
from threetargets.report.parts.wording import number
from threetargets.report.reading.collect import Results

NAME = "score_sde"
TITLES = {"vp": "VP", "ve": "VE", "sub-vp": "sub-VP"}
WAYS = {
    "euler-maruyama": "Euler-Maruyama",
    "predictor-corrector": "predictor-corrector",
    "flow-heun": "probability flow (Heun)",
}
COLOURS = dict(zip(PROCESSES, ("x0", "eps", "score"), strict=True))
DASHES: dict[str, Any] = dict(zip(METHODS, ("-", (0, (4, 2)), (0, (1, 1.5))), strict=True))
FIELDS = {
    "exact": "mean: the score",
    "median": "median",
    "squared": "learned, norm squared",
    "unsquared": "learned, norm as printed",
}

CAPTION = (
    "Left: the largest distance over the times of DDPM's chain to the equation, exact; the dotted "
    "line falls as 1/T. Middle: the reversed equations. Right: d log p / dx at t = {t}, where mean "
    "and median are furthest apart, and what two networks learned of it, seed {seed}. {spread}, "
    "shown as a band."
)


def plot(results: Results, chosen: ScoreSde) -> Plot:
    rows: list[dict[str, Any]] = []
    with canvas("score-sde", 1, 3, 9.6, 3.9) as (figure, axes):
        left, middle, right = axes[0]
        steps = chosen.chain.steps
        for law, style in zip(LAWS, ("-", (0, (4, 2))), strict=True):
            metrics = [f"chain_distance/{law}/T{t}" for t in steps]
            mean = experimental.line(results, NAME, metrics)[0]
            look = {"color": MUTED, "linestyle": style, "marker": "o", "markersize": 3}
            left.plot(steps, mean, label=f"chain, {law}", **look)
            rows += [_row("chain", law, t, v) for t, v in zip(steps, mean, strict=True)]
        slope = mean[0] * 2.5 * steps[0] / np.array(steps)
        left.plot(steps, slope, color=MUTED, linestyle=(0, (1, 2)), linewidth=1)
        experimental.logarithmic(left)
        left.set(xlabel="T", title="chain to equation, W₁")
        experimental.ticks(left, steps)
        counts = chosen.solving.evaluations
        for p in PROCESSES:
            for m in METHODS:
                metrics = [f"solved/{p}/{m}/n{n}" for n in counts]
                curves = experimental.line(results, NAME, metrics)
                label = f"{TITLES[p]}, {WAYS[m]}"
                band(
                    middle,
                    counts,
                    experimental.above_zero(curves),
                    color=light(COLOURS[p]),
                    label=label,
                    linestyle=DASHES[m],
                )
                rows += [_row(p, m, n, v) for n, v in zip(counts, curves[0], strict=True)]
        floor = summary(results, NAME, "solved_floor").mean
        if floor is not None:
            middle.axhline(floor, color=MUTED, linestyle=(0, (1, 2)), linewidth=1)
        experimental.logarithmic(middle)
        middle.set(xlabel="evaluations", title="samples to law, W₁")
        experimental.ticks(middle, counts)
        seed, t = _fields(results, right, rows)
        legend(figure, axes, 4)
        drawn = svg(figure)
    caption = CAPTION.format(t=number(t, 2), seed=seed, spread=spread(results))
    made = commands(results, "experiment")
    return Plot("score-sde", "In continuous time", drawn, rows, caption, made)


def _row(what: str, which: str, x: float, y: float) -> dict[str, Any]:
    return {"what": what, "which": which, "x": float(x), "y": float(y)}


def _fields(results: Results, panel: Any, rows: list[dict[str, Any]]) -> tuple[int, float]:
    """The right panel; the seed and the time that it shows."""
    seed, arrays = experimental.arrays(results, NAME) or (results.study.seeds[0], {})
    looks = {"exact": (INK, "-"), "median": (INK, (0, (1, 1.5)))}
    looks |= {"squared": (light("v"), "-"), "unsquared": (light("flow"), "-")}
    for name, (colour, style) in looks.items():
        if name in arrays:
            panel.plot(arrays["x"], arrays[name], color=colour, linestyle=style, label=FIELDS[name])
            pairs = zip(arrays["x"], arrays[name], strict=True)
            rows += [_row("field", name, x, y) for x, y in pairs]
    panel.set(xlabel="x", title="score, and what is learned")
    return seed, float(arrays["at"][0]) if "at" in arrays else float("nan")
