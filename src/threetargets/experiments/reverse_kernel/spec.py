"""Parameters of the reverse kernel experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.experiments.fitting import Fit
from threetargets.experiments.manifold.spec import Process
from threetargets.study.values import Positive, Section, no_repeats

LABEL = "reverse kernel"
KINDS = ("denoising", "kernel-eps", "kernel")
"""What is regressed on x_i, and what the network's output is: x_0 by eps; x_{i-1} by eps; x_{i-1}
itself."""

Beta = Annotated[float, Field(gt=0, lt=1)]


class Step(Section):
    """The noise level of x_{i-1}, and the noise of the step to x_i."""

    log_snr: float
    betas: Annotated[list[Beta], Field(min_length=3), AfterValidator(no_repeats)]

    @model_validator(mode="after")
    def _rising(self) -> Step:
        if sorted(self.betas) != self.betas:
            raise ValueError("betas rise")
        return self


class Regression(Section):
    """Networks of each kind, trained for each of these numbers of steps, the last of them those of
    `training`."""

    process: Process
    width: Positive
    depth: Positive
    training: Fit
    steps: Annotated[list[Positive], Field(min_length=1), AfterValidator(no_repeats)]
    points: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _up_to_the_last(self) -> Regression:
        if sorted(self.steps) != self.steps or self.steps[-1] != self.training.steps:
            raise ValueError("steps rise to training.steps")
        return self


class ReverseKernel(Section):
    """A mixture of so many Gaussians on a line, drawn by the seed; one step; the regressions."""

    parts: Annotated[int, Field(ge=2)]
    step: Step
    regression: Regression


BLOCK = ReverseKernel


def choices(block: Section) -> dict[str, frozenset[str]]:
    assert isinstance(block, ReverseKernel)
    return {"SCHEDULES": frozenset({block.regression.process.schedule.name})}


def trainings(block: Section) -> int:
    assert isinstance(block, ReverseKernel)
    return len(KINDS) * len(block.regression.steps)


def operations(block: Section) -> float:
    assert isinstance(block, ReverseKernel)
    own = block.regression
    weights = own.width * (34 + (own.depth - 1) * own.width)
    return float(len(KINDS) * 6 * sum(own.steps) * own.training.batch * weights)
