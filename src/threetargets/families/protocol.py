"""What a family of models has to say of itself: the protocols of its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from threetargets.families.cell import Cell

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn

    from threetargets.data.read import Images, Manifest
    from threetargets.pipeline.cells import Run
    from threetargets.pipeline.records import Figure
    from threetargets.study.blocks import Training
    from threetargets.study.schema import Study
    from threetargets.study.values import Section

Choices = Mapping[str, frozenset[str]]
"""Entries of registries that a job uses, by the registry's name: {"TARGETS": {"eps"}}."""

Curves = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class Look:
    """How a cell is drawn: the name of its colour in the palette, and the dash of its line."""

    colour: str
    dash: str | tuple[float, tuple[float, ...]] = "-"


class Spec(Protocol):
    """families/<name>/spec.py."""

    @property
    def KINDS(self) -> tuple[str, ...]:
        """First words of its cells' names, which are also its keys under `training`."""

    @property
    def GRAMMAR(self) -> tuple[str, ...]:
        """How its cells are named, for the message to a user who has named none."""

    @property
    def BLOCKS(self) -> Mapping[str, type[Section]]:
        """Its keys in a parameter file. A study without cells of the family may leave them out."""

    @property
    def GENERATIVE(self) -> bool:
        """Whether its cells are models of the comparison: sampled, measured, in the grid."""

    @property
    def LABELLED(self) -> bool:
        """Whether its samples are asked for a class; only such models are guided."""

    @property
    def COMPILED(self) -> bool:
        """Whether `compile` and `precision` concern its trainings."""

    def cost_key(self, cell: Cell) -> str:
        """Cells of one key cost the same."""

    def parse(self, name: str) -> Cell:
        """Raises ValueError, one line."""

    def check(self, study: Study, names: tuple[Cell, ...]) -> None:
        """Whether the study's blocks fit each other and these cells, its own. Raises
        ValueError."""

    def training(self, study: Study, cell: Cell) -> Training:
        """The training block of a cell, its variant's changes included."""

    def fields(self, study: Study, cell: Cell, stage: str, guidance: str = "") -> dict[str, Any]:
        """The parameters that a stage reads for this cell, beyond the data and the training
        block."""

    def choices(self, study: Study, cell: Cell, stage: str, guidance: str = "") -> Choices:
        """The entries that the stage takes from registries; those of others count entirely."""

    def likelihoods(self, study: Study, cell: Cell) -> tuple[str, ...]:
        """Estimates that a likelihood record has to hold besides the bound."""

    def kept(self, study: Study, cell: Cell) -> tuple[int, ...]:
        """Steps of its training after which the averaged weights are kept, besides the last."""

    def also(self, study: Study) -> Mapping[Cell, Cell]:
        """Cells that the study need not train, because each is one model by construction with a
        cell that it trains: the one that is shown, and the one that it is."""

    def tags(self, cell: Cell) -> dict[str, str]:
        """What one filters cells by: its parts, each under its name."""

    def label(self, cell: Cell) -> str:
        """A reader's name of the cell."""

    def short_label(self, cell: Cell) -> str:
        """The same where the context tells the rest."""

    def look(self, cell: Cell, shared: bool = False) -> Look:
        """`shared`: other cells of the figure have its colour."""

    def set_up(self, study: Study, names: tuple[Cell, ...]) -> str:
        """What bounds of these cells depend on besides the cell, a sentence for captions."""

    def drawn(self, study: Study, cell: Cell) -> str:
        """The file of the family that makes a picture of a cell's weights for the report, which
        then depends on them; empty for none."""


class ModelPart(Protocol):
    """families/<name>/model.py."""

    def build(self, study: Study, data: Manifest, run: Run) -> nn.Module:
        """The untrained model: a module called with (images, labels, generator, share) for its
        loss."""

    def labels(self, study: Study, data: Manifest, run: Run, labels: Tensor) -> Tensor:
        """Those of the training images, (N,), as its training takes them."""

    def ready(self, study: Study, model: nn.Module, device: torch.device) -> None:
        """Precision and compilation, before the training."""

    def scores(
        self, model: nn.Module, splits: Mapping[str, Images], device: torch.device
    ) -> list[Figure]:
        """What the training stage measures of the trained model besides its loss."""


Draw = Callable[[float, range], "Tensor"]
"""(gamma, indices) -> levels, uint8 (N, C, H, W), on the CPU: the noise of sample j depends on
(seed, j) alone."""


class SamplingPart(Protocol):
    """families/<name>/sampling.py."""

    def sampler(
        self, study: Study, manifest: Manifest, run: Run, guidance: str, device: torch.device
    ) -> Draw:
        """Loads the trained model, and what guides it."""


class LikelihoodPart(Protocol):
    """families/<name>/likelihood.py."""

    def measure(
        self,
        study: Study,
        manifest: Manifest,
        run: Run,
        model: nn.Module,
        test: Images,
        train: Tensor,
    ) -> tuple[list[Figure], Curves]:
        """The likelihood of `test`, and what is measured beside it; `train`: all levels of the
        training split."""


class PicturePart(Protocol):
    """The file that `drawn` names."""

    def picture(self, study: Study, run: Run) -> np.ndarray:
        """Of a trained model, grey levels, uint8 (N, C, H, W)."""


class OperationsPart(Protocol):
    """families/<name>/operations.py: counts for one run, in floating-point operations."""

    def sampling(self, study: Study, manifest: Manifest, run: Run) -> float: ...

    def likelihood(self, study: Study, manifest: Manifest, run: Run) -> float: ...
