"""The diffusion cells that a report shows, and which of them are one model by construction."""

from __future__ import annotations

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.families.diffusion.named import DiffusionCell
from threetargets.report.reading.collect import Results


def shown(results: Results) -> list[DiffusionCell]:
    """Those that were trained, then those that are one of them under another name."""
    trained = diffusion.cells(results.study)
    return [*trained, *(diffusion.of(c) for c, own in results.also.items() if own in trained)]


def twin(results: Results, cell: Cell) -> str:
    """The target that a cell is one model with at its own weighting; empty without one."""
    own = results.also.get(cell)
    if own is None or diffusion.of(own).weighting != diffusion.of(cell).weighting:
        return ""
    return diffusion.of(own).target
