"""The bound at each noise level, and how much one draw of a noise level varies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.catalogue import label, one_of
from threetargets.pipeline.cells import Run
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    EDGE,
    Plot,
    band,
    canvas,
    colour,
    dash,
    floats,
    legend,
    log_bands,
    over_seeds,
    svg,
)
from threetargets.report.parts.entries import measured
from threetargets.report.parts.measures import BOUND, lowest
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.wording import Table, Text, cell, number, target
from threetargets.report.reading.collect import Place, Results
from threetargets.report.reading.tracked import Mirror
from threetargets.study.names import names
from threetargets.study.values import WEIGHTINGS

PROPOSALS = names("diffusion/times.py", "PROPOSALS")

TERMS_CAPTION = (
    "Terms of the bound on the test split at each of the {steps} levels; their sum, with "
    "the prior term, is the bound. {spread}, shown as a band; {edge}. The decoder's term "
    "stands at the highest log-SNR."
)


def terms(results: Results) -> Plot:
    """The bound's term at each noise level over log-SNR, a panel for each weighting."""
    cells = diffusion.cells(results.study)
    panels = [w for w in WEIGHTINGS if any(diffusion.of(c).weighting == w for c in cells)]
    rows: list[dict[str, Any]] = []
    with canvas("noise_levels", 1, max(1, len(panels)), 9.4, 3.0, sharey=True) as (figure, axes):
        lowest, lines = math.inf, list[Any]()
        for panel, weighting in zip(axes[0], panels, strict=False):
            panel.set_title(weighting)
            panel.set_xlabel("log-SNR (noisier to the left)")
            for name in (c for c in cells if diffusion.of(c).weighting == weighting):
                records = [
                    results.records.get(Place("likelihood", Run(name, s)))
                    for s in results.study.seeds
                ]
                curves = [
                    r.curves["noise_levels"]
                    for r in records
                    if r is not None and r.status == "ok" and r.curves.get("noise_levels")
                ]
                if not curves:
                    continue
                x = floats(curves[0]["log_snr"])
                mean, low, high = over_seeds([c["term"] for c in curves])
                if np.isfinite(mean).any():
                    lowest = min(lowest, float(np.nanmin(mean)))
                look = {"color": colour(name), "linestyle": dash(name, [name]), "linewidth": 1.1}
                look["label"] = target(diffusion.of(name).target)
                lines.append((panel, x, (mean, low, high), look))
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
            log_bands(lines)
        else:
            for panel, x, bounds, look in lines:
                band(panel, x, bounds, **look)
        axes[0, 0].set_ylabel(f"{results.unit.name} per noise level")
        legend(figure, axes)
        drawn = svg(figure)
    caption = TERMS_CAPTION.format(
        steps=diffusion.block(results.study).steps, spread=spread(results), edge=EDGE
    )
    return Plot(
        "noise_levels",
        "The bound at each noise level",
        drawn,
        rows,
        caption,
        commands(results, "likelihood"),
    )


TABLE_CAPTION = (
    "In {unit}. First columns: standard deviation of the bound's estimate from one test "
    "image and one noise level drawn as named, exact over noise levels and empirical over images; "
    "the mean is the same for all. {used}Last columns: the "
    "bound without and with the image's label given to the network. {spread}."
)


def table(results: Results) -> Table:
    """Standard deviations of the single-draw estimate, and the bound of the model that is told the
    label."""
    cells = diffusion.cells(results.study)
    measured_here = set[str]().union(*(results.metrics(c) for c in cells))
    proposals = {one_of("draw_std_{}", p): label("draw_std_{}", p) for p in sorted(PROPOSALS)}
    proposals = {m: text for m, text in proposals.items() if m in measured_here}
    rows = [
        (
            Text(cell(c)),
            *(measured(results, c, m) for m in proposals),
            measured(results, c, "bound"),
            measured(results, c, "bound_given_label"),
        )
        for c in cells
    ]
    used = diffusion.block(results.study).time_sampling.get("elbo", "")
    used = f"The elbo weighting trains with {used}. " if used else ""
    caption = TABLE_CAPTION.format(unit=results.unit.name, used=used, spread=spread(results))
    head = ("model", *proposals.values(), *(label(m) for m in ("bound", "bound_given_label")))
    made = commands(results, "likelihood")
    return Table(
        "draws",
        "Drawing the noise level",
        head,
        tuple(rows),
        caption,
        made,
        frozenset(range(1, len(head))),
    )


def sections(results: Results, mirror: Mirror) -> list[Section]:
    if not diffusion.cells(results.study):
        return []
    plots, tables = (terms(results),), (table(results),)
    return [Section("noise_levels", "Bound at each noise level", lead(results), (), plots, tables)]


def lead(results: Results) -> str:
    """Where half of the bound of the best cell is spent."""
    best = lowest(results, BOUND, diffusion.cells(results.study))
    places = [Place("likelihood", Run(best, seed)) for seed in results.study.seeds] if best else []
    known = [r.curves.get("noise_levels") for p in places if (r := results.records.get(p))]
    curves = [c for c in known if c and None not in c["term"]]
    if not curves:
        return ""
    terms = np.mean([c["term"] for c in curves], 0)
    half = int(np.searchsorted(np.cumsum(terms), terms.sum() / 2))
    where = number(curves[0]["log_snr"][half], 2)
    return f"Half of the bound of {cell(best)} is spent above log-SNR {where}."


TOPIC = Topic("noise_levels", sections)
