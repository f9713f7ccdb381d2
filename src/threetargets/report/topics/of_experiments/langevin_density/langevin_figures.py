"""Langevin's chain drawn: step sizes, a learned score, modes far apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.experiments.langevin_density.spec import (
    ADJUSTED,
    CHAINS,
    STEPS,
    LangevinDensity,
    stationary_variance,
)
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
from threetargets.report.parts.of_experiments import Read, row_of
from threetargets.report.parts.palette import light
from threetargets.report.reading.collect import Results

NAME = "langevin_density"
TITLES = {
    "corrected": "y + g Δt + ε √(2Δt)",
    "printed": "as printed: y + 2g Δt + ε √Δt",
    ADJUSTED: "the first, Metropolis-adjusted",
}
COLOURS = dict(zip(CHAINS, ("x0", "eps", "score"), strict=True))

CAPTION = (
    "Left: variance over step size on N(0, v), as a multiple of v; lines are exact, points {n} "
    "chains. Middle: a learned score, seed {seed}: exp(score)/Z, exp(4 score)/Z (dotted), and "
    "where {n} chains end. Right: share of {far} chains at the heavier of two far modes; the "
    "dotted line is exact. {spread}, shown as a bar to the left, as a band to the right."
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
    caption = CAPTION.format(
        n=chosen.walking.chains,
        far=chosen.annealing.chains,
        seed=seed,
        spread=spread(results),
    )
    made = commands(results, "experiment")
    return Plot("langevin-density", "Langevin's chain", drawn, rows, caption, made)


def _exact_variance(kind: str, width: float) -> float:
    return stationary_variance(1.0, width, *STEPS[kind]) if kind in STEPS else 1.0


def _variances(
    results: Results, chosen: LangevinDensity, panel: Any, rows: list[dict[str, Any]]
) -> None:
    step_sizes = chosen.walking.step_sizes
    fine = np.linspace(step_sizes[0] / 4, step_sizes[-1] * 1.05, 60)
    for kind in CHAINS:
        exact = [_exact_variance(kind, w / chosen.narrowest) for w in fine]
        panel.plot(fine, exact, color=light(COLOURS[kind]), linewidth=1)
        curves = Read(results, NAME).line([f"variance/{kind}/dt{w:g}" for w in step_sizes])
        mean = curves[0]
        reach = np.nan_to_num(np.array([mean - curves[1], curves[2] - mean]))
        look = {"color": light(COLOURS[kind]), "fmt": "o", "markersize": 3, "label": TITLES[kind]}
        panel.errorbar(step_sizes, mean, yerr=reach, **look)
        rows += [row_of("variance", kind, *row) for row in zip(step_sizes, *curves, strict=True)]
    panel.set(xlabel="Δt", title="variance / v", ylim=(0, None))


def _densities(results: Results, panel: Any, rows: list[dict[str, Any]]) -> int:
    seed, arrays = Read(results, NAME).arrays() or (results.study.seeds[0], {})
    looks = {"softmax": ("-", "exp(score)/Z"), "sharp": ((0, (1, 1.5)), "exp(4 score)/Z")}
    for name, (style, label) in looks.items():
        if name in arrays:
            panel.plot(arrays["y"], arrays[name], color=INK, linestyle=style, label=label)
            rows += [
                row_of("density", name, x, y)
                for x, y in zip(arrays["y"][::4], arrays[name][::4], strict=True)
            ]
    bins = np.linspace(-3, 3, 61)
    for kind in STEPS:
        if kind in arrays:
            density, _ = np.histogram(arrays[kind], bins, density=True)
            panel.stairs(density, bins, color=light(COLOURS[kind]), linewidth=1)
            rows += [row_of("chains", kind, x, y) for x, y in zip(bins[:-1], density, strict=True)]
    panel.set(xlabel="y", title="learned score: density", xlim=(-3, 3))
    return seed


def _shares(results: Results, panel: Any, rows: list[dict[str, Any]]) -> None:
    every = Read(results, NAME).curves("share")
    looks = {"plain": (MUTED, "one noise level"), "annealed": (light("v"), "coarse to fine")}
    for kind, (colour, label) in looks.items():
        if every:
            steps, bounds = every[0]["steps"], over_seeds([curve[kind] for curve in every])
            band(panel, steps, bounds, color=colour, label=label)
            rows += [row_of("share", kind, *row) for row in zip(steps, *bounds, strict=True)]
    if every:
        panel.axhline(every[0]["exact"][0], color=INK, linestyle=(0, (1, 2)), linewidth=1)
    panel.set(xlabel="steps", title="share of the heavier mode", ylim=(0, 1))
