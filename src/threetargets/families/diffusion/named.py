"""The names of diffusion cells: their parts, how a reader is told of them, and how they are
drawn."""

from __future__ import annotations

from threetargets.families import variants
from threetargets.families.cell import Cell
from threetargets.families.protocol import Look
from threetargets.study.values import TARGETS, WEIGHTINGS

NAME = "diffusion"
KIND = "ddpm"
GRAMMAR = ("ddpm_<target>_<weighting>", "ddpm_<target>_<weighting>_<variant>")
SYMBOLS = {"x0": "x₀", "eps": "ε", "raw-score": "raw score"}
"""How targets are written; any other is written as it is called."""
DASHES = {"native": (0, (1.2, 1.2)), "elbo": (0, (4, 1.5))}


class DiffusionCell(Cell):
    """A target and a weighting."""

    target: str
    weighting: str


def parse(name: str) -> DiffusionCell:
    parts = name.split("_")
    if not 3 <= len(parts) <= 4:
        raise ValueError(f"unknown model {name!r}; expected {' or '.join(GRAMMAR)}")
    if parts[1] not in TARGETS:
        raise ValueError(f"unknown target {parts[1]!r}; expected one of {', '.join(TARGETS)}")
    if parts[2] not in WEIGHTINGS:
        raise ValueError(f"unknown weighting {parts[2]!r}; expected one of {', '.join(WEIGHTINGS)}")
    cell = DiffusionCell(name, NAME, KIND, variants.variant_name(parts[3]) if parts[3:] else "")
    cell.target, cell.weighting = parts[1], parts[2]
    return cell


def of(cell: Cell) -> DiffusionCell:
    """The cell as one of this family. Raises TypeError."""
    if not isinstance(cell, DiffusionCell):
        raise TypeError(f"{cell} is no diffusion model")
    return cell


def cell_of(target: str, weighting: str, variant: str = "") -> DiffusionCell:
    return parse("_".join([KIND, target, weighting, *([variant] if variant else [])]))


def symbol(target: str) -> str:
    """How a target is written."""
    return SYMBOLS.get(target, target)


def tags(cell: Cell) -> dict[str, str]:
    cell = of(cell)
    return {"model": cell.kind, "target": cell.target, "weighting": cell.weighting}


def label(cell: Cell) -> str:
    cell = of(cell)
    return " · ".join([symbol(cell.target), cell.weighting, *([cell.variant] * bool(cell.variant))])


def short_label(cell: Cell) -> str:
    cell = of(cell)
    return " · ".join([symbol(cell.target), *([cell.variant] * bool(cell.variant))])


def look(cell: Cell, shared: bool = False) -> Look:
    """A colour for each target. Weightings differ by dashes where cells of one target share a
    figure. The score's line has gaps, because under one weighting it lies on that of eps, which has
    to show through."""
    cell = of(cell)
    if shared:
        return Look(cell.target, DASHES.get(cell.weighting, "-"))
    return Look(cell.target, (0, (3.5, 2.5)) if cell.target == "score" else "-")
