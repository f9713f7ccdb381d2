"""The manifold experiment drawn: errors over the dimension, excess over noise levels, samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.experiments.manifold.spec import PLANE, Case, Manifold, beside, cases, main
from threetargets.pipeline.cells import Run, parse
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    EDGE,
    INK,
    MUTED,
    Plot,
    canvas,
    floats,
    legend,
    log_bands,
    over_seeds,
    svg,
)
from threetargets.report.parts.of_experiments import Read
from threetargets.report.parts.palette import light
from threetargets.report.parts.wording import target
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_experiments.manifold.tables import CELL

PANELS = {
    "off_plane": "distance from the plane",
    "in_plane": "distance within the plane",
    "eps_excess": "excess of the ε-loss",
}

ERRORS_CAPTION = (
    "Loss {weighting}, width {width} (dotted upright line), no input skip. {spread}, shown as a "
    "band; {edge}. Within the plane: dashes are the exact denoiser under the same sampler, dots "
    "draws of the law itself."
)


def _targets(chosen: Manifold) -> list[str]:
    return list(chosen.targets)


def errors(results: Results, chosen: Manifold) -> Plot:
    """Each measure over D, a line for each target."""
    own = Read(results, CELL)
    rows: list[dict[str, Any]] = []
    with canvas("manifold-errors", 1, len(PANELS), 9.4, 3.0) as (figure, axes):
        for panel, (measure, title) in zip(axes[0], PANELS.items(), strict=True):
            places = [d for d in sorted(chosen.dimensions) if measure != "off_plane" or d > PLANE]
            lines = []
            for name in _targets(chosen):
                some = {c.dimension: c for c in main(chosen) if c.target == name}
                curves = own.line([f"{measure}/{some[d].name}" for d in places])
                look = {"color": light(name), "marker": "o", "markersize": 3}
                lines.append((panel, places, curves, look | {"label": target(name)}))
                rows += [
                    {"measure": measure, "target": name, "D": d, "mean": m, "low": lo, "high": hi}
                    for d, m, lo, hi in zip(places, *curves, strict=True)
                ]
            log_bands(lines)
            if measure == "in_plane":
                exact = own.line([f"in_plane/exact_D{d}" for d in places])[0]
                floor = own.line(["in_plane/data"])[0][0]
                panel.plot(places, exact, color=INK, linestyle=(0, (4, 2)), label="exact")
                panel.axhline(floor, color=INK, linestyle=(0, (1, 2)), linewidth=1, label="data")
            panel.axvline(chosen.width, color=MUTED, linestyle=(0, (1, 2)), linewidth=0.8)
            panel.set_title(title)
            panel.set_xscale("log", base=2)
            panel.set_xticks(places, [str(d) for d in places])
            panel.set_xlabel("D")
        legend(figure, axes)
        drawn = svg(figure)
    caption = ERRORS_CAPTION.format(
        weighting=chosen.weighting, width=chosen.width, spread=spread(results), edge=EDGE
    )
    made = commands(results, "experiment")
    return Plot("manifold-errors", "Errors over D", drawn, rows, caption, made)


LEVELS_CAPTION = (
    "E |ε̂ − E[ε | x]|² / D at each noise level. To the right, at fine noise, an error in "
    "x₀ is one in ε that is a/s times as large; to the left an error in ε is one in x₀ that is s/a "
    "times as large. {spread}, shown as a band; {edge}."
)


def levels(results: Results, chosen: Manifold) -> Plot:
    """The excess over log-SNR at the smallest and the largest D."""
    rows: list[dict[str, Any]] = []
    ends = sorted({min(chosen.dimensions), max(chosen.dimensions)})
    with canvas("manifold-levels", 1, len(ends), 9.4, 2.8, sharey=True) as (figure, axes):
        lines = list[Any]()
        for panel, dimension in zip(axes[0], ends, strict=True):
            for case in (c for c in main(chosen) if c.dimension == dimension):
                curves = excess(results, case)
                if not curves:
                    continue
                x = floats(curves[0]["log_snr"])
                bounds = over_seeds([c["value"] for c in curves])
                look = {"color": light(case.target), "label": target(case.target)}
                lines.append((panel, x, bounds, look))
                rows += [
                    {
                        "D": dimension,
                        "target": case.target,
                        "log_snr": s,
                        "mean": m,
                        "low": lo,
                        "high": hi,
                    }
                    for s, m, lo, hi in zip(x, *bounds, strict=True)
                ]
            panel.set_title(f"D = {dimension}")
            panel.set_xlabel("log-SNR (noisier to the left)")
        log_bands(lines)
        axes[0, 0].set_ylabel("excess of the ε-loss")
        legend(figure, axes)
        drawn = svg(figure)
    made = commands(results, "experiment")
    caption = LEVELS_CAPTION.format(spread=spread(results), edge=EDGE)
    return Plot("manifold-levels", "Excess over noise levels", drawn, rows, caption, made)


def excess(results: Results, case: Case) -> list[dict[str, list[float]]]:
    """Of every seed that has it."""
    every = Read(results, CELL).curves("eps_excess")
    return [curve[case.name] for curve in every if curve.get(case.name)]


SAMPLES_CAPTION = (
    "Seed {seed}, D = {dimension}: {count} samples of each, projected to the plane; {share} Above "
    "without, below with an input skip, where both were trained."
)
REACH = 2.2
"""Half the side of a panel, in standard deviations of a coordinate."""


def samples(results: Results, chosen: Manifold) -> Plot | None:
    """Projections at the largest D, a panel for each target; None where no seed left any."""
    seed = next((s for s in results.study.seeds if Run(parse(CELL), s) in results.arrays), None)
    if seed is None:
        return None
    arrays, dimension = results.arrays[Run(parse(CELL), seed)], max(chosen.dimensions)
    plain = [c for c in main(chosen) if c.dimension == dimension]
    skips = [beside(c, input_skip=not c.input_skip) for c in plain]
    lines = [plain, *([skips] if set(skips) & set(cases(chosen)) else [])]
    beside_them = {"data": "data", f"exact_D{dimension}": "exact"}
    rows: list[dict[str, Any]] = []
    width = len(plain) + len(beside_them)
    with canvas("manifold-samples", len(lines), width, 9.4, 1.95 * len(lines)) as (figure, axes):
        for k, line in enumerate(lines):
            known = {c.name: target(c.target) + " · skip" * c.input_skip for c in line}
            colours = {c.name: light(c.target) for c in line}
            shown = known | (beside_them if k == 0 else {})
            for panel in axes[k]:
                panel.set_axis_off()
            for panel, (name, title) in zip(axes[k], shown.items(), strict=False):
                points = arrays.get(name, np.zeros((0, 2)))
                within = np.abs(points).max(1, initial=0) < REACH
                kept = points[within]
                panel.set_axis_on()
                panel.scatter(*kept.T, s=1.2, color=colours.get(name, INK), linewidths=0)
                panel.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal")
                panel.set(xticks=[], yticks=[])
                panel.set_title(title)
                rows += [
                    {"case": name, "z1": float(u), "z2": float(v)} for u, v in np.round(points, 4)
                ]
        drawn = svg(figure)
    count = len(next(iter(arrays.values())))
    share = f"those further out than {REACH:g} are not shown."
    caption = SAMPLES_CAPTION.format(seed=seed, dimension=dimension, count=count, share=share)
    made = commands(results, "experiment")
    return Plot("manifold-samples", "Samples in the plane", drawn, rows, caption, made)


def plots(results: Results, chosen: Manifold) -> tuple[Plot, ...]:
    some = (errors(results, chosen), levels(results, chosen), samples(results, chosen))
    return tuple(plot for plot in some if plot is not None)
