"""The typed parameters of a study: one file, every key known, every value checked before work
starts. Each family of models brings its own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from threetargets import experiments
from threetargets.errors import ConfigError
from threetargets.families import FAMILIES
from threetargets.study import rules
from threetargets.study.blocks import (
    Comparison,
    Data,
    Evaluation,
    Guidance,
    Likelihood,
    Sampling,
    Tracking,
    Training,
)
from threetargets.study.complaint import complaint
from threetargets.study.values import CLASSES, CellNames, Count, Positive, Section, no_repeats

if TYPE_CHECKING:
    Trainings = Section
    Experiments = Section
else:
    Trainings = create_model(
        "Trainings",
        __base__=Section,
        __doc__="A block for each kind of model that the study trains.",
        **{kind: (Training | None, None) for spec in FAMILIES.values() for kind in spec.KINDS},
    )
    Experiments = create_model(
        "Experiments",
        __base__=Section,
        __doc__="A block for each experiment that the study runs.",
        **{
            name: (experiments.spec_of(name).BLOCK | None, None) for name in experiments.EXPERIMENTS
        },
    )

OF_CELLS = ("data", "training", "sampling", "guidance", "likelihood", "evaluation")
"""Blocks that cells alone read: a study without cells has none of them, one with cells has all."""


Block = TypeVar("Block")
if TYPE_CHECKING:
    OfCells = Annotated[Block, "of cells"]  # None where there are none, and not looked at there
else:
    OfCells = Block | None


def _none() -> Any:
    return Field(default=None)


OWN_FOLDERS = ("figures", "calibration")
"""Folders of reports/ that are of no study: of the page across studies, and of `threetargets
calibrate`."""


class Common(Section):
    """What every study says, whatever its models. One of experiments alone has no cells and none of
    the blocks that these read."""

    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    data: OfCells[Data] = _none()
    seeds: Annotated[list[Count], Field(min_length=1), AfterValidator(no_repeats)]
    cells: CellNames
    experiments: Experiments = Experiments()
    training: OfCells[Trainings] = _none()
    sampling: OfCells[Sampling] = _none()
    guidance: OfCells[Guidance] = _none()
    likelihood: OfCells[Likelihood] = _none()
    evaluation: OfCells[Evaluation] = _none()
    comparison: Comparison
    tracking: Tracking
    device: Literal["auto", "cpu", "cuda"]
    processes: Positive
    compile: bool
    precision: Literal["fp32", "bf16"]

    @field_validator("study")
    @classmethod
    def _a_folder_of_its_own(cls, name: str) -> str:
        if name in OWN_FOLDERS:
            raise ValueError(f"reports/{name} is no study's; choose another name")
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Common:
        rules.blocks(self, OF_CELLS)
        if self.cells:
            rules.check(self)
        return self

    @property
    def labelled(self) -> bool:
        """Whether the images have classes: a judge and a guide can be trained, and samples asked
        for."""
        return CLASSES[self.data.name] > 1


if TYPE_CHECKING:
    Study = Common  # the blocks of a family are read through its spec alone
else:
    Study = create_model(
        "Study",
        __base__=Common,
        __doc__="A whole study, as one file of parameters describes it.",
        **{
            key: (block | None, None)
            for spec in FAMILIES.values()
            for key, block in spec.BLOCKS.items()
        },
    )


def parse(values: object, name: str) -> Study:
    """The study in `values`. Raises ConfigError with one line that names the key, the value and
    what was expected."""
    if not isinstance(values, dict):
        kind = "nothing" if values is None else type(values).__name__
        raise ConfigError(f"{name}: expected a mapping of parameters, found {kind}")
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{name}: {complaint(error, Study)}") from None
