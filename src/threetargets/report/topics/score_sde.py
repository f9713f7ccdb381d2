"""The chain in continuous time: its limit, its reversal, and what the score is learned by."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.experiments.score_sde.spec import (
    LAWS,
    LOSSES,
    METHODS,
    PROCESSES,
    ScoreSde,
)
from threetargets.report.parts import experimental
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import INK, MUTED, Plot, band, canvas, legend, svg
from threetargets.report.parts.experimental import entry, summary
from threetargets.report.parts.palette import light
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.wording import Table, Text, interval, number
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.score_sde_claims import (
    CLAIMS,
    COLOURS,
    DASHES,
    FIELDS,
    NAME,
    TITLES,
    WAYS,
    block,
)

LEAD = (
    "Data are a mixture of {parts} Gaussians on a line, so that the law at every time, its score "
    "and the median of what denoising score matching regresses on are known. The least squared "
    "error is at their mean, which is the score; the least error, without the square, at their "
    "median."
)
SOLVED = (
    "Wasserstein-1 distance to the exact law, in standard deviations of the data, {n} samples with "
    "the exact score, by its evaluations (a step of the last two methods takes two). Draws of the "
    "law, as many: {floor}. The corrector's signal-to-noise ratio is {snr}: its own bias does not "
    "fall with the number of steps. {spread}."
)
MATCHED = (
    "Root mean square error of what was learned, as ε, over {levels} noise levels; mean and median "
    "of ε are {gap} apart. Last: Wasserstein-1 distance of what the probability flow makes of each "
    "by {count} evaluations. {spread}."
)


def solved(results: Results, chosen: ScoreSde) -> Table:
    counts = chosen.solving.evaluations
    rows = [
        (
            Text(TITLES[p]),
            Text(WAYS[m]),
            *(entry(results, NAME, f"solved/{p}/{m}/n{n}") for n in counts),
        )
        for p in PROCESSES
        for m in METHODS
    ]
    caption = SOLVED.format(
        n=chosen.solving.samples,
        floor=interval(summary(results, NAME, "solved_floor")),
        snr=number(chosen.solving.snr, 2),
        spread=spread(results),
    )
    head = ("process", "method", *(f"{n} evaluations" for n in counts))
    numeric = frozenset(range(2, 2 + len(counts)))
    made = commands(results, "experiment")
    return Table("score-sde-solved", "Reversed", head, tuple(rows), caption, made, numeric)


def matched(results: Results, chosen: ScoreSde) -> Table:
    rows = []
    for name, title in FIELDS.items():
        own = [Text("0"), Text("")] if name == "exact" else [Text(""), Text("0")]
        if name in LOSSES:
            own = [
                entry(results, NAME, f"field_error/{name}/{what}") for what in ("score", "median")
            ]
        rows.append((Text(title), *own, entry(results, NAME, f"generated/{name}")))
    caption = MATCHED.format(
        levels=chosen.matching.levels,
        gap=interval(summary(results, NAME, "field_gap")),
        count=chosen.solving.evaluations[-1],
        spread=spread(results),
    )
    head = ("field", "from the score", "from the median", "its samples")
    made = commands(results, "experiment")
    numeric = frozenset({1, 2, 3})
    return Table("score-sde-norm", "Two losses", head, tuple(rows), caption, made, numeric)


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


def sentences(results: Results) -> list[str]:
    chosen = block(results)
    if chosen is None or summary(results, NAME, "field_error/unsquared/score").mean is None:
        return []
    off = {loss: summary(results, NAME, f"field_error/{loss}/score") for loss in LOSSES}
    far = {loss: summary(results, NAME, f"generated/{loss}") for loss in LOSSES}
    return [
        "Score matching by the norm as printed, not squared, is off the score by "
        f"{interval(off['unsquared'])} in ε, squared by {interval(off['squared'])}; their samples "
        f"are {interval(far['unsquared'])} and {interval(far['squared'])} standard deviations off."
    ]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    lead = LEAD.format(parts=len(chosen.data.weights))
    tables = (matched(results, chosen),)
    folded = (solved(results, chosen),)
    drawn = (plot(results, chosen),)
    return [Section(NAME, "Score SDE", lead, tables, drawn, folded)]


TOPIC = Topic(NAME, sections, CLAIMS, sentences)
