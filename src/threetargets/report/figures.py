"""The figures of the report: bounds, metrics against gamma, training curves and the bound at each
noise level."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from threetargets.metrics.statistics import t_interval
from threetargets.pipeline import cells
from threetargets.pipeline.cells import Run
from threetargets.report.captions import (
    asked_for_a_class,
    commands,
    context,
    floor,
    floor_said,
    on_test,
    spread,
)
from threetargets.report.collect import Place, Results
from threetargets.report.comparisons import BOUND, FID, Measure
from threetargets.report.drawing import (
    MUTED,
    Plot,
    band,
    canvas,
    colour,
    dash,
    legend,
    over_seeds,
    plain_log,
    svg,
)
from threetargets.report.wording import cell, labels, target
from threetargets.study.values import WEIGHTINGS

GAMMA_METRICS = {
    "fid": "FID",
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "entropy": "entropy, nats",
    "kid": "KID",
}


def _dots(axes: Any, results: Results, measure: Measure, cells: list[str]) -> list[dict[str, Any]]:
    rows = []
    for height, name in enumerate(reversed(cells)):
        seen = results.observe(name, measure.metric, measure.guidance, measure.gamma)
        values = list(seen.values.values())
        found = t_interval(values)
        if found.half_width is not None:
            axes.plot(
                [found.low, found.high],
                [height, height],
                color=colour(name),
                linewidth=1.6,
                solid_capstyle="butt",
            )
        axes.plot(
            values,
            [height] * len(values),
            linestyle="",
            marker="|",
            markersize=7,
            color=colour(name),
            markeredgewidth=0.9,
        )
        if found.mean is not None:
            axes.plot([found.mean], [height], marker="o", markersize=4.2, color=colour(name))
        else:
            axes.text(
                0.02,
                height,
                "failed" if seen.failed else "missing",
                transform=axes.get_yaxis_transform(),
                va="center",
                color=MUTED,
            )
        for seed in results.study.seeds:
            status = (
                "failed" if seed in seen.failed else "missing" if seed in seen.missing else "ok"
            )
            rows.append(
                {
                    "measure": measure.label,
                    "cell": name,
                    "seed": seed,
                    "value": seen.values.get(seed),
                    "status": status,
                }
            )
    axes.set_yticks(range(len(cells)), [cell(c) for c in reversed(cells)])
    axes.set_ylim(-0.7, len(cells) - 0.3)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.06)
    return rows


def bounds(results: Results) -> Plot:
    """Bound and FID of every cell, seed by seed."""
    cells = list(results.study.cells)
    height = 0.9 + 0.2 * len(cells)
    seen = bool(results.study.evaluation.extractors)
    with canvas("bounds", 1, 1 + seen, 4.7 * (1 + seen), height, sharey=True) as (figure, axes):
        rows = _dots(axes[0, 0], results, BOUND, cells) + (
            _dots(axes[0, 1], results, FID, cells) if seen else []
        )
        axes[0, 0].set_xlabel(f"bound, {results.unit.name} (lower is better)")
        if seen:
            axes[0, 1].set_xlabel("FID (lower is better)")
            values = [r["value"] for r in rows if r["measure"] == "FID" and r["value"]]
            if values and max(values) > 20 * min(values) > 0:
                axes[0, 1].set_xscale("log")
            real = floor(results, "fid")
            if real.mean is not None:
                axes[0, 1].axvline(real.mean, color=MUTED, linewidth=1, linestyle=(0, (3, 2)))
        drawn = svg(figure)
    caption = "Ticks are seeds, the dot is their mean, the bar its 95% t interval."
    if seen:
        caption += (
            f" FID without guidance: {context(results, 'fid')}; the dashed line is the floor, "
            "real training images at the same N: "
            f"{floor_said(results, 'fid')}.{asked_for_a_class(results)}"
        )
    made = commands(results, "train", "likelihood", "sample", "evaluate")
    return Plot("bounds", "Every cell, every seed", drawn, rows, caption, made)


def along_gamma(results: Results, metric: str) -> Plot:
    """One metric against gamma, a panel for each kind of guidance, a line for each cell."""
    study = results.study
    label = GAMMA_METRICS[metric]
    gammas = sorted(study.guidance.gammas)
    rows: list[dict[str, Any]] = []
    real, fixed = floor(results, metric), on_test(results, metric)
    names = labels(study.guidance.cells)
    with canvas(f"gamma-{metric}", 1, max(1, len(study.guidance.kinds)), 6.0, 2.6, sharey=True) as (
        figure,
        axes,
    ):
        for panel, guidance in zip(axes[0], study.guidance.kinds, strict=False):
            if real.mean is not None:
                panel.axhline(
                    real.mean, color=MUTED, linewidth=1, linestyle=(0, (3, 2)), label="real images"
                )
                if real.half_width is not None:
                    panel.axhspan(real.low, real.high, color=MUTED, alpha=0.14, linewidth=0)
            for name in study.guidance.cells:
                seen = [
                    results.observe(name, metric, guidance, cells.gamma_label(g)) for g in gammas
                ]
                found = [t_interval(list(o.values.values())) for o in seen]
                curve = [
                    np.array([np.nan if v is None else v for v in side])
                    for side in zip(*((f.mean, f.low, f.high) for f in found), strict=True)
                ]
                line = {
                    "color": colour(name),
                    "linestyle": dash(name, study.guidance.cells),
                    "marker": "o",
                    "markersize": 3,
                }
                band(panel, gammas, (curve[0], curve[1], curve[2]), label=names[name], **line)
                for gamma, f, o in zip(gammas, found, seen, strict=True):
                    rows.append(
                        {
                            "guidance": guidance,
                            "cell": name,
                            "gamma": cells.gamma_label(gamma),
                            "mean": f.mean,
                            "low": f.low,
                            "high": f.high,
                            "seeds": f.n,
                            "failed": len(o.failed),
                            "missing": len(o.missing),
                            "floor": real.mean,
                            "floor_low": real.low,
                            "floor_high": real.high,
                            "floor_stderr": fixed.stderr if fixed else None,
                        }
                    )
            panel.set_title(guidance)
            panel.set_xlabel("γ")
        axes[0, 0].set_ylabel(label)
        legend(figure, axes, 4)
        drawn = svg(figure)
    first = study.guidance.kinds[0] if study.guidance.kinds else ""
    caption = (
        f"{spread(results)}, shown as a band. "
        f"{context(results, metric, first, cells.gamma_label(gammas[0]))}. Dashed: "
        f"{floor_said(results, metric)}, "
    )
    if metric in ("accuracy", "entropy"):
        caption += (
            "the judge on the test split, which does not depend on the seed."
            if fixed
            else "real images."
        )
    else:
        caption += (
            f"the same figure of real training images over {real.n} draws of them."
            if real.n
            else "no floor."
        )
        if study.evaluation.extractors[0] == "judge":
            caption += (
                " The judge, whose features these are, was trained on the images that the "
                "floor is drawn from."
            )
    title = f"{label.split(',')[0]} against γ"
    made = commands(results, "sample", "evaluate")
    return Plot(
        f"gamma-{metric}", title[0].upper() + title[1:], drawn, rows, caption, made, wide=False
    )


def _floats(values: list[Any]) -> list[float]:
    return [math.nan if v is None else float(v) for v in values]


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
                    ("train", loss.get("step", []), _floats(loss.get("train", []))),
                    ("validation", held.get("step", []), _floats(held.get("value", []))),
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
    caption = (
        "Loss against training step, one line for each seed; solid: training, dashed: "
        "validation. Each cell's loss is in its own units, so heights do not compare between "
        "panels."
    )
    return Plot("training", "Training curves", drawn, rows, caption, commands(results, "train"))


def levels(results: Results) -> Plot:
    """The bound's term at each noise level over log-SNR, a panel for each weighting."""
    cells = [c for c in results.study.cells if c.startswith("ddpm_")]
    panels = [w for w in WEIGHTINGS if any(Run(c, 0).weighting == w for c in cells)]
    rows: list[dict[str, Any]] = []
    with canvas("levels", 1, max(1, len(panels)), 9.4, 3.0, sharey=True) as (figure, axes):
        lowest = math.inf
        for panel, weighting in zip(axes[0], panels, strict=False):
            panel.set_title(weighting)
            panel.set_xlabel("log-SNR (noisier to the left)")
            for name in (c for c in cells if Run(c, 0).weighting == weighting):
                found = [
                    results.records.get(Place("likelihood", Run(name, s)))
                    for s in results.study.seeds
                ]
                curves = [
                    r.curves["levels"]
                    for r in found
                    if r is not None and r.status == "ok" and r.curves.get("levels")
                ]
                if not curves:
                    continue
                x = _floats(curves[0]["log_snr"])
                mean, low, high = over_seeds([c["term"] for c in curves])
                if np.isfinite(mean).any():
                    lowest = min(lowest, float(np.nanmin(mean)))
                band(
                    panel,
                    x,
                    (mean, np.maximum(low, mean / 10), high),
                    color=colour(name),
                    linestyle=dash(name, [name]),
                    linewidth=1.1,
                    label=target(Run(name, 0).target),
                )
                rows += [
                    {
                        "cell": name,
                        "i": i,
                        "log_snr": s,
                        "mean": m,
                        "low": lo,
                        "high": hi,
                        "seeds": len(curves),
                    }
                    for i, s, m, lo, hi in zip(curves[0]["i"], x, mean, low, high, strict=True)
                ]
            if lowest > 0 and math.isfinite(lowest):
                panel.set_yscale("log")
        axes[0, 0].set_ylabel(f"{results.unit.name} per level")
        legend(figure, axes)
        drawn = svg(figure)
    caption = (
        f"Terms of the bound on the test split at each of the {results.study.diffusion.steps} "
        f"levels; their sum, with the prior term, is the bound. {spread(results)}, shown as a "
        "band. The decoder's term stands at the highest log-SNR."
    )
    return Plot(
        "levels",
        "The bound at each noise level",
        drawn,
        rows,
        caption,
        commands(results, "likelihood"),
    )
