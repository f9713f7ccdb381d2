"""Parameters of the normal targets experiment. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from threetargets.experiments.digit_sizes import SIDE
from threetargets.experiments.fitting import Fit
from threetargets.experiments.manifold.spec import Process
from threetargets.study.blocks import Split
from threetargets.study.values import Positive, PositiveReal, Section

LABEL = "normal targets"
"""Of the digits."""
X0, EPS, DRAWN = "x0", "eps", "drawn"
MADE_NORMAL = ("whitened", "gaussianised")
TARGETS = (X0, *MADE_NORMAL, DRAWN, EPS)
"""`drawn`: Gaussianised with ties drawn, whose law is normal for every pixel."""
SAME, OWN = "same", "own"
"""Losses: of eps^, whatever the target; and of each target in its own space, which for eps is the
same one."""


@dataclass(frozen=True)
class Case:
    """One network: what it predicts, and the loss it is trained with."""

    target: str
    loss: str

    @property
    def name(self) -> str:
        return f"{self.target}/{self.loss}"


CASES = (
    *(Case(target, SAME) for target in (X0, *MADE_NORMAL, EPS)),
    *(Case(target, OWN) for target in (X0, *MADE_NORMAL, DRAWN)),
)
"""Under the same loss ties that are drawn change nothing: it has x_0 itself in it."""


class NormalTargets(Section):
    """Networks of one size for each target. `smoothing`: images that are added to each level of a
    pixel's histogram. The reverse variance is fitted to the first `fit_images` of training."""

    split: Split
    process: Process
    smoothing: PositiveReal
    width: Positive
    depth: Positive
    training: Fit
    fit_images: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _enough(self) -> NormalTargets:
        if self.fit_images > self.split.train:
            raise ValueError("fit_images is at most split.train")
        return self


BLOCK = NormalTargets


def choices(block: Section) -> dict[str, frozenset[str]]:
    return {
        "SOURCES": frozenset({"digits"}),
        "TARGETS": frozenset({X0, EPS}),
        "SCHEDULES": frozenset({_own(block).process.schedule.name}),
    }


def trainings(block: Section) -> int:
    return len(CASES)


def operations(block: Section) -> float:
    """Six for each weight and example of a training, two for each noise level of an image."""
    own = _own(block)
    weights = own.width * (2 * SIDE**2 + 3 * own.depth * own.width)
    seen = 6 * own.training.steps * own.training.batch
    measured = 2 * own.process.steps * (own.fit_images + own.split.test)
    return float(len(CASES) * weights * (seen + measured))


def _own(block: Section) -> NormalTargets:
    assert isinstance(block, NormalTargets)
    return block
