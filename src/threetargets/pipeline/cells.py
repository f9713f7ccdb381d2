"""A run: a cell of the grid with its seed."""

from __future__ import annotations

from dataclasses import dataclass

from threetargets import experiments, families
from threetargets.families.cell import Cell

FLOOR = Cell("data")
"""Real training images in the place of samples: the floor of every figure of samples."""
SPLITS = ("train", "validation", "test")


def parse(name: str) -> Cell:
    """The cell of that name, the floor and experiments included. Raises ValueError, one line."""
    if name in experiments.EXPERIMENTS:
        return Cell(name)
    return FLOOR if name == FLOOR else families.parse(name)


def gamma_label(gamma: float) -> str:
    """The one way in which a gamma is written in paths and tables: 0, 0.5, 1, 1.5."""
    return format(float(gamma), "g")


@dataclass(frozen=True, order=True)
class Run:
    """One trained model of a study; of the cell `data`, a draw of real images; of the name of an
    experiment, one seed of it."""

    cell: Cell
    seed: int

    def __post_init__(self) -> None:
        if not isinstance(self.cell, Cell):
            object.__setattr__(self, "cell", parse(self.cell))
