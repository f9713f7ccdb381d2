"""Parameters of the deeper hierarchy experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.experiments.digit_sizes import PIXELS
from threetargets.experiments.fitting import Fit
from threetargets.study.blocks import Schedule, Split
from threetargets.study.values import Positive, Section, no_repeats

LABEL = "deeper hierarchy"
RUNGS = ("hvae", "dimension", "encoder", "ddpm")
"""Each has the restrictions of the one before and one more: none; latents of the data's dimension;
an encoder that is fixed and linear Gaussian; one whose last latent is standard normal. (003,
"Similarities with HVAE".)"""
LEARNED, FIXED = RUNGS[:2], RUNGS[2:]
"""By their encoder."""
PARTS = ("reconstruction", "between", "top")
"""Of a bound: -E log p(x | z_1); the levels below the last; the last."""

Levels = Annotated[
    list[Annotated[int, Field(ge=2)]], Field(min_length=2), AfterValidator(no_repeats)
]


class Model(Section):
    """`latent`: the dimension of latents that are fewer than pixels. `training`: of each hierarchy
    with a learned encoder, whose network is its own. `denoising`: of the one network of all fixed
    encoders; its batch counts noised images, one image for each level of a hierarchy."""

    latent: Annotated[int, Field(ge=1, lt=PIXELS)]
    width: Positive
    depth: Positive
    training: Fit
    denoising: Fit


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
        if self.digits.denoising.batch < self.levels[-1]:
            raise ValueError("digits: denoising.batch is at least the largest of levels")
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
    return len(LEARNED) * len(_own(block).levels) + 1


def operations(block: Section) -> float:
    """Six for each weight, level and image; thrice that, for networks so small, with as much again
    for learned encoders."""
    chosen = _own(block)
    model, calls = chosen.digits, sum(chosen.levels)
    weights = model.width * 2 * PIXELS + model.depth * 3 * model.width**2
    seen = model.training.steps * model.training.batch * calls * 2 * len(LEARNED)
    seen += model.denoising.steps * model.denoising.batch
    return 3.0 * 6 * weights * (seen + len(RUNGS) * calls * chosen.split.test)


def _own(block: Section) -> DeeperHierarchy:
    assert isinstance(block, DeeperHierarchy)
    return block
