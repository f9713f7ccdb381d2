"""Parameters of the super-resolution experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.experiments.digit_sizes import PIXELS
from threetargets.experiments.fitting import Fit
from threetargets.study.blocks import Schedule, Split
from threetargets.study.values import Positive, PositiveReal, Section, no_repeats

LABEL = "super-resolution"
FACTOR, CLASSES = 2, 10
"""Of the digits: pixels a side, and of these as many as one mean takes; digits."""
LAWS = ("gaussian", "mixture")
UNCONDITIONAL = ("guided", "projection", "replacement")
METHODS = (*UNCONDITIONAL, "known")
"""With an exact denoiser; `known` is that of the conditional law."""
TRAINED = ("conditional", *UNCONDITIONAL)

Few = Annotated[int, Field(ge=4)]


class Laws(Section):
    """Laws with the moments of the training digits, and `noise`, a standard deviation, on every
    pixel; so many y of each, and so many samples given each y."""

    noise: PositiveReal
    calls: Annotated[list[Positive], Field(min_length=2), AfterValidator(no_repeats)]
    conditions: Annotated[int, Field(ge=2)]
    samples: Few


class Learned(Section):
    """Two perceptrons of one size, with and without y, and so many samples of each test image."""

    hidden: Positive
    depth: Positive
    training: Fit
    images: Annotated[int, Field(ge=2)]
    samples: Annotated[int, Field(ge=2)]
    calls: Positive


class SuperResolution(Section):
    """Ways to draw an image given the means of its pixels."""

    split: Split
    schedule: Schedule
    laws: Laws
    digits: Learned

    @model_validator(mode="after")
    def _enough(self) -> SuperResolution:
        if self.digits.images > self.split.test:
            raise ValueError("digits: images is at most the size of the test split")
        return self


BLOCK = SuperResolution


def choices(block: Section) -> dict[str, frozenset[str]]:
    return {
        "SOURCES": frozenset({"digits"}),
        "SCHEDULES": frozenset({_own(block).schedule.name}),
        "TARGETS": frozenset({"eps"}),
    }


def trainings(block: Section) -> int:
    return 2


def operations(block: Section) -> float:
    """Six for each weight and example of a training, two for each call of a network, eight where it
    is guided; about 100 000 for each component, row and call of an exact denoiser, thrice that
    where it is guided."""
    chosen = _own(block)
    laws, own = chosen.laws, chosen.digits
    weights = own.hidden * (3 * PIXELS + 3 * own.depth * own.hidden)
    trained = 2 * 6 * own.training.steps * own.training.batch
    drawn = own.images * own.samples * own.calls * (2 * 3 + 8)
    rows = laws.conditions * laws.samples * sum(laws.calls)
    return 2.0 * weights * (trained + drawn) + 1e5 * (1 + CLASSES) * 6 * rows


def _own(block: Section) -> SuperResolution:
    assert isinstance(block, SuperResolution)
    return block
