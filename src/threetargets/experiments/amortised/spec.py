"""Parameters of the amortised experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from threetargets.experiments.digit_sizes import PIXELS
from threetargets.experiments.fitting import Fit
from threetargets.study.blocks import Split
from threetargets.study.values import Positive, PositiveReal, Section

LABEL = "amortised inference"
PARTS = ("test", "train")


class Model(Section):
    """A VAE of the binarised digits: Gaussian latents, Bernoulli pixels."""

    latent: Annotated[int, Field(ge=2)]
    hidden: Positive
    depth: Positive
    training: Fit


class PerImage(Section):
    """Adam on mean and root of the covariance of each image's own q; the bound is taken at `points`
    places, by `evaluation` draws, log p(x) by `importance` draws."""

    images: Annotated[int, Field(ge=2)]
    steps: Positive
    draws: Positive
    learning_rate: PositiveReal
    points: Annotated[int, Field(ge=2)]
    evaluation: Annotated[int, Field(ge=2)]
    importance: Annotated[int, Field(ge=2)]


class Linear(Section):
    """A linear-Gaussian decoder with weights drawn at random, all gaps of which are known."""

    size: Positive
    latent: Annotated[int, Field(ge=2)]
    noise: PositiveReal


class Amortised(Section):
    """The gaps between the encoder's bound, the best of a mean field, and log p(x)."""

    split: Split
    digits: Model
    linear: Linear
    inference: PerImage

    @model_validator(mode="after")
    def _enough(self) -> Amortised:
        if self.inference.images > min(self.split.train, self.split.test):
            raise ValueError("inference: images is at most the size of both splits")
        return self


BLOCK = Amortised


def choices(block: Section) -> dict[str, frozenset[str]]:
    return {"SOURCES": frozenset({"digits"})}


def trainings(block: Section) -> int:
    return 1


def operations(block: Section) -> float:
    """Six for each weight and draw of an optimisation, two for each of an evaluation; twice that,
    for networks so small."""
    chosen = _own(block)
    model, own = chosen.digits, chosen.inference
    weights = model.hidden * (PIXELS + model.latent) + (model.depth - 1) * model.hidden**2
    trained = 2 * model.training.steps * model.training.batch
    optimised = 2 * len(PARTS) * own.images * own.steps * own.draws
    taken = len(PARTS) * own.images * (3 * own.points * own.evaluation + own.importance)
    return 2.0 * weights * (6 * (trained + optimised) + 2 * taken)


def _own(block: Section) -> Amortised:
    assert isinstance(block, Amortised)
    return block
