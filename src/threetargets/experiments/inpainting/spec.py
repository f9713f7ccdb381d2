"""Parameters of the inpainting experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.study.blocks import Schedule
from threetargets.study.values import Positive, PositiveReal, Section, no_repeats

LABEL = "filling holes"
LAWS = ("gaussian", "mixture")
METHODS = ("replacement", "resampling", "guided", "known")

Place = Annotated[list[float], Field(min_length=2, max_length=2)]


class Clusters(Section):
    """Equal round Gaussians in the plane."""

    centres: Annotated[list[Place], Field(min_length=2)]
    spread: PositiveReal


class Imputing(Section):
    """Linear-Gaussian VAEs with weights drawn at random, of which the last numbers are missing."""

    models: Positive
    visible: Positive
    holes: Positive
    latent: Annotated[int, Field(ge=2)]
    std: PositiveReal
    steps: Annotated[list[Positive], Field(min_length=2), AfterValidator(no_repeats)]
    chains: Annotated[int, Field(ge=100)]


class Inpainting(Section):
    """Samplers of the rest given a part, and a VAE that fills its holes."""

    correlation: Annotated[float, Field(gt=-1, lt=1)]
    mixture: Clusters
    schedule: Schedule
    calls: Annotated[list[Positive], Field(min_length=2), AfterValidator(no_repeats)]
    resampling: Annotated[int, Field(ge=2)]
    conditions: Annotated[int, Field(ge=2)]
    samples: Annotated[int, Field(ge=2)]
    vae: Imputing

    @model_validator(mode="after")
    def _divisible(self) -> Inpainting:
        if any(calls % self.resampling for calls in self.calls):
            raise ValueError(
                "calls: each is a multiple of `resampling`, which takes every step so often"
            )
        return self


BLOCK = Inpainting


def choices(block: Section) -> dict[str, frozenset[str]]:
    return {"SCHEDULES": frozenset({_own(block).schedule.name})}


def trainings(block: Section) -> int:
    return 0


def operations(block: Section) -> float:
    """About 15 000 for each row and call of the exact denoiser, and for each step of a chain."""
    chosen = _own(block)
    rows = chosen.conditions * chosen.samples * sum(chosen.calls)
    kept = chosen.vae.models * max(chosen.vae.steps) * chosen.vae.chains
    return 15e3 * (len(LAWS) * 6 * rows + 3 * kept)


def _own(block: Section) -> Inpainting:
    assert isinstance(block, Inpainting)
    return block
