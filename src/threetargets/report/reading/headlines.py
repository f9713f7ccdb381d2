"""metrics.json: the few figures that one compares between two states of the study, for `dvc
metrics`."""

from __future__ import annotations

from typing import Any

from threetargets.families.cell import Cell
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import FLOOR
from threetargets.report.parts.measures import BOUND, FID, Measure
from threetargets.report.reading.collect import FAILED, MISSING, Results, places


def _mean(results: Results, cell: Cell, measure: Measure) -> float | None:
    """The mean over the seeds of a complete cell; None where one failed or is missing."""
    seen = results.observe(cell, measure.metric, measure.guidance, measure.gamma)
    return sum(seen.values.values()) / len(seen.values) if seen.complete else None


def _best(means: dict[str, dict[str, float | None]]) -> dict[str, Any]:
    """The lowest mean of each measure and the cell that has it, of the cells that have one."""
    best: dict[str, Any] = {}
    for name, cells in means.items():
        values = {str(cell): v for cell, v in cells.items() if v is not None and cell != FLOOR}
        cell = min(values, key=values.__getitem__, default=None)
        best |= {name: values.get(cell or ""), f"{name}_cell": cell}
    return best


def headlines(results: Results) -> dict[str, Any]:
    """Means over seeds by cell: the bound and, where samples are measured, FID, with the floor as
    cell `data`; the lowest of each and its cell, which are few enough for the columns of a table of
    experiments; and how many records failed or are missing."""
    names = results.study.cells
    floor = [results.figure(run, FID.metric) for run in jobs.floor_runs(results.study)]
    values = [f.value for f in floor if f is not None and f.value is not None]
    states = [results.status(place) for place in places(results.study)]
    headline: dict[str, Any] = {}
    if names:
        bounds = {cell: _mean(results, cell, BOUND) for cell in names}
        headline[f"bound_{results.unit.suffix}"] = bounds
    if floor:
        headline[FID.metric] = {cell: _mean(results, cell, FID) for cell in names} | {
            FLOOR: sum(values) / len(values) if len(values) == len(floor) else None
        }
    if headline:
        headline = {"best": _best(headline)} | headline
    return headline | {
        "records": {"failed": states.count(FAILED), "missing": states.count(MISSING)}
    }
