"""Parameters of the gradient flow experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from threetargets.experiments.fitting import Fit
from threetargets.experiments.manifold.spec import Process
from threetargets.study.values import Positive, PositiveReal, Section

LABEL = "gradient flow"
WAYS = ("flow", "langevin", "ascent")
FIELDS = ("exact", "learned")


class Circle(Section):
    """So many equal Gaussians on a circle, each of standard deviation `spread`; a coordinate of
    the whole has variance 1."""

    modes: Annotated[int, Field(ge=3)]
    spread: Annotated[float, Field(gt=0, lt=1)]


class Net(Section):
    """The network that learns the score, by the noise."""

    width: Positive
    depth: Positive
    training: Fit


class Moves(Section):
    """Points that are moved, directions of the distance; noise levels; steps at each of them of
    Langevin dynamics, and of the ascent in all, by `rate` of the local variance."""

    samples: Annotated[int, Field(ge=2)]
    directions: Positive
    levels: Annotated[int, Field(ge=2)]
    langevin_steps: Positive
    ascent_steps: Positive
    rate: Annotated[PositiveReal, Field(lt=1)]


class GradientFlow(Section):
    """One density, its exact and its learned score, three ways to follow it."""

    data: Circle
    process: Process
    network: Net
    moves: Moves


BLOCK = GradientFlow


def choices(block: Section) -> dict[str, frozenset[str]]:
    assert isinstance(block, GradientFlow)
    return {
        "TARGETS": frozenset({"eps"}),
        "WEIGHTINGS": frozenset({"eps-equivalent"}),
        "SCHEDULES": frozenset({block.process.schedule.name}),
        "SAMPLERS": frozenset({"heun"}),
    }


def trainings(block: Section) -> int:
    return 1


def operations(block: Section) -> float:
    assert isinstance(block, GradientFlow)
    own, moves = block.network, block.moves
    weights = own.width * (36 + (own.depth - 1) * own.width)
    steps = moves.levels * (2 + moves.langevin_steps) + moves.ascent_steps
    return float(
        weights * (6 * own.training.steps * own.training.batch + 2 * steps * moves.samples)
    )
