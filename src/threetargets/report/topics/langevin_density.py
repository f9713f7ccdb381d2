"""Langevin's chain on a continuous softmax: the density it is at rest in, the step as printed, and
modes far apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.experiments.langevin_density.spec import (
    ADJUSTED,
    CHAINS,
    STEPS,
    WALKS,
    LangevinDensity,
    resting_variance,
)
from threetargets.report.parts import experimental
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    INK,
    MUTED,
    Plot,
    band,
    canvas,
    legend,
    over_seeds,
    svg,
)
from threetargets.report.parts.experimental import entry, summary
from threetargets.report.parts.palette import light
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.wording import Table, Text, interval, number
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.langevin_claims import (
    CLAIMS,
    COLOURS,
    NAME,
    TITLES,
    block,
    exact_share,
)

LEAD = (
    "A density on a line is exp(score(y))/Z. Where the score is known, so is the law in which the "
    "chain of a given step size is at rest, and what it differs by from that density; where it is "
    "a network's, learned by score matching, the density is had by quadrature, which Langevin's "
    "chain does without."
)
LAW = (
    "Wasserstein-1 distance of the law in which the unadjusted chain is at rest, exact, on a "
    "mixture; below, variance of {n} chains on N(0, v), as a multiple of v = {v}, and how many "
    "steps Metropolis accepts. {spread}."
)
NETWORK = (
    "Wasserstein-1 distance of {n} chains after t = {time} in steps of {step}, on a score learned "
    "by score matching, to its exp(score)/Z and to exp(4 score)/Z. {spread}."
)


def laws(results: Results, chosen: LangevinDensity) -> Table:
    widths = chosen.walking.widths
    asked = [
        ("distance from exp(score)/Z", *STEPS, "law"),
        ("distance from exp(4 score)/Z", *STEPS, "sharp"),
        ("variance / v", *CHAINS, "variance"),
    ]
    rows = [
        (
            Text(what),
            Text(TITLES[kind]),
            *(entry(results, NAME, f"{metric}/{kind}/dt{w:g}") for w in widths),
        )
        for what, *kinds, metric in asked
        for kind in kinds
    ]
    taken = (entry(results, NAME, f"accepted/dt{w:g}") for w in widths)
    rows.append((Text("share accepted"), Text(TITLES[ADJUSTED]), *taken))
    caption = LAW.format(
        n=chosen.walking.chains, v=number(chosen.narrowest, 2), spread=spread(results)
    )
    head = ("what", "step", *(f"Δt = {w:g}" for w in widths))
    numeric = frozenset(range(2, 2 + len(widths)))
    made = commands(results, "experiment")
    return Table("langevin-laws", "By step size", head, tuple(rows), caption, made, numeric)


def network(results: Results, chosen: LangevinDensity) -> Table:
    rows = [
        (
            Text(TITLES[kind]),
            *(entry(results, NAME, f"network/{kind}/{what}") for what in ("softmax", "sharp")),
        )
        for kind in CHAINS
    ]
    own = chosen.energy
    caption = NETWORK.format(
        n=chosen.walking.chains, time=f"{own.time:g}", step=f"{own.step:g}", spread=spread(results)
    )
    head = ("step", "from exp(score)/Z", "from exp(4 score)/Z")
    made = commands(results, "experiment")
    numeric = frozenset({1, 2})
    return Table("langevin-network", "A learned score", head, tuple(rows), caption, made, numeric)


CAPTION = (
    "Left: variance over step size on N(0, v), as a multiple of v; lines are exact, points {n} "
    "chains. Middle: a learned score, seed {seed}: exp(score)/Z, exp(4 score)/Z, and where chains "
    "end. Right: share of chains at the heavier of two far modes; the dotted line is exact. "
    "{spread}, shown as a band."
)


def plot(results: Results, chosen: LangevinDensity) -> Plot:
    rows: list[dict[str, Any]] = []
    with canvas("langevin-density", 1, 3, 9.6, 3.5) as (figure, axes):
        left, middle, right = axes[0]
        _variances(results, chosen, left, rows)
        seed = _densities(results, middle, rows)
        _shares(results, right, rows)
        legend(figure, axes, 4)
        drawn = svg(figure)
    caption = CAPTION.format(n=chosen.walking.chains, seed=seed, spread=spread(results))
    made = commands(results, "experiment")
    return Plot("langevin-density", "Langevin's chain", drawn, rows, caption, made)


def _row(what: str, which: str, x: float, y: float) -> dict[str, Any]:
    return {"what": what, "which": which, "x": float(x), "y": float(y)}


def _exact_variance(kind: str, width: float) -> float:
    return resting_variance(1.0, width, *STEPS[kind]) if kind in STEPS else 1.0


def _variances(
    results: Results, chosen: LangevinDensity, panel: Any, rows: list[dict[str, Any]]
) -> None:
    widths = chosen.walking.widths
    fine = np.linspace(widths[0] / 4, widths[-1] * 1.05, 60)
    for kind in CHAINS:
        exact = [_exact_variance(kind, w / chosen.narrowest) for w in fine]
        panel.plot(fine, exact, color=light(COLOURS[kind]), linewidth=1)
        curves = experimental.line(results, NAME, [f"variance/{kind}/dt{w:g}" for w in widths])
        mean = curves[0]
        reach = np.nan_to_num(np.array([mean - curves[1], curves[2] - mean]))
        look = {"color": light(COLOURS[kind]), "fmt": "o", "markersize": 3, "label": TITLES[kind]}
        panel.errorbar(widths, mean, yerr=reach, **look)
        rows += [_row("variance", kind, w, v) for w, v in zip(widths, mean, strict=True)]
    panel.set(xlabel="Δt", title="variance / v", ylim=(0, None))


def _densities(results: Results, panel: Any, rows: list[dict[str, Any]]) -> int:
    seed, arrays = experimental.arrays(results, NAME) or (results.study.seeds[0], {})
    looks = {"softmax": ("-", "exp(score)/Z"), "sharp": ((0, (1, 1.5)), "exp(4 score)/Z")}
    for name, (style, label) in looks.items():
        if name in arrays:
            panel.plot(arrays["y"], arrays[name], color=INK, linestyle=style, label=label)
            rows += [
                _row("density", name, x, y)
                for x, y in zip(arrays["y"][::4], arrays[name][::4], strict=True)
            ]
    bins = np.linspace(-3, 3, 61)
    for kind in STEPS:
        if kind in arrays:
            density, _ = np.histogram(arrays[kind], bins, density=True)
            panel.stairs(density, bins, color=light(COLOURS[kind]), linewidth=1)
            rows += [_row("chains", kind, x, y) for x, y in zip(bins[:-1], density, strict=True)]
    panel.set(xlabel="y", title="learned score: density", xlim=(-3, 3))
    return seed


def _shares(results: Results, panel: Any, rows: list[dict[str, Any]]) -> None:
    every = experimental.curves(results, NAME, "share")
    looks = {"plain": (MUTED, "one noise level"), "annealed": (light("v"), "coarse to fine")}
    for kind, (colour, label) in looks.items():
        if every:
            steps, bounds = every[0]["steps"], over_seeds([curve[kind] for curve in every])
            band(panel, steps, bounds, color=colour, label=label)
            rows += [_row("share", kind, x, y) for x, y in zip(steps, bounds[0], strict=True)]
    if every:
        panel.axhline(every[0]["exact"][0], color=INK, linestyle=(0, (1, 2)), linewidth=1)
    panel.set(xlabel="steps", title="share of the heavier mode", ylim=(0, 1))


def sentences(results: Results) -> list[str]:
    chosen = block(results)
    if chosen is None or summary(results, NAME, "share/plain").mean is None:
        return []
    least = chosen.walking.widths[0]
    laws = [summary(results, NAME, f"{m}/printed/dt{least:g}") for m in ("law", "sharp")]
    shares = [interval(summary(results, NAME, f"share/{kind}")) for kind in WALKS]
    return [
        f"Langevin's step as printed rests {number(laws[0].mean)} from exp(score)/Z and "
        f"{number(laws[1].mean)} from exp(4 score)/Z at Δt = {least:g}; of a mode that has "
        f"{number(exact_share(results), 2)}, chains at one noise level have {shares[0]}, led from "
        f"coarse to fine {shares[1]}."
    ]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    shown, folded = (network(results, chosen),), (laws(results, chosen),)
    drawn = (plot(results, chosen),)
    return [Section(NAME, "Langevin dynamics", LEAD, shown, drawn, folded)]


TOPIC = Topic(NAME, sections, CLAIMS, sentences)
