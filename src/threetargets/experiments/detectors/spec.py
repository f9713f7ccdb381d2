"""Parameters of the detectors experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.experiments import digit_sizes
from threetargets.experiments.denoising import Denoising
from threetargets.experiments.fitting import Fit
from threetargets.study.blocks import Interval, Split
from threetargets.study.values import LEVELS, Positive, PositiveReal, Section, SourceName

LABEL = "detectors"
DIGITS = "digits"
CHANGES = ("shifted", "noised", "inverted", "faint")
LIKELIHOODS = ("bound", "ode", "vae")
TYPICAL = {"typicality": "bound", "vae-typicality": "vae"}
"""How far a score is from its usual value, by that score."""
DETECTORS = (*LIKELIHOODS, *TYPICAL, "classifier")
PIXELS = {"digits": digit_sizes.PIXELS, "mnist14": 196, "fashion-mnist14": 196}
"""Of the data sets that models so small are for."""

Several = Annotated[int, Field(ge=2)]


class Changes(Section):
    """Digits that are not of the data set: moved to the right by so many pixels, with noise of so
    many grey levels, at a fraction of their grey levels; and inverted."""

    pixels: Annotated[int, Field(ge=1, lt=8)]
    noise: PositiveReal
    contrast: Annotated[float, Field(gt=0, lt=1)]


class Net(Section):
    """A perceptron and its training."""

    hidden: Positive
    depth: Positive
    training: Fit


class Latent(Net):
    """A VAE: perceptrons each way, logistic pixels."""

    latent: Positive


class Scoring(Section):
    """Draws of t for a bound, steps and probes of the flow, draws of z for the VAE's likelihood."""

    draws: Positive
    steps: Positive
    probes: Positive
    importance: Positive


class Models(Section):
    """What is trained on one data set, log-SNR linear in t between `ends`, and how an image is
    scored; `images`: of each set."""

    images: Several
    ends: Interval
    denoiser: Denoising
    vae: Latent
    classifier: Net
    scoring: Scoring


Pair = Annotated[list[SourceName], Field(min_length=2, max_length=2)]


def _apart(pair: list[str]) -> list[str]:
    known, other = pair
    if not set(pair) <= set(PIXELS):
        raise ValueError(f"a pair is of {', '.join(PIXELS)}; found {known} and {other}")
    if known == other or PIXELS[known] != PIXELS[other] or LEVELS[known] != LEVELS[other]:
        raise ValueError(f"a pair is of two data sets of one shape; found {known} and {other}")
    return pair


class Larger(Section):
    """Data sets against each other: models of the first of each pair, which the second is not of.
    Their files have to be at hand: nothing is downloaded."""

    pairs: Annotated[list[Annotated[Pair, AfterValidator(_apart)]], Field(min_length=1)]
    split: Split
    models: Models


class Detectors(Section):
    """Digits against changed digits, and, where `larger` is there, data sets against each
    other."""

    split: Split
    changes: Changes
    digits: Models
    larger: Larger | None = None

    @model_validator(mode="after")
    def _enough(self) -> Detectors:
        if 2 * self.digits.images > self.split.test:
            raise ValueError("digits.images is at most half of split.test: the others are changed")
        if self.larger and self.larger.models.images > self.larger.split.test:
            raise ValueError("larger.models.images is at most larger.split.test")
        return self


BLOCK = Detectors


def tasks(block: Detectors) -> list[tuple[str, str]]:
    """Each data set with what it is held against: changes of its own, or another data set."""
    pairs = [(known, other) for known, other in block.larger.pairs] if block.larger else []
    return [*((DIGITS, change) for change in CHANGES), *pairs]


def trained_on(block: Detectors) -> dict[str, Models]:
    """The data sets of which there are models."""
    larger = {known: block.larger.models for known, _ in block.larger.pairs} if block.larger else {}
    return {DIGITS: block.digits, **larger}


def choices(block: Section) -> dict[str, frozenset[str]]:
    own = _own(block)
    names = {name for task in tasks(own) for name in task} - set(CHANGES)
    return {
        "SOURCES": frozenset(names),
        "SCHEDULES": frozenset({"log-linear"}),
        "TARGETS": frozenset(models.denoiser.target for models in trained_on(own).values()),
        "DECODERS": frozenset({"logistic"}),
    }


def trainings(block: Section) -> int:
    return 3 * len(trained_on(_own(block)))


def operations(block: Section) -> float:
    """Of the denoisers, whose flow takes four calls a step and as many again for each probe; as
    much again for VAE and classifier."""
    own, total = _own(block), 0.0
    for name, models in trained_on(own).items():
        sets = 2 + sum(known == name for known, _ in tasks(own))
        taken = models.scoring
        calls = taken.draws + 4 * taken.steps * (1 + 2 * taken.probes)
        total += models.denoiser.operations(PIXELS[name], sets * models.images * calls)
    return 2 * total


def _own(block: Section) -> Detectors:
    assert isinstance(block, Detectors)
    return block
