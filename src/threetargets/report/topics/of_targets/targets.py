"""Diffusion models, target by weighting; and which of them are one model by construction."""

from __future__ import annotations

from threetargets.families.diffusion import spec as diffusion
from threetargets.report.parts import measures
from threetargets.report.parts.captions import commands, context, floor_in_words, spread
from threetargets.report.parts.entries import measured
from threetargets.report.parts.measures import BOUND, FID, Measure
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.wording import Table, Text, cell, listing, target
from threetargets.report.reading.collect import Results
from threetargets.report.reading.one_model import shown
from threetargets.report.reading.tracked import Mirror
from threetargets.study.values import TARGETS, WEIGHTINGS

TARGET_GRID_CAPTION = (
    "{spread}; lower is better; the best cell is bold; a dot is a cell that the study does "
    "not have."
)


def target_grid(results: Results, measure: Measure) -> Table:
    """Targets down, weightings across."""
    cells = results.shown
    columns = [w for w in WEIGHTINGS if any(diffusion.cell_of(t, w) in cells for t in TARGETS)]
    winner = measures.lowest(results, measure, diffusion.cells(results.study))
    rows = []
    for name in TARGETS:
        if not any(diffusion.cell_of(name, w) in cells for w in columns):
            continue
        row = [Text(target(name))]
        for w in columns:
            c = diffusion.cell_of(name, w)
            text = (
                measured(results, c, measure.metric, measure.guidance, measure.gamma)
                if c in cells
                else Text("·", "weak")
            )
            if c in results.also:
                text = Text(text.text, "weak", f"is {cell(results.also[c])}")
            row.append(Text(text.text, "best", text.note) if c == winner else text)
        rows.append(tuple(row))
    measure = measures.in_unit(results, measure)
    unit = f" ({measure.unit})" if measure.unit else ""
    caption = TARGET_GRID_CAPTION.format(spread=spread(results))
    if measure.metric == FID.metric:
        caption += f" {context(results, 'fid')}. Floor: {floor_in_words(results, 'fid')}."
    stages = ("likelihood",) if measure.metric == BOUND.metric else ("sample", "evaluate")
    return Table(
        f"grid-{measure.label.lower()}",
        f"Target by weighting: {measure.label}{unit}",
        ("target", *columns),
        tuple(rows),
        caption,
        commands(results, *stages),
        frozenset(range(1, len(columns) + 1)),
    )


def _one_model(results: Results) -> str:
    """Which ties are no findings."""
    cells = results.shown
    if not any(
        {diffusion.cell_of(t, w) for t in ("eps", "score")} <= cells
        for w in ("eps-equivalent", "elbo")
    ):
        return ""
    return (
        "ε and score are one model by construction at eps-equivalent and elbo weighting (the "
        "output is scaled by 1/s): only pairs with x₀ and raw score are findings there."
    )


LEAD = (
    "The same network, data order and noise in every cell; only what the network predicts and how "
    "its error is weighted differ."
)


def _lowest(results: Results, measure: Measure) -> str:
    """The target with the lowest mean at each weighting that has several, of the cells without a
    variant; also of those that are another one by construction."""
    parts = []
    for weighting in WEIGHTINGS:
        here = [c for c in shown(results) if c.weighting == weighting and not c.variant]
        low = measures.lowest(results, measure, here)
        if len(here) > 1 and low:
            parts.append(f"{target(diffusion.of(low).target)} at {weighting}")
    name = "the bound" if measure == BOUND else measure.label
    return f"by {name}: {listing(parts)}" if parts else ""


def lead(results: Results, by: tuple[Measure, ...]) -> str:
    """Which target is lowest where, and what is the same in all cells."""
    parts = list(filter(None, (_lowest(results, measure) for measure in by)))
    lowest = f"Lowest mean {'; '.join(parts)}." if parts else ""
    return " ".join(filter(None, [lowest, _one_model(results), LEAD]))


def sections(results: Results, mirror: Mirror) -> list[Section]:
    """Diffusion models, target by weighting, by the measures that the study has."""
    if not any(not c.variant for c in diffusion.cells(results.study)):
        return []
    measures = (BOUND, FID) if results.study.evaluation.extractors else (BOUND,)
    grids = tuple(target_grid(results, measure) for measure in measures)
    return [Section("grid", "Target by weighting", lead(results, measures), grids)]


def sentences(results: Results) -> list[str]:
    return [_one_model(results)]


TOPIC = Topic("targets", sections, (), sentences)
