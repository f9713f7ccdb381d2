"""Parameters of the Langevin experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.experiments.fitting import Fit
from threetargets.experiments.score_sde.spec import Humps
from threetargets.study.values import Positive, PositiveReal, Section, no_repeats

LABEL = "Langevin dynamics"
STEPS = {"corrected": (1.0, 2.0), "printed": (2.0, 1.0)}
"""Of y + drift grad score dt + sqrt(diffusion dt) eps: (drift, diffusion)."""
ADJUSTED = "mala"
CHAINS = (*STEPS, ADJUSTED)
WALKS = ("plain", "annealed")

StepSizes = Annotated[list[PositiveReal], Field(min_length=2), AfterValidator(no_repeats)]


class Walking(Section):
    """Step sizes, chains, and for how long each goes on."""

    step_sizes: StepSizes
    chains: Annotated[int, Field(ge=2)]
    time: PositiveReal

    @model_validator(mode="after")
    def _ordered(self) -> Walking:
        if sorted(self.step_sizes) != self.step_sizes:
            raise ValueError("step_sizes rise")
        return self


class Energy(Section):
    """The network score(y), trained by score matching, and the step size and time of its chains."""

    width: Positive
    training: Fit
    step: PositiveReal
    time: PositiveReal


class Annealing(Section):
    """Two modes far apart; noise levels from sigma_max to sigma_min, steps at each of width
    `step` times the square of the level's ratio to the last."""

    data: Humps
    sigma_max: PositiveReal
    sigma_min: PositiveReal
    levels: Annotated[int, Field(ge=2)]
    steps: Positive
    step: PositiveReal
    chains: Annotated[int, Field(ge=2)]


class LangevinDensity(Section):
    """Chains on a Gaussian, on a mixture, on a learned score, and on modes far apart."""

    data: Humps
    walking: Walking
    energy: Energy
    annealing: Annealing

    @property
    def narrowest(self) -> float:
        """The smallest variance of the mixture's parts."""
        return min(self.data.spreads) ** 2

    @model_validator(mode="after")
    def _stable(self) -> LangevinDensity:
        if max(self.walking.step_sizes[-1], self.energy.step) >= self.narrowest:
            raise ValueError(
                f"walking.step_sizes and energy.step stay below {self.narrowest:g}, the smallest "
                "variance: from there on the printed step has no law"
            )
        return self


BLOCK = LangevinDensity


def stationary_variance(variance: float, width: float, drift: float, diffusion: float) -> float:
    """Of the unadjusted chain on score = -y^2 / (2 v): diffusion dt / (1 - (1 - drift dt / v)^2).
    Corrected: v / (1 - dt / 2v); printed: v / (4 (1 - dt / v))."""
    kept = 1 - drift * width / variance
    return diffusion * width / (1 - kept**2)


def choices(block: Section) -> dict[str, frozenset[str]]:
    return {}


def trainings(block: Section) -> int:
    """The second with a constant added to the score from the start."""
    return 2


def operations(block: Section) -> float:
    """Of the network, whose loss has second derivatives, and of its chains."""
    assert isinstance(block, LangevinDensity)
    own, fit = block.energy, block.energy.training
    weights = own.width * (own.width + 2)
    walked = len(CHAINS) * block.walking.chains * own.time / own.step
    return float(weights * (40 * fit.steps * fit.batch + 8 * walked))
