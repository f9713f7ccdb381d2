"""Parameters of the discrete experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.experiments.digit_sizes import LEVELS, SIDE
from threetargets.experiments.fitting import Fit
from threetargets.study.blocks import Split
from threetargets.study.counts import no_room
from threetargets.study.values import POOLS, Positive, Section, no_repeats

LABEL = "discrete diffusion"
"""Of the digits."""
MNIST, MNIST_SIDE = "mnist-binarised", 28
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


class Binary(Section):
    """An absorbing U-Net on patches of binarised MNIST, which is read from the cache, a mirror or
    its public address. `draws`: of a number of masked pixels, for the bound of each test image;
    `steps`: T in training, and of samples."""

    split: Split
    width: Positive
    depth: Positive
    training: Fit
    draws: Positive
    steps: Annotated[int, Field(ge=2)]


class Discrete(Section):
    """Uniform and absorbing corruption: exact, on a patch, on digits, and on binarised MNIST where
    it is asked for."""

    split: Split
    toy: Toy
    patch: Patch
    digits: Grey
    mnist: Binary | None = None

    @model_validator(mode="after")
    def _countable(self) -> Discrete:
        toy, patch = self.toy, self.patch
        if (toy.levels + 1) ** toy.pixels > MOST_STATES:
            raise ValueError(f"toy: (levels + 1)^pixels is at most {MOST_STATES}")
        if not 2 <= patch.height * patch.width <= MOST_PIXELS:
            raise ValueError(f"patch: height x width is 2 to {MOST_PIXELS}: every order is walked")
        if self.mnist and (wrong := no_room(MNIST, POOLS[MNIST], self.mnist.split)):
            raise ValueError(wrong.replace("data.split", "mnist.split"))
        if patch.top + patch.height > SIDE or patch.left + patch.width > SIDE:
            raise ValueError(f"patch: lies within the {SIDE} x {SIDE} pixels of a digit")
        return self


BLOCK = Discrete


def choices(block: Section) -> dict[str, frozenset[str]]:
    return {"SOURCES": frozenset({"digits", MNIST} if _own(block).mnist else {"digits"})}


def trainings(block: Section) -> int:
    return 4 if _own(block).mnist else 3


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
    rest = _of_mnist(chosen.mnist) if chosen.mnist else 0.0
    return 3.0 * (6 * seen * small + large * (6 * trained + 2 * measured)) + rest


def _of_mnist(own: Binary) -> float:
    """About 23 000 multiplications for each image, of a U-Net of width 1 and depth 1 on patches;
    twice that, for layers so small."""
    seen = 6 * own.training.steps * own.training.batch + 2 * own.draws * own.split.test
    return 2 * 23e3 * own.width**2 * own.depth * seen


def _weights(pixels: int, levels: int, hidden: int, depth: int) -> int:
    return hidden * pixels * (2 * levels + 1) + depth * 3 * hidden**2


def _own(block: Section) -> Discrete:
    assert isinstance(block, Discrete)
    return block
