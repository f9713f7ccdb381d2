"""Parameters of the manifold experiment and the cases that it trains. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.experiments.fitting import Fit
from threetargets.study.blocks import Schedule
from threetargets.study.values import (
    Count,
    Positive,
    Sampler,
    Section,
    TargetName,
    Weighting,
    no_repeats,
)

LABEL = "manifold"
PLANE = 2
"""Dimensions of the data, whatever those of the space that they lie in."""

Dimension = Annotated[int, Field(ge=PLANE)]
Dimensions = Annotated[list[Dimension], Field(min_length=1), AfterValidator(no_repeats)]
Targets = Annotated[list[TargetName], Field(min_length=1), AfterValidator(no_repeats)]


class Ring(Section):
    """The data: so many equal Gaussians on a circle, each of standard deviation `spread`; a
    coordinate of the whole has variance 1."""

    modes: Positive
    spread: Annotated[float, Field(gt=0, lt=1)]
    embedding_seed: Count


class Process(Section):
    """The forward process, by whose levels, drawn evenly, the networks are trained."""

    schedule: Schedule
    steps: Annotated[int, Field(ge=2)]


class Drawing(Section):
    """Samples of each network, and the directions in the plane along which they are compared."""

    sampler: Sampler
    steps: Positive
    samples: Annotated[int, Field(ge=2)]
    directions: Positive


class Excess(Section):
    """At how many noise levels, and by how many draws, a network is held against the exact
    denoiser."""

    levels: Annotated[int, Field(ge=2)]
    draws: Annotated[int, Field(ge=2)]


class Control(Section):
    """Cases that differ from the main ones in the keys that are named."""

    dimensions: Dimensions
    targets: Targets | None = None
    weighting: Weighting | None = None
    input_skip: bool | None = None
    width: Positive | None = None


class Manifold(Section):
    """Every target at every dimension under one loss, and controls."""

    data: Ring
    dimensions: Dimensions
    targets: Targets
    weighting: Weighting
    input_skip: bool
    width: Positive
    depth: Positive
    controls: list[Control]
    process: Process
    training: Fit
    sampling: Drawing
    excess: Excess

    @model_validator(mode="after")
    def _learnable(self) -> Manifold:
        if any(case.weighting == "elbo" for case in cases(self)):
            raise ValueError(
                "weighting: elbo has the decoder's term at the cleanest level, and these data have "
                "no decoder"
            )
        if self.excess.levels > self.process.steps:
            raise ValueError(
                f"excess.levels is {self.excess.levels}; expected at most process.steps, "
                f"{self.process.steps}"
            )
        return self


BLOCK = Manifold


@dataclass(frozen=True)
class Case:
    """One network: its output's space, its loss's space, and what it has to learn on."""

    target: str
    weighting: str
    dimension: int
    width: int
    input_skip: bool = False

    @property
    def name(self) -> str:
        """x0_v-equivalent_D512_w256, with _skip where the input has a path of its own."""
        parts = [self.target, self.weighting, f"D{self.dimension}", f"w{self.width}"]
        return "_".join([*parts, *(["skip"] if self.input_skip else [])])


def main(block: Manifold) -> list[Case]:
    """Every target at every dimension."""
    return [
        Case(target, block.weighting, dimension, block.width, block.input_skip)
        for dimension in block.dimensions
        for target in block.targets
    ]


def controlled(block: Manifold, control: Control) -> list[Case]:
    """The cases of one control."""
    named = control.model_dump(exclude={"dimensions", "targets"}, exclude_none=True)
    own = block.model_copy(update={"dimensions": control.dimensions, **named})
    if control.targets is not None:
        own = own.model_copy(update={"targets": control.targets})
    return main(own)


def cases(block: Manifold) -> list[Case]:
    """Every network that one seed trains, each once."""
    some = [*main(block), *(c for control in block.controls for c in controlled(block, control))]
    return list(dict.fromkeys(some))


def beside(case: Case, **changes: object) -> Case:
    """The case that differs in these fields."""
    return replace(case, **changes)  # type: ignore[arg-type]


def choices(block: Section) -> dict[str, frozenset[str]]:
    """The entries of registries that its networks, their losses and their samples take."""
    chosen = _own(block)
    return {
        "TARGETS": frozenset(case.target for case in cases(chosen)),
        "WEIGHTINGS": frozenset(case.weighting for case in cases(chosen)),
        "SCHEDULES": frozenset({chosen.process.schedule.name}),
        "SAMPLERS": frozenset({chosen.sampling.sampler}),
    }


def trainings(block: Section) -> int:
    return len(cases(_own(block)))


def operations(block: Section) -> float:
    """Two for each weight and example forwards, four backwards; each sample takes two calls of its
    network a step, which holds of the samplers of second order."""
    chosen = _own(block)
    seen = 6 * chosen.training.steps * chosen.training.batch
    seen += 4 * chosen.sampling.steps * chosen.sampling.samples
    return float(seen * sum(_weights(case, chosen.depth) for case in cases(chosen)))


def _weights(case: Case, depth: int) -> int:
    return case.width * (2 * case.dimension + (depth - 1) * case.width)


def _own(block: Section) -> Manifold:
    assert isinstance(block, Manifold)
    return block


def dimensions(some: Sequence[Case]) -> list[int]:
    """Those of the cases, each once, from few to many."""
    return sorted({case.dimension for case in some})
