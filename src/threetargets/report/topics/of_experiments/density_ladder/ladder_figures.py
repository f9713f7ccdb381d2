"""The picture of the density ladder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from threetargets.experiments.density_ladder.spec import SIZES, DensityLadder, models
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
    over_seeds,
    svg,
)
from threetargets.report.parts.of_experiments import Read, row_of
from threetargets.report.parts.palette import light
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_experiments.density_ladder.ladder_labels import (
    COLOURS,
    ENERGIES,
    ENERGY_COLOURS,
    NAME,
    TRAINED,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = list[dict[str, Any]]
RUNGS = {"mixture": "mixture", **{how: f"RBM, {label}" for how, label in TRAINED.items()}}
RUNGS |= {"nade": "NADE"}
SHEET = {"data": "data", "annealed/mixture": "mixture", "annealed/pcd": "RBM"}
SHEET |= {"annealed/nade": "NADE"}
CONTOURS = (-5.0, -3.5, -2.0, -1.2)
"""Of log density, nats."""
WINDOW = 2.4


def _rungs(panel: Axes, own: Read, chosen: DensityLadder, rows: Rows) -> None:
    """-log p of test digits, a line for each model, a mark for each size."""
    for size, marker in zip(SIZES, ("o", "s"), strict=True):
        shape: dict[str, Any] = {"markersize": 4}
        if size == "annealed":
            shape["markerfacecolor"] = light("paper")
        label = f"{chosen.hidden.parameters('mixture', size)} parameters"
        panel.plot([], [], marker, color=INK, label=label, **shape)
        for place, model in enumerate(RUNGS):
            if model not in models(size):
                continue
            mean, low, high = own.line([f"{size}/{model}/test"])
            reach = np.nan_to_num(np.array([mean - low, high - mean]))
            look: dict[str, Any] = {"color": light(COLOURS[model]), "fmt": marker}
            look |= shape
            panel.errorbar(mean, [place], xerr=reach, **look)
            rows.append(row_of(f"-log p, {size}", model, place, mean[0], low[0], high[0]))
    panel.axvline(own.line(["pixels/test"])[0][0], color=MUTED, linestyle=(0, (1, 2)), linewidth=1)
    panel.set_yticks(range(len(RUNGS)), list(RUNGS.values()))
    panel.invert_yaxis()
    panel.set(title="−log p of test digits, nats")


def _cosines(panel: Axes, own: Read, rows: Rows) -> None:
    curves = own.curves("cosine")
    for how in ("cd-1", "cd-10"):
        bounds = over_seeds([curve[how] for curve in curves])
        steps = curves[0]["step"]
        band(panel, steps, bounds, color=light(COLOURS[how]), label=TRAINED[how])
        rows += [row_of("cosine", how, *row) for row in zip(steps, *bounds, strict=True)]
    panel.axhline(0, color=MUTED, linewidth=0.6)
    panel.set(
        title="cosine with the exact gradient", xlabel="step of exact training", ylim=(-0.3, 1.05)
    )


def _correlations(panel: Axes, own: Read, rows: Rows) -> None:
    for size, dash in zip(SIZES, ((0, (4, 2)), "-"), strict=True):
        for how in ("cd-1", "pcd"):
            curves = own.curves(f"correlation/{size}/{how}")
            if not curves:
                continue
            lags, bounds = curves[0]["lag"], over_seeds([curve["rho"] for curve in curves])
            label = {"label": TRAINED[how]} if size == "annealed" else {}
            band(panel, lags, bounds, color=light(COLOURS[how]), linestyle=dash, **label)
            row = f"autocorrelation, {size}"
            rows += [row_of(row, how, *each) for each in zip(lags, *bounds, strict=True)]
    panel.set_xscale("log")
    panel.set(title="RBM: autocorrelation", xlabel="sweeps", ylim=(-0.05, 1.02))


def _energies(panel: Axes, arrays: dict[str, np.ndarray]) -> None:
    looks = {"law": INK, **{how: light(ENERGY_COLOURS[how]) for how in ENERGIES}}
    labels = {"law": "known density", **ENERGIES}
    for name, colour in looks.items():
        values = arrays.get(f"plane/{name}")
        if values is None:
            continue
        side = round(len(values) ** 0.5)
        line = np.linspace(-WINDOW, WINDOW, side)
        levels = [one for one in CONTOURS if values.min() < one < values.max()]
        if levels:
            heights = values.reshape(side, side).T
            drawn = panel.contour(line, line, heights, levels, colors=[colour], linewidths=0.9)
            drawn.set_linestyle("solid")
        panel.plot([], [], color=colour, label=labels[name])
    panel.set(title="log density on the plane", aspect="equal")


def _ratio(panel: Axes, own: Read, chosen: DensityLadder, rows: Rows) -> None:
    draws, lines = sorted(chosen.ratio.draws), []
    for what, colour, label in (("bias", "edm", "bias"), ("std", "vae", "standard deviation")):
        curves = own.line([f"ratio/{what}_k{k}" for k in draws])
        look = {"color": light(colour), "marker": "o", "markersize": 3, "label": label}
        lines.append((panel, draws, curves, look))
        rows += [row_of("ratio", what, *row) for row in zip(draws, *curves, strict=True)]
    log_bands(lines)
    panel.set_xscale("log", base=2)
    panel.set(title="gradient as a ratio", xlabel="draws of z, k")


SHOWN = 6
"""Samples in a row."""


def sheet(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """A row for each of SHEET, with a grey pixel between the images; grey where there is none."""
    made = np.full((9 * len(SHEET) - 1, 9 * SHOWN - 1), 0.5)
    for i, name in enumerate(SHEET):
        for j, image in enumerate(arrays.get(name, np.zeros((0, 8, 8)))[:SHOWN]):
            made[9 * i : 9 * i + 8, 9 * j : 9 * j + 8] = image
    return made


CAPTION = (
    "Above: test digits (dotted: independent pixels), an RBM of {hidden} hidden units, whose exact "
    "gradient is known, and samples of the larger models, seed {seed}; below: chains of trained "
    "RBMs (dashed: {hidden} hidden units), contours of the known density and of energies, seed "
    "{seed}, and bias and spread of 001's gradient over the length of the exact one. {spread}, "
    "shown as a band or bar; {edge}."
)


def plot(results: Results, chosen: DensityLadder) -> Plot:
    own, rows = Read(results, NAME), Rows()
    seed, arrays = own.arrays() or (results.study.seeds[0], {})
    with canvas("density-ladder", 2, 3, 9.4, 6.0) as (figure, axes):
        _rungs(axes[0, 0], own, chosen, rows)
        _cosines(axes[0, 1], own, rows)
        samples = axes[0, 2]
        samples.imshow(sheet(arrays), cmap="gray", vmin=0, vmax=1)
        samples.set_yticks([3.5 + 9 * k for k in range(len(SHEET))], list(SHEET.values()))
        samples.set_xticks([])
        samples.grid(visible=False)
        samples.tick_params(length=0)
        for side in samples.spines.values():
            side.set_visible(False)
        _correlations(axes[1, 0], own, rows)
        _energies(axes[1, 1], arrays)
        _ratio(axes[1, 2], own, chosen, rows)
        legend(figure, axes, 4)
        drawn = svg(figure)
    caption = CAPTION.format(
        hidden=chosen.hidden.counted, seed=seed, spread=spread(results), edge=EDGE
    )
    made = commands(results, "experiment")
    title = "Likelihoods, chains and a biased gradient"
    return Plot("density-ladder-picture", title, drawn, rows, caption, made)
