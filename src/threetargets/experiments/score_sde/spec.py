"""Parameters of the score SDE experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.experiments.fitting import Fit
from threetargets.study.values import Positive, PositiveReal, Section, no_repeats

LABEL = "score SDE"
PROCESSES = ("vp", "ve", "sub-vp")
METHODS = ("euler-maruyama", "predictor-corrector", "flow-heun")
LAWS = ("mixture", "gaussian")
LOSSES = ("squared", "unsquared")

Reals = Annotated[list[float], Field(min_length=1)]
Rising = Annotated[list[Positive], Field(min_length=2), AfterValidator(no_repeats)]


class Humps(Section):
    """The data: a mixture of Gaussians on a line."""

    weights: Annotated[list[PositiveReal], Field(min_length=1)]
    means: Reals
    spreads: Annotated[list[PositiveReal], Field(min_length=1)]

    @model_validator(mode="after")
    def _as_many(self) -> Humps:
        if not len(self.weights) == len(self.means) == len(self.spreads):
            raise ValueError("weights, means and spreads are as many as the mixture has parts")
        return self


class Equation(Section):
    """beta(t) of the variance-preserving processes, sigma(t) of the exploding one, and the time at
    which a reversed one stops."""

    beta_start: PositiveReal
    beta_end: PositiveReal
    sigma_min: PositiveReal
    sigma_max: PositiveReal
    end: Annotated[float, Field(gt=0, lt=1)]


class Chain(Section):
    """Numbers of steps of DDPM's chain, and at how many times it is held against the equation."""

    steps: Rising
    times: Positive

    @model_validator(mode="after")
    def _fits(self) -> Chain:
        if sorted(self.steps) != self.steps or any(t % self.times for t in self.steps):
            raise ValueError("steps rise, and each is a multiple of times")
        return self


class Solving(Section):
    """Evaluations of the score that a sampler has, samples, and the corrector's signal-to-noise
    ratio."""

    evaluations: Rising
    samples: Annotated[int, Field(ge=2)]
    snr: PositiveReal

    @model_validator(mode="after")
    def _even(self) -> Solving:
        if sorted(self.evaluations) != self.evaluations or any(n % 2 for n in self.evaluations):
            raise ValueError("evaluations rise and are even: two of the methods take two a step")
        return self


class Matching(Section):
    """The network that learns the score, and at how many noise levels and points it is measured."""

    width: Positive
    depth: Positive
    training: Fit
    levels: Annotated[int, Field(ge=2)]
    points: Annotated[int, Field(ge=2)]


class ScoreSde(Section):
    """The chain and its limit, two losses, three equations reversed by three methods."""

    data: Humps
    process: Equation
    chain: Chain
    solving: Solving
    matching: Matching

    @model_validator(mode="after")
    def _steps_are_kernels(self) -> ScoreSde:
        if self.process.beta_end >= min(self.chain.steps):
            raise ValueError("chain.steps: beta_end / T has to be below 1, as a variance of noise")
        return self


BLOCK = ScoreSde


def choices(block: Section) -> dict[str, frozenset[str]]:
    return {}


def trainings(block: Section) -> int:
    return len(LOSSES)


def operations(block: Section) -> float:
    """Of the networks, and some hundred for each evaluation of the exact score."""
    assert isinstance(block, ScoreSde)
    fit, solving = block.matching.training, block.solving
    weights = block.matching.width * (34 + (block.matching.depth - 1) * block.matching.width)
    exact = sum(solving.evaluations) * len(PROCESSES) * len(METHODS) * solving.samples
    return float(len(LOSSES) * 6 * fit.steps * fit.batch * weights + 100 * exact)
