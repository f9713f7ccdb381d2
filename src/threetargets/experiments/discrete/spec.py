"""Parameters of the discrete experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.experiments.fitting import Fit
from threetargets.study.blocks import Split
from threetargets.study.values import Positive, Section, no_repeats

LABEL = "discrete diffusion"
SIDE, LEVELS = 8, 17
"""Of the digits."""
MOST_STATES, MOST_PIXELS = 256, 7
"""Of what is counted out."""

Lengths = Annotated[list[Positive], Field(min_length=2), AfterValidator(no_repeats)]


class Toy(Section):
    """A law drawn at random, of so many pixels of so many levels, and numbers of steps."""

    levels: Annotated[int, Field(ge=2)]
    pixels: Annotated[int, Field(ge=2)]
    steps: Lengths


class Patch(Section):
    """A network for a patch of the binarised digits, small enough to count out."""

    top: Annotated[int, Field(ge=0, lt=SIDE)]
    left: Annotated[int, Field(ge=0, lt=SIDE)]
    height: Positive
    width: Positive
    hidden: Positive
    depth: Positive
    training: Fit
    steps: Lengths


class Grey(Section):
    """The networks for whole digits of 17 levels; T of their bounds, and of their samples."""

    hidden: Positive
    depth: Positive
    training: Fit
    steps: Annotated[int, Field(ge=2)]


class Discrete(Section):
    """Uniform and absorbing corruption: exact, on a patch, and on digits."""

    split: Split
    toy: Toy
    patch: Patch
    digits: Grey

    @model_validator(mode="after")
    def _countable(self) -> Discrete:
        toy, patch = self.toy, self.patch
        if (toy.levels + 1) ** toy.pixels > MOST_STATES:
            raise ValueError(f"toy: (levels + 1)^pixels is at most {MOST_STATES}")
        if not 2 <= patch.height * patch.width <= MOST_PIXELS:
            raise ValueError(f"patch: height x width is 2 to {MOST_PIXELS}: every order is walked")
        if patch.top + patch.height > SIDE or patch.left + patch.width > SIDE:
            raise ValueError(f"patch: lies within the {SIDE} x {SIDE} pixels of a digit")
        return self


BLOCK = Discrete


def choices(block: Section) -> dict[str, frozenset[str]]:
    return {"SOURCES": frozenset({"digits"})}


def trainings(block: Section) -> int:
    return 3


def operations(block: Section) -> float:
    """Six for each weight and example of a training, two for each of the bounds; thrice that, since
    the divergences over all states take longer than the networks."""
    chosen = _own(block)
    pixels = chosen.patch.height * chosen.patch.width
    small = _weights(pixels, 2, chosen.patch.hidden, chosen.patch.depth)
    large = _weights(SIDE**2, LEVELS, chosen.digits.hidden, chosen.digits.depth)
    seen = chosen.patch.training.steps * chosen.patch.training.batch
    trained = chosen.digits.training.steps * chosen.digits.training.batch
    measured = chosen.digits.steps * chosen.split.test
    return 3.0 * (6 * seen * small + large * (6 * trained + 2 * measured))


def _weights(pixels: int, levels: int, hidden: int, depth: int) -> int:
    return hidden * pixels * (2 * levels + 1) + depth * 3 * hidden**2


def _own(block: Section) -> Discrete:
    assert isinstance(block, Discrete)
    return block
