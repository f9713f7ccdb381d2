"""What the parts of a parameter file demand of each other. Every check raises ValueError with one
line that names the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threetargets import experiments
from threetargets.families import FAMILIES, spec_of
from threetargets.study import counts

if TYPE_CHECKING:
    from threetargets.study.schema import Study


def blocks(study: Study, of_cells: tuple[str, ...]) -> None:
    """A study has cells with all the blocks that these read, or experiments, or both. Raises
    ValueError."""
    if not study.cells and not experiments.of(study):
        raise ValueError("cells needs at least 1 entry where experiments names none")
    for key in of_cells:
        there = getattr(study, key) is not None
        if study.cells and not there:
            raise ValueError(f"{key} is missing, and cells names {str(study.cells[0])!r}")
        if there and not study.cells:
            raise ValueError(f"{key} is there, but cells is empty: nothing would read it")


def check(study: Study) -> None:
    """Raises ValueError."""
    for name, spec in FAMILIES.items():
        spec.check(study, tuple(cell for cell in study.cells if cell.family == name))
    _guidance(study)
    _labels(study)
    _shares(study)
    counts.check(study)


def _guidance(study: Study) -> None:
    for cell in study.guidance.cells:
        if cell not in study.cells:
            raise ValueError(f"guidance.cells names {str(cell)!r}, which is not in cells")
        if not spec_of(cell).LABELLED:
            raise ValueError(
                f"guidance.cells names {str(cell)!r}; only models that are asked for a class are "
                "guided"
            )
    if study.guidance.cells and not study.evaluation.extractors:
        raise ValueError(
            "guidance.cells is not empty, but evaluation.extractors is: nothing would be measured"
        )


def _labels(study: Study) -> None:
    if study.labelled:
        return
    has_none = f"but {study.data.name} has no labels"
    if "judge" in study.evaluation.extractors:
        raise ValueError(f"evaluation.extractors has judge, {has_none} to train it on")
    if study.guidance.cells:
        raise ValueError(f"guidance.cells is not empty, {has_none} to guide to")


def _shares(study: Study) -> None:
    for cell in study.cells:
        batch = spec_of(cell).training(study, cell).batch
        if batch % study.processes:
            raise ValueError(
                f"processes is {study.processes}, and training.{cell.kind}.batch, {batch}, of "
                f"{str(cell)!r} has no equal shares for them; use a multiple"
            )
