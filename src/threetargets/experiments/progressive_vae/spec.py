"""Parameters of the progressive VAE experiment. Imports no torch."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.experiments.digit_sizes import PIXELS
from threetargets.experiments.fitting import Fit
from threetargets.study.blocks import Fraction, Split
from threetargets.study.values import Positive, Section, no_repeats

LABEL = "progressive VAE"
WAYS = ("apart", "shared", "joint", "fixed")
"""Phase one layer by layer; phase one of all layers at once, their networks shared; the whole bound
at once; encoders that are fixed and linear, and decoders layer by layer. But for `joint` a phase
two follows."""
PARTS = ("phase_one", "phase_two", "entropy")
"""-log p(z_{l-1} | z_l) over the layers; -log p(z_L); the encoders' conditional entropies."""

Lengths = Annotated[list[Positive], Field(min_length=2), AfterValidator(no_repeats)]
Noises = Annotated[list[Fraction], Field(min_length=2), AfterValidator(no_repeats)]


class Linear(Section):
    """Gaussian data of `size` numbers. Linear encoders drawn at random, `encoders` of them, to
    latents of these dimensions, with noise of standard deviation `noise`. A chain of equal steps,
    for each of these numbers of them, that keeps the share `end` of the data's variance."""

    size: Annotated[int, Field(ge=2)]
    latents: Annotated[list[Positive], Field(min_length=1)]
    noise: Fraction
    encoders: Positive
    steps: Lengths
    end: Fraction


class Model(Section):
    """Layers of latents of these dimensions; standard deviations of an encoder's noise, a model
    for each; width of the networks; Gaussians of the prior; a training, of each layer and of the
    prior."""

    latents: Annotated[list[Positive], Field(min_length=2)]
    noises: Noises
    width: Positive
    components: Positive
    training: Fit


class ProgressiveVae(Section):
    """Two phases on Gaussian data, where all is known, and on digits."""

    split: Split
    linear: Linear
    digits: Model

    @model_validator(mode="after")
    def _rising(self) -> ProgressiveVae:
        if sorted(self.linear.steps) != self.linear.steps:
            raise ValueError("linear: steps rise")
        if sorted(self.digits.noises) != self.digits.noises:
            raise ValueError("digits: noises rise")
        return self


BLOCK = ProgressiveVae


def middle(block: ProgressiveVae) -> float:
    """The noise of which samples are shown, and fixed encoders trained in both ways."""
    noises = block.digits.noises
    return noises[len(noises) // 2]


def entropy(noise: float) -> float:
    """1/2 log(2 pi e tau^2): of z_l given z_{l-1}, nats per dimension."""
    return 0.5 * math.log(2 * math.pi * math.e) + math.log(noise)


def choices(block: Section) -> dict[str, frozenset[str]]:
    return {"SOURCES": frozenset({"digits"})}


def trainings(block: Section) -> int:
    """Each way at each noise, layer by layer where it is so; fixed encoders once more, jointly."""
    chosen = _own(block).digits
    layers, noises = len(chosen.latents), len(chosen.noises)
    return noises * ((layers + 1) + 2 + 1 + (layers + 1)) + 1


def operations(block: Section) -> float:
    """Six for each weight and image; thrice that, for networks so small."""
    chosen = _own(block).digits
    weights = 2 * len(chosen.latents) * chosen.width * (2 * PIXELS + 2 * chosen.width)
    seen = chosen.training.steps * chosen.training.batch
    return 3.0 * 6 * weights * seen * (len(WAYS) * len(chosen.noises) + 1)


def _own(block: Section) -> ProgressiveVae:
    assert isinstance(block, ProgressiveVae)
    return block
