"""The score SDE experiment drawn: chains, samplers, and what two losses learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.experiments.score_sde.spec import LAWS, METHODS, PROCESSES, ScoreSde
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    EDGE,
    INK,
    MUTED,
    Plot,
    canvas,
    legend,
    log_bands,
    logarithmic,
    svg,
    ticks,
)
from threetargets.report.parts.of_experiments import Read, row_of
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
    "line falls as 1/T. Middle: the reversed equations, {n} samples, in standard deviations of the "
    "data; dotted, draws of the law, as many. The flow starts at even quantiles and has no other "
    "randomness: its seeds do not differ, and it may lie below random draws. Right: d log p / dx "
    "at t = {t}, where mean and median are furthest apart, and what two networks learned of it, "
    "seed {seed}. {spread}, shown as a band; {edge}."
)


def plot(results: Results, chosen: ScoreSde) -> Plot:
    rows: list[dict[str, Any]] = []
    with canvas("score-sde", 1, 3, 9.6, 3.9) as (figure, axes):
        left, middle, right = axes[0]
        own, steps = Read(results, NAME), chosen.chain.steps
        for law, style in zip(LAWS, ("-", (0, (4, 2))), strict=True):
            curves = own.line([f"chain_distance/{law}/T{t}" for t in steps])
            look = {"color": MUTED, "linestyle": style, "marker": "o", "markersize": 3}
            left.plot(steps, curves[0], label=f"chain, {law}", **look)
            rows += [row_of("chain", law, *row) for row in zip(steps, *curves, strict=True)]
        slope = curves[0][0] * 2.5 * steps[0] / np.array(steps)
        left.plot(steps, slope, color=MUTED, linestyle=(0, (1, 2)), linewidth=1)
        logarithmic(left)
        left.set(xlabel="T", title="chain to equation, W₁")
        ticks(left, steps)
        counts, lines = chosen.solving.evaluations, []
        for p in PROCESSES:
            for m in METHODS:
                curves = own.line([f"solved/{p}/{m}/n{n}" for n in counts])
                look = {"color": light(COLOURS[p]), "linestyle": DASHES[m]}
                label = f"{TITLES[p]}, {WAYS[m]}"
                lines.append((middle, counts, curves, look | {"label": label}))
                rows += [row_of(p, m, *row) for row in zip(counts, *curves, strict=True)]
        log_bands(lines)
        floor = own.interval("solved_floor").mean
        if floor is not None:
            middle.axhline(floor, color=MUTED, linestyle=(0, (1, 2)), linewidth=1)
        logarithmic(middle)
        middle.set(xlabel="evaluations", title="samples to law, W₁")
        ticks(middle, counts)
        seed, t = _fields(results, right, rows)
        legend(figure, axes, 4)
        drawn = svg(figure)
    caption = CAPTION.format(
        n=chosen.solving.samples, t=number(t, 2), seed=seed, spread=spread(results), edge=EDGE
    )
    made = commands(results, "experiment")
    return Plot("score-sde", "In continuous time", drawn, rows, caption, made)


def _fields(results: Results, panel: Any, rows: list[dict[str, Any]]) -> tuple[int, float]:
    """The right panel; the seed and the time that it shows."""
    seed, arrays = Read(results, NAME).arrays() or (results.study.seeds[0], {})
    looks = {"exact": (INK, "-"), "median": (INK, (0, (1, 1.5)))}
    looks |= {"squared": (light("v"), "-"), "unsquared": (light("flow"), "-")}
    for name, (colour, style) in looks.items():
        if name in arrays:
            panel.plot(arrays["x"], arrays[name], color=colour, linestyle=style, label=FIELDS[name])
            pairs = zip(arrays["x"], arrays[name], strict=True)
            rows += [row_of("field", name, x, y) for x, y in pairs]
    panel.set(xlabel="x", title="score, and what is learned")
    return seed, float(arrays["at"][0]) if "at" in arrays else float("nan")
