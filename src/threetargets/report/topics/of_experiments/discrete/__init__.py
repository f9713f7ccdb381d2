"""Diffusion over a finite alphabet: the bound of the exact posterior, absorption as autoregression
in any order, digits of 17 levels, and binarised MNIST beside published figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from threetargets.experiments.digit_sizes import LEVELS, SIDE
from threetargets.experiments.discrete.spec import Discrete
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    EDGE,
    INK,
    MUTED,
    Plot,
    band,
    canvas,
    legend,
    log_bands,
    svg,
)
from threetargets.report.parts.image_rows import draw_rows
from threetargets.report.parts.of_experiments import Read, block_of
from threetargets.report.parts.palette import light
from threetargets.report.parts.topic import CHAPTER, Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
)
from threetargets.report.parts.wording import Table, Text, number
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_experiments.discrete import binarised_mnist

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "discrete"
COLOURS = {"absorbing": "x0", "uniform": "eps"}
AUSTIN = "Austin et al. 2021, arXiv:2107.03006 (beyond the lecture notes)"
SAME = 1e-6
"""nats by which two ways to one exact number may differ."""

LEAD = (
    "Each pixel has one of K levels and jumps: to a level drawn at random (uniform) or to a mask "
    "(absorbing). A network says what each pixel was by the others; the bound follows. On "
    "{states} states and on {pixels} binary pixels everything is counted out; on the digits of "
    "{levels} levels two networks of one size are trained."
)


def block(results: Results) -> Discrete | None:
    return block_of(results, NAME, Discrete)


def decide_orders(results: Results) -> Finding:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    first, last = min(chosen.patch.steps), max(chosen.patch.steps)
    names = ("orders/mean", "orders/continuous", f"orders/T{first}", f"orders/T{last}")
    seen = [own.figure(name) for name in names]
    seeds = [s for s in results.study.seeds if all(s in one.values for one in seen)]
    if not seeds:
        return NOTHING
    mean, limit, short, long = ([one.values[s] for s in seeds] for one in seen)
    apart = max(abs(a - b) for a, b in zip(mean, limit, strict=True))
    left = [abs(d - a) / abs(c - a) for a, c, d in zip(mean, short, long, strict=True)]
    verdict = REPRODUCED if max(left) < first / last * 2 else INCONCLUSIVE
    if apart > SAME:
        verdict = NOT_REPRODUCED
    elif len(seeds) < len(results.study.seeds) and verdict == REPRODUCED:
        verdict = INCONCLUSIVE
    return Finding(
        verdict,
        f"largest difference over seeds {number(apart, 2)} nats; of the distance at T = {first} "
        f"there is left at T = {last}: {', '.join(number(value, 2) for value in left)}",
        f"{NAME}; seeds {', '.join(map(str, seeds))}",
    )


def decide_absorbing(results: Results) -> Finding:
    if block(results) is None:
        return NOTHING
    own = Read(results, NAME)
    rows = {"uniform less absorbing": own.less("bound/uniform", "bound/absorbing")}
    return own.decided("bound of the test digits, bits/dim", rows)


TRIAL = "written down after a trial of seed 0 with longer trainings had been seen"
ORDERS = Claim(
    "absorbing-autoregressive",
    "Masking pixel by pixel and learning the way back is fitting an autoregressive model: its "
    "bound is the mean over all orders.",
    f"{CHAPTER}, 11.2.4; Hoogeboom et al. 2022, arXiv:2110.02037",
    "A trained network for a few binary pixels, all orders walked and all states summed: the mean "
    "over orders of the autoregressive negative log-likelihood, against the absorbing bound for T "
    "to infinity, and at finite T.",
    "Reproduced: in every seed the two agree within 1e-6 nats (an identity: a check of the "
    "program), and the distance of the bound from them at the largest T is less than twice "
    "(smallest T / largest T) of that at the smallest. Not reproduced: they differ by more in some "
    "seed. Inconclusive: else, or a seed is missing.",
    decide_orders,
    f"{TRIAL}; a bound below them counts by its distance",
)
ABSORBING = Claim(
    "absorbing-over-uniform",
    "Absorbing corruption gives a better bound than uniform corruption.",
    f"{AUSTIN}; there text8, 1.45 against 1.61 bits/character",
    "Digits of 17 levels: bounds at one T of two networks of one size, trained alike.",
    "Reproduced: uniform less absorbing lies above 0 (paired t over seeds, at 1 − alpha). Not "
    "reproduced: below 0. Inconclusive: else, or a seed is missing.",
    decide_absorbing,
    TRIAL,
)


def bounds(results: Results, chosen: Discrete) -> Table:
    own = Read(results, NAME)
    rows = tuple(
        (Text(label), own.entry(f"bound/{key}"))
        for key, label in (
            ("absorbing", "absorbing"),
            ("uniform", "uniform"),
            ("histogram", "each pixel's histogram"),
        )
    )
    caption = (
        f"{chosen.split.test} test digits, {LEVELS} levels, T = {chosen.digits.steps}, one draw of "
        f"xₜ at each t; {chosen.digits.training.steps} training steps. {spread(results)}."
    )
    made = commands(results, "experiment")
    head = ("model", "bound, bits/dim")
    return Table("discrete-bounds", "Digits", head, rows, caption, made, frozenset({1}))


def orders(results: Results, chosen: Discrete) -> Table:
    own, pixels = Read(results, NAME), chosen.patch.height * chosen.patch.width
    count = math.factorial(pixels)
    joint = [(f"gap/{name}_joint", f"{name} bound − entropy, joint posterior") for name in COLOURS]
    rows = tuple(
        (Text(label), own.entry(key))
        for key, label in (
            ("orders/mean", f"autoregressive, mean of {count} orders"),
            ("orders/least", "autoregressive, best order"),
            ("orders/most", "autoregressive, worst order"),
            ("orders/continuous", "absorbing bound, T → ∞"),
            *((f"orders/T{t}", f"absorbing bound, T = {t}") for t in [max(chosen.patch.steps)]),
            ("orders/entropy", "entropy: the least that it can be"),
            *joint,
        )
    )
    caption = (
        f"One trained network, {pixels} binary pixels, the law of the training digits; nats. Last "
        f"rows: {chosen.toy.levels} levels, {chosen.toy.pixels} pixels, a law drawn at random, the "
        f"exact posterior of all pixels at once, T = {max(chosen.toy.steps)}: the bound is the "
        f"entropy, but for rounding. {spread(results)}."
    )
    made = commands(results, "experiment")
    head = ("of the same network", "nats")
    return Table("discrete-orders", "Any order", head, rows, caption, made, frozenset({1}))


def _gaps(panel: Axes, own: Read, chosen: Discrete, rows: list[dict[str, Any]]) -> None:
    steps = sorted(chosen.toy.steps)
    lines = []
    for name, colour in COLOURS.items():
        curves = own.line([f"gap/{name}_T{t}" for t in steps])
        look = {"color": light(colour), "marker": "o", "markersize": 3, "label": name}
        lines.append((panel, steps, curves, look))
        rows += [
            {"panel": "gap", "corruption": name, "T": t, "mean": m, "low": lo, "high": hi}
            for t, m, lo, hi in zip(steps, *curves, strict=True)
        ]
    log_bands(lines)
    panel.set_title("bound − entropy, exact posterior")
    panel.set_ylabel("nats")


def _walked(panel: Axes, own: Read, chosen: Discrete, rows: list[dict[str, Any]]) -> None:
    steps = sorted(chosen.patch.steps)
    curves = own.line([f"orders/T{t}" for t in steps])
    colour = light(COLOURS["absorbing"])
    band(panel, steps, curves, color=colour, marker="o", markersize=3, label="absorbing")
    mean, least, most, entropy = (
        own.line([f"orders/{key}"])[0][0] for key in ("mean", "least", "most", "entropy")
    )
    panel.axhspan(least, most, color=MUTED, alpha=0.2, linewidth=0)
    panel.axhline(mean, color=INK, linewidth=1, label="mean of all orders")
    panel.axhline(entropy, color=INK, linewidth=1, linestyle=(0, (1, 2)), label="entropy")
    panel.set_title("bound of a patch, trained")
    rows += [
        {"panel": "patch", "corruption": "absorbing", "T": t, "mean": m, "low": lo, "high": hi}
        for t, m, lo, hi in zip(steps, *curves, strict=True)
    ]


SHOWN = 5
"""Samples of each corruption that the picture has room for."""


def images(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rows of samples and of data, in [0, 1]; empty where there are none."""
    none = np.zeros((0, SIDE, SIDE))
    return {
        name: arrays.get(name, none) / (LEVELS - 1) for name in ("absorbing", "uniform", "data")
    }


CAPTION = (
    "Left: {levels} levels, {pixels} pixels, a law drawn at random in each seed; the reverse step "
    "treats pixels apart, which costs the less the more steps there are (both corruptions meet at "
    "T = 1). Middle: nats; shaded is the range of the orders. Right: seed {seed}, samples of the "
    "networks for digits, and data. {spread}, shown as a band; {edge}."
)


def plot(results: Results, chosen: Discrete) -> Plot:
    own, rows = Read(results, NAME), list[dict[str, Any]]()
    had = own.arrays()
    with canvas("discrete", 1, 3, 9.4, 2.9) as (figure, axes):
        left, middle, right = axes[0]
        _gaps(left, own, chosen, rows)
        _walked(middle, own, chosen, rows)
        for panel in (left, middle):
            panel.set_xscale("log", base=2)
            panel.set_xlabel("T")
            ticks = sorted(chosen.toy.steps if panel is left else chosen.patch.steps)
            panel.set_xticks(ticks, [str(t) for t in ticks])
        draw_rows(right, images(had[1] if had else {}), SIDE, SHOWN)
        legend(figure, axes)
        drawn = svg(figure)
    caption = CAPTION.format(
        levels=chosen.toy.levels,
        pixels=chosen.toy.pixels,
        seed=had[0] if had else "–",
        spread=spread(results),
        edge=EDGE,
    )
    made = commands(results, "experiment")
    return Plot("discrete", "Steps, orders and samples", drawn, rows, caption, made)


def sentences(results: Results) -> list[str]:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None or own.empty:
        return []
    more = [binarised_mnist.sentence(results, NAME)] if chosen.mnist else []
    return [
        f"Discrete diffusion of digits: absorbing {own.words('bound/absorbing')} bits/dim, uniform "
        f"{own.words('bound/uniform')}, each pixel's histogram {own.words('bound/histogram')}.",
        *more,
    ]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    lead = LEAD.format(
        states=(chosen.toy.levels + 1) ** chosen.toy.pixels,
        pixels=chosen.patch.height * chosen.patch.width,
        levels=LEVELS,
    )
    shown = [bounds(results, chosen), orders(results, chosen)]
    plots = [] if Read(results, NAME).empty else [plot(results, chosen)]
    if chosen.mnist:
        shown.append(binarised_mnist.beside(results, NAME, chosen.mnist))
        plots += binarised_mnist.plots(results, NAME, chosen.mnist)
    return [Section(NAME, "Diffusion in discrete space", lead, tuple(shown), tuple(plots))]


TOPIC = Topic(NAME, sections, (ORDERS, ABSORBING), sentences)
