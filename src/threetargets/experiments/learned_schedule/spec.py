"""Parameters of the learned schedule experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from threetargets.experiments.denoising import Denoising
from threetargets.experiments.digit_sizes import SIDE
from threetargets.experiments.fitting import Fit
from threetargets.study.blocks import Interval, Split
from threetargets.study.values import Positive, Section

LABEL = "learned schedule"
FIXED = ("cosine", "linear", "log-linear")
LEARNED = "learned"
"""Of the digits."""

Several = Annotated[int, Field(ge=2)]


class Law(Section):
    """Independent Gaussian numbers, whose variances the seed draws, log-uniform from `least` to
    1, and whose denoiser is exact; the training of the schedule."""

    size: Several
    least: Annotated[float, Field(gt=0, lt=1)]
    training: Fit


class Measuring(Section):
    """Draws of the Gaussian law, and of t and noise for each test digit; the batch over which t is
    spread evenly; noise levels at which a network's least variance is computed."""

    gaussian: Several
    digits: Positive
    batch: Several
    levels: Several


class LearnedSchedule(Section):
    """log-SNR falls in so many straight pieces, each of which takes an equal share of t; networks
    for digits under every fixed schedule, and one that is trained with its own."""

    split: Split
    ends: Interval
    pieces: Several
    gaussian: Law
    digits: Denoising
    measuring: Measuring

    @model_validator(mode="after")
    def _two_batches(self) -> LearnedSchedule:
        own = self.measuring
        if min(own.gaussian, own.digits * self.split.test) < 2 * own.batch:
            raise ValueError("measuring: batch fits twice into the draws of both")
        return self


BLOCK = LearnedSchedule


def choices(block: Section) -> dict[str, frozenset[str]]:
    return {
        "SOURCES": frozenset({"digits"}),
        "SCHEDULES": frozenset(FIXED),
        "TARGETS": frozenset({_own(block).digits.target}),
    }


def trainings(block: Section) -> int:
    return len(FIXED) + 1


def operations(block: Section) -> float:
    """Of the networks for digits; and those of the Gaussian law, by its square."""
    chosen = _own(block)
    law, taken, each = chosen.gaussian, chosen.measuring, trainings(block)
    seen = chosen.split.test * (3 * taken.digits + taken.levels)
    draws = 3 * law.training.steps * law.training.batch + 8 * taken.gaussian
    return each * chosen.digits.operations(SIDE**2, seen) + 6.0 * law.size**2 * draws


def _own(block: Section) -> LearnedSchedule:
    assert isinstance(block, LearnedSchedule)
    return block
