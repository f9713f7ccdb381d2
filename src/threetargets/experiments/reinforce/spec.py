"""Parameters of the reinforce experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from threetargets.study.blocks import Split
from threetargets.study.values import Positive, PositiveReal, Section

LABEL = "score-function training"
GAUSSIAN = ("reparameterised", "closed-divergence", "score", "running-mean", "leave-one-out")
BINARY = ("exact", "score", "leave-one-out", "gumbel")
"""The gradients by which each is trained."""

Even = Annotated[int, Field(ge=2, multiple_of=2)]


class Loop(Section):
    """Adam at one rate; so many draws of z in a step, whatever the gradient."""

    steps: Positive
    draws: Even
    learning_rate: PositiveReal
    points: Annotated[int, Field(ge=2)]


class Linear(Section):
    """A linear-Gaussian VAE, on data of such a law."""

    size: Positive
    latent: Positive
    noise: PositiveReal
    training: Loop


class Binary(Section):
    """A VAE with binary latents, on binarised digits; `temperature` of its relaxation."""

    split: Split
    latent: Annotated[int, Field(ge=2, le=8)]
    hidden: Positive
    temperature: PositiveReal
    training: Loop


class Reinforce(Section):
    """Training by each gradient, and their variances at one model; `repeats`: gradients drawn for a
    variance."""

    gaussian: Linear
    binary: Binary
    repeats: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _smaller(self) -> Reinforce:
        if self.gaussian.latent > self.gaussian.size:
            raise ValueError("gaussian: latent is at most size")
        return self


BLOCK = Reinforce


def choices(block: Section) -> dict[str, frozenset[str]]:
    return {"SOURCES": frozenset({"digits"})}


def trainings(block: Section) -> int:
    return len(GAUSSIAN) + len(BINARY)


def operations(block: Section) -> float:
    """Six for each weight and draw; a step of so small a network is mostly overhead, put at 3e7."""
    chosen = _own(block)
    steps = len(GAUSSIAN) * chosen.gaussian.training.steps
    steps += len(BINARY) * chosen.binary.training.steps
    return 3e7 * (steps + 50.0 * chosen.repeats)


def _own(block: Section) -> Reinforce:
    assert isinstance(block, Reinforce)
    return block
