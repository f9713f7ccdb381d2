"""The typed parameters of a study: one file, every key known, every value checked before work
starts. Each family of models brings its own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, create_model, model_validator

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
else:
    Trainings = create_model(
        "Trainings",
        __base__=Section,
        __doc__="A block for each kind of model that the study trains.",
        **{kind: (Training | None, None) for spec in FAMILIES.values() for kind in spec.KINDS},
    )


class Common(Section):
    """What every study says, whatever its models."""

    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    data: Data
    seeds: Annotated[list[Count], Field(min_length=1), AfterValidator(no_repeats)]
    cells: Annotated[CellNames, Field(min_length=1)]
    training: Trainings
    sampling: Sampling
    guidance: Guidance
    likelihood: Likelihood
    evaluation: Evaluation
    comparison: Comparison
    tracking: Tracking
    device: Literal["auto", "cpu", "cuda"]
    processes: Positive
    compile: bool
    precision: Literal["fp32", "bf16"]

    @model_validator(mode="after")
    def _consistent(self) -> Common:
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
