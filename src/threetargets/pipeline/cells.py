"""A cell of the grid, and a run: a cell with its seed."""

from __future__ import annotations

from dataclasses import dataclass

from threetargets.study.values import AUTOENCODERS

CLASSIFIERS = ("guide", "judge")
FLOOR = "data"
SPLITS = ("train", "validation", "test")


def gamma_label(gamma: float) -> str:
    """The one way in which a gamma is written in paths and tables: 0, 0.5, 1, 1.5."""
    return format(float(gamma), "g")


@dataclass(frozen=True, order=True)
class Run:
    """One trained model of a study."""

    cell: str
    seed: int

    @property
    def model(self) -> str:
        """The family: vae, hvae, ddpm, guide, judge or data."""
        return self.cell.split("_")[0]

    @property
    def target(self) -> str:
        return self.cell.split("_")[1] if self.model == "ddpm" else ""

    @property
    def weighting(self) -> str:
        return self.cell.split("_")[2] if self.model == "ddpm" else ""

    @property
    def variant(self) -> str:
        """`z20` of vae_z20."""
        return self.cell.partition("_")[2] if self.model in AUTOENCODERS else ""
