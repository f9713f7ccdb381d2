"""The figures of the manifold experiment as tables: a row for each kind of network, a column for
each dimension."""

from __future__ import annotations

import math

from threetargets.experiments.manifold.spec import PLANE, Case, Manifold, beside, cases, dimensions
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.of_experiments import Read
from threetargets.report.parts.wording import Table, Text, target
from threetargets.report.reading.collect import Results

CELL = "manifold"


def kinds(chosen: Manifold) -> list[Case]:
    """The cases but for their dimension, each once: the main ones first, then the controls'."""
    return list(dict.fromkeys(beside(case, dimension=PLANE) for case in cases(chosen)))


OFF_PLANE = (
    "Root mean square distance of {n} samples from the plane, by {sampler} in {steps} steps. At "
    "log-SNR {least} an error of 1 in ε is one of {factor} in x₀. {spread}."
)
IN_PLANE = (
    "Sliced Wasserstein-1 distance, {directions} directions, of {n} samples, projected to the "
    "plane, to the law of the data. Exact: the denoiser of least error under the same sampler. "
    "Data: as many draws of the law, the floor, the same at every D. {spread}."
)
EXCESS = (
    "E |ε̂ − E[ε | x]|² / D, by what the ε-loss exceeds its least value, the mean of {levels} noise "
    "levels between log-SNR {least} and {most}, {draws} draws at each. Without a skip the output "
    "lies in as many dimensions as the last hidden layer has units, w: whatever the training, the "
    "excess of ε is at least (D − w − 2)/D, {floor} at D = {far} and w = {width}. {spread}."
)


def table(results: Results, chosen: Manifold, measure: str, title: str, caption: str) -> Table:
    """One measure. Where a kind of network was not trained at a dimension the cell is empty."""
    trained = set(cases(chosen))
    columns = [d for d in dimensions(list(trained)) if measure != "off_plane" or d > PLANE]
    rows = []
    for kind in kinds(chosen):
        own = [beside(kind, dimension=d) for d in columns]
        if not trained.intersection(own):
            continue
        facts = (kind.weighting, str(kind.width), "yes" if kind.input_skip else "no")
        entries = [
            Read(results, CELL).entry(f"{measure}/{c.name}") if c in trained else Text("", "weak")
            for c in own
        ]
        rows.append((Text(target(kind.target)), *map(Text, facts), *entries))
    blank = (Text("", "weak"),) * 3
    if measure == "in_plane":
        exact = [Read(results, CELL).entry(f"in_plane/exact_D{d}") for d in columns]
        rows.append((Text("exact"), *blank, *exact))
        rows.append(
            (Text("data"), *blank, *[Read(results, CELL).entry("in_plane/data")] * len(columns))
        )
    head = ("output", "loss", "width", "input skip", *(f"D = {d}" for d in columns))
    numeric = frozenset(range(4, 4 + len(columns)))
    made = commands(results, "experiment")
    return Table(f"manifold-{measure}", title, head, tuple(rows), caption, made, numeric)


def tables(results: Results, chosen: Manifold) -> tuple[tuple[Table, ...], tuple[Table, ...]]:
    """Distance from the plane, shown; distance within it and excess, folded."""
    ends, drawing = chosen.process.schedule, chosen.sampling
    facts = {
        "n": drawing.samples,
        "sampler": drawing.sampler,
        "steps": drawing.steps,
        "directions": drawing.directions,
        "least": f"{ends.log_snr_min:g}".replace("-", "−"),
        "most": f"{ends.log_snr_max:g}",
        "factor": f"{math.exp(-ends.log_snr_min / 2):.2g}",
        "far": max(chosen.dimensions),
        "width": chosen.width,
        "floor": f"{max(0.0, 1 - (chosen.width + PLANE) / max(chosen.dimensions)):.2g}",
        "levels": chosen.excess.levels,
        "draws": chosen.excess.draws,
        "spread": spread(results),
    }
    off, within, excess = (
        table(results, chosen, measure, title, caption.format(**facts))
        for measure, title, caption in (
            ("off_plane", "Distance from the plane", OFF_PLANE),
            ("in_plane", "Distance within the plane", IN_PLANE),
            ("eps_excess", "Excess of the ε-loss", EXCESS),
        )
    )
    return (off,), (within, excess)
