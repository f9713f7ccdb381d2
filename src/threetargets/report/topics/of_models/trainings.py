"""Training curves."""

from __future__ import annotations

import math
from typing import Any

from threetargets.pipeline.cells import Run
from threetargets.report.parts.captions import commands
from threetargets.report.parts.drawing import (
    MUTED,
    Plot,
    canvas,
    colour,
    floats,
    legend,
    plain_log,
    svg,
)
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.wording import cell, of
from threetargets.report.reading.collect import OK, Place, Results, places
from threetargets.report.reading.tracked import Mirror

TRAINING_CAPTION = (
    "Loss against training step, one line for each seed; solid: training, dashed: "
    "validation. Each cell's loss is in its own units, so heights do not compare between "
    "panels."
)


def training(results: Results) -> Plot:
    """Loss over steps, a panel for each cell: the losses of different cells are in different
    units."""
    cells = list(results.study.cells)
    columns = 4
    lines = math.ceil(len(cells) / columns)
    rows: list[dict[str, Any]] = []
    with canvas("training", lines, columns, 9.8, 0.4 + 1.6 * lines) as (figure, axes):
        for panel in axes.ravel()[len(cells) :]:
            panel.set_axis_off()
        for panel, name in zip(axes.ravel(), cells, strict=False):
            panel.set_title(cell(name))
            drawn_values: list[float] = []
            for seed in results.study.seeds:
                record = results.records.get(Place("train", Run(name, seed)))
                loss = record.curves.get("loss", {}) if record else {}
                held = record.curves.get("validation", {}) if record else {}
                for kind, steps, values in (
                    ("train", loss.get("step", []), floats(loss.get("train", []))),
                    ("validation", held.get("step", []), floats(held.get("value", []))),
                ):
                    rows += [
                        {"cell": name, "seed": seed, "split": kind, "step": s, "loss": v}
                        for s, v in zip(steps, values, strict=True)
                    ]
                    drawn_values += [v for v in values if math.isfinite(v)]
                    thin = (
                        {"linewidth": 0.8, "alpha": 0.75}
                        if kind == "train"
                        else {"linewidth": 0.9, "linestyle": (0, (3, 2))}
                    )
                    style = {"color": colour(name) if kind == "train" else MUTED, **thin}
                    panel.plot(
                        steps, values, marker="." if len(values) < 3 else "", label=kind, **style
                    )
                if record is not None and record.status != "ok":
                    panel.text(
                        0.97,
                        0.93,
                        f"seed {seed} failed",
                        transform=panel.transAxes,
                        ha="right",
                        va="top",
                        fontsize=7.5,
                    )
            if drawn_values and min(drawn_values) > 0:
                plain_log(panel)
            elif not drawn_values:
                panel.text(
                    0.5, 0.5, "no curve", transform=panel.transAxes, ha="center", color=MUTED
                )
        legend(figure, axes)
        drawn = svg(figure)
    caption = TRAINING_CAPTION
    return Plot("training", "Training curves", drawn, rows, caption, commands(results, "train"))


def sections(results: Results, mirror: Mirror) -> list[Section]:
    states = [results.status(place) for place in places(results.study) if place.stage == "train"]
    lead = f"{states.count(OK)} of {of(len(states), 'training')} ended well."
    return [Section("training", "Training", lead, (), (training(results),))]


TOPIC = Topic("training", sections)
