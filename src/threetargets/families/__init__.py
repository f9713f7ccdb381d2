"""The families of models, a folder each; a further family is a further folder and its name here.

    families/<name>/spec.py        parameters, cells, identity fields, looks; imports no torch
    families/<name>/model.py       the module and its loss
    families/<name>/sampling.py    how it is sampled
    families/<name>/likelihood.py  how its likelihood is measured
    families/<name>/operations.py  floating-point operations of both

What each file has to hold is in protocol.py. Nothing outside of this folder knows a family by name.
"""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING, cast

from threetargets import experiments
from threetargets.families.cell import Cell
from threetargets.families.classifier import spec as classifier_spec
from threetargets.families.protocol import Spec

if TYPE_CHECKING:
    from threetargets.study.blocks import Training
    from threetargets.study.schema import Study

NAMES = (
    "diffusion",
    "autoencoder",
    "classifier",
)
FAMILIES: dict[str, Spec] = {
    name: cast(Spec, import_module(f"threetargets.families.{name}.spec")) for name in NAMES
}
JUDGE = classifier_spec.JUDGE
"""The model that is no cell of the grid but measures them all."""


def judge_seed(study: Study) -> int:
    """The judge's own seed, never one of `seeds`."""
    return classifier_spec.block(study).judge_seed


def judge_width(study: Study) -> int:
    """How many features the judge gives of an image."""
    return classifier_spec.block(study).width


def also(study: Study) -> dict[Cell, Cell]:
    """Cells that are shown without a training of their own, each with the cell that it is."""
    return {cell: own for spec in FAMILIES.values() for cell, own in spec.also(study).items()}


@functools.cache
def parse(name: str) -> Cell:
    """The cell of that name. Raises ValueError, one line."""
    kind = name.partition("_")[0]
    for spec in FAMILIES.values():
        if kind in spec.KINDS:
            return spec.parse(name)
    known = [grammar for spec in FAMILIES.values() if spec.GENERATIVE for grammar in spec.GRAMMAR]
    raise ValueError(f"unknown model {name!r}; expected {', '.join(known[:-1])} or {known[-1]}")


def spec_of(cell: Cell) -> Spec:
    """The family of a cell."""
    return FAMILIES[cell.family]


def training_of(study: Study, cell: Cell) -> Training:
    """The training block of a cell."""
    return spec_of(cell).training(study, cell)


def tags(cell: Cell) -> dict[str, str]:
    """What one filters cells by; of real images too."""
    return spec_of(cell).tags(cell) if cell.family else {"model": str(cell)}


def label(cell: Cell) -> str:
    """A reader's name of a cell; of real images and of experiments too."""
    if cell in experiments.EXPERIMENTS:
        return experiments.spec_of(cell).LABEL
    return spec_of(cell).label(cell) if cell.family else "real data"
