"""The pictures of the detectors topic: ROC curves, bounds, and images of each set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from threetargets.experiments.detectors.roc import RATES
from threetargets.experiments.detectors.spec import DETECTORS, DIGITS, Detectors, tasks
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
from threetargets.report.parts.of_experiments import Read
from threetargets.report.parts.palette import light
from threetargets.report.reading.collect import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "detectors"
LABELS = {
    "bound": "bound of the diffusion",
    "ode": "its probability flow",
    "vae": "VAE, importance weighted",
    "typicality": "typicality of the bound",
    "vae-typicality": "typicality of the VAE",
    "classifier": "classifier's confidence",
}
COLOURS = {
    "bound": "x0",
    "ode": "score",
    "vae": "vae",
    "typicality": "eps",
    "vae-typicality": "hvae",
    "classifier": "v",
}


def _curves(panel: Axes, own: Read, task: tuple[str, str], rows: list[dict[str, Any]]) -> None:
    known, other = task
    for one in DETECTORS:
        seen = own.curves(f"roc/{known}/{other}/{one}")
        if not seen:
            continue
        curves = over_seeds(seen)
        band(panel, RATES, curves, color=light(COLOURS[one]), label=LABELS[one])
        rows += [
            {"panel": f"{known} / {other}", "of": one, "x": x, "mean": m, "low": lo, "high": hi}
            for x, m, lo, hi in zip(RATES.tolist(), *curves, strict=True)
        ]
    panel.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    title = other if known == DIGITS else f"{other} ({known} known)"
    panel.set(title=title, xlabel="false alarms", xlim=(0, 1), ylim=(0, 1.02))


def _bounds(panel: Axes, arrays: dict[str, np.ndarray], rows: list[dict[str, Any]]) -> None:
    """Bounds of the digits, and of those faint and shifted."""
    shown = {DIGITS: INK, "faint": light("eps"), "shifted": light("x0")}
    values = {name: arrays.get(f"{DIGITS}_{name}_bound", np.zeros(0)) for name in shown}
    every = np.concatenate(list(values.values()))
    if not len(every):
        return
    edges = np.linspace(every.min(), np.quantile(every, 0.98), 25)
    for name, colour in shown.items():
        counts, _ = np.histogram(values[name], edges)
        look: Any = {"fill": True, "alpha": 0.25} if name == DIGITS else {"linewidth": 1.2}
        panel.stairs(counts, edges, color=colour, **look)
        panel.annotate(
            name,
            (0.98, 0.9 - 0.12 * list(shown).index(name)),
            xycoords="axes fraction",
            ha="right",
            color=colour,
        )
        rows += [
            {"panel": "bound", "of": name, "x": float(x), "mean": int(c), "low": "", "high": ""}
            for x, c in zip(edges, counts, strict=False)
        ]
    panel.set(title="bound of digits, bits/dim", ylabel="images")


def _sheet(panel: Axes, arrays: dict[str, np.ndarray], names: list[str]) -> None:
    """Some images of each set, a row each."""
    images = [arrays.get(f"{DIGITS}_{name}_images") for name in names]
    kept = [one[:, 0] for one in images if one is not None]
    if len(kept) == len(names):
        count = min(map(len, kept))
        made = np.full((9 * len(kept) - 1, 9 * count - 1), np.nan)
        for i, some in enumerate(kept):
            for j, image in enumerate(some[:count]):
                made[9 * i : 9 * i + 8, 9 * j : 9 * j + 8] = image
        panel.imshow(made, cmap="gray")
        panel.set_yticks([9 * i + 3.5 for i in range(len(kept))], names)
    panel.set_xticks([])
    panel.grid(visible=False)
    panel.tick_params(length=0)
    for side in panel.spines.values():
        side.set_visible(False)


CAPTION = (
    "ROC curves: the share of images from elsewhere that is caught, over the share of the data's "
    "own that is suspected, {spread}, shown as a band. Bounds and images are those of seed {seed}."
)


def plot(results: Results, chosen: Detectors) -> Plot:
    own, rows = Read(results, NAME), list[dict[str, Any]]()
    every, had = tasks(chosen), Read(results, NAME).arrays()
    columns = (len(every) + 3) // 2
    with canvas(NAME, 2, columns, 3.1 * columns, 5.6) as (figure, axes):
        panels = axes.ravel()
        for panel, task in zip(panels, every, strict=False):
            _curves(panel, own, task, rows)
        arrays = had[1] if had else {}
        _bounds(panels[len(every)], arrays, rows)
        names = [DIGITS, *(other for known, other in every if known == DIGITS)]
        _sheet(panels[len(every) + 1], arrays, names)
        for panel in panels[len(every) + 2 :]:
            panel.set_axis_off()
        legend(figure, axes)
        drawn = svg(figure)
    words = spread(results)
    caption = CAPTION.format(seed=had[0] if had else "–", spread=words[0].lower() + words[1:])
    made = commands(results, "experiment")
    return Plot(NAME, "ROC curves", drawn, rows, caption, made)
