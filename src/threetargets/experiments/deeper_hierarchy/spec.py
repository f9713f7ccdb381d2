"""Parameters of the deeper hierarchy experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.experiments.fitting import Fit
from threetargets.study.blocks import Schedule, Split
from threetargets.study.values import Positive, Section, no_repeats

LABEL = "deeper hierarchy"
PIXELS = 64
RUNGS = ("hvae", "dimension", "encoder", "ddpm")
"""Each has the restrictions of the one before and one more: none; latents of the data's dimension;
an encoder that is fixed and linear Gaussian; one whose last latent is standard normal. (003,
"Similarities with HVAE".)"""
LEARNED = RUNGS[:2]
"""Whose encoder is learned."""
PARTS = ("reconstruction", "between", "top")
"""Of a bound: -E log p(x | z_1); the levels below the last; the last."""

Levels = Annotated[
    list[Annotated[int, Field(ge=2)]], Field(min_length=2), AfterValidator(no_repeats)
]


class Model(Section):
    """The networks of every rung, shared by all levels of a hierarchy; `latent`: the dimension of
    the latents where it is not that of the data."""

    latent: Annotated[int, Field(ge=1, lt=PIXELS)]
    width: Positive
    depth: Positive
    training: Fit


class Known(Section):
    """Gaussian data with a covariance drawn at random, of which every bound is known; `draws` of
    them, by which the bounds are measured beside."""

    size: Annotated[int, Field(ge=2)]
    latent: Positive
    draws: Annotated[int, Field(ge=2)]


class DeeperHierarchy(Section):
    """Hierarchies of some numbers of levels. `schedule`: of the fixed encoder, cut into as many
    steps as there are levels; `early`: the log-SNR at which it ends where the last latent is not
    to be standard normal."""

    split: Split
    levels: Levels
    schedule: Schedule
    early: float
    digits: Model
    known: Known

    @model_validator(mode="after")
    def _in_order(self) -> DeeperHierarchy:
        if sorted(self.levels) != self.levels:
            raise ValueError("levels rise")
        if not self.schedule.log_snr_min < self.early < self.schedule.log_snr_max:
            raise ValueError("early lies between log_snr_min and log_snr_max of schedule")
        if self.known.latent >= self.known.size:
            raise ValueError("known: latent is less than size")
        return self


BLOCK = DeeperHierarchy


def choices(block: Section) -> dict[str, frozenset[str]]:
    chosen = _own(block)
    return {
        "SOURCES": frozenset({"digits"}),
        "SCHEDULES": frozenset({chosen.schedule.name}),
        "TARGETS": frozenset({"v"}),
    }


def trainings(block: Section) -> int:
    return len(RUNGS) * len(_own(block).levels)


def operations(block: Section) -> float:
    """Six for each weight, level and image, the learned encoders' included; twice that, for
    networks so small."""
    chosen = _own(block)
    model, calls = chosen.digits, sum(chosen.levels)
    weights = model.width * 2 * PIXELS + model.depth * 3 * model.width**2
    networks = len(RUNGS) + len(LEARNED)
    seen = model.training.steps * model.training.batch + chosen.split.test
    return 2.0 * 6 * weights * calls * networks * seen


def _own(block: Section) -> DeeperHierarchy:
    assert isinstance(block, DeeperHierarchy)
    return block
