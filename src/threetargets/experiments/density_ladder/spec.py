"""Parameters of the density_ladder experiment. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from threetargets.experiments.digit_sizes import PIXELS
from threetargets.experiments.fitting import Fit
from threetargets.study.blocks import Split
from threetargets.study.values import Count, Positive, PositiveReal, Section, no_repeats

LABEL = "density ladder"
"""Of the digits."""
SIZES = ("counted", "annealed")
"""Boltzmann machines whose hidden states are summed over, and those that are too large for it."""
CHAINS = ("cd-1", "cd-10", "pcd")
"""How the model's side of a Boltzmann machine's gradient is drawn: sweeps from the data, or one of
chains that go on."""
EXACT = "exact"
"""The same by a sum over all hidden states."""
ENERGIES = ("likelihood", "hyvarinen", "sliced")
"""How the energy on the plane is trained."""
MOST_COUNTED, MOST_STATES = 14, 4


def machines(size: str) -> tuple[str, ...]:
    """The Boltzmann machines of one size, by their gradients."""
    return (*CHAINS, EXACT) if size == "counted" else CHAINS


def models(size: str) -> tuple[str, ...]:
    """All rungs of one size."""
    return ("mixture", *machines(size), "nade")


class Hidden(Section):
    """Hidden units of the Boltzmann machines of either size."""

    counted: Annotated[int, Field(ge=2, le=MOST_COUNTED)]
    annealed: Positive

    def of(self, size: str) -> int:
        return self.counted if size == "counted" else self.annealed

    def components(self, size: str) -> int:
        """Of the mixture with exactly as many free parameters: (D + 1) (H + 1) - 1."""
        return self.of(size) + 1

    def units(self, size: str) -> int:
        """Hidden units of the autoregressive model with about as many parameters."""
        return max(1, round((PIXELS + 1) * self.of(size) / (2 * PIXELS + 1)))

    def parameters(self, model: str, size: str) -> int:
        if model == "nade":
            units = self.units(size)
            return 2 * PIXELS * units + PIXELS + units
        return (PIXELS + 1) * (self.of(size) + 1) - 1


class Em(Section):
    """Expectation-maximisation, the best of some starts; `smoothing` is added to each count."""

    iterations: Positive
    starts: Positive
    smoothing: PositiveReal


class Boltzmann(Section):
    """Stochastic gradient ascent at a rate that falls to 0; as many chains that go on as images in
    a batch. `points`: where the gradients by sampling are held against the exact one, `repeats`
    draws for each training image."""

    steps: Positive
    batch: Positive
    learning_rate: PositiveReal
    decay: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    points: Annotated[int, Field(ge=2)]
    repeats: Positive


class Partition(Section):
    """Annealed importance sampling: temperatures, and runs that are averaged."""

    levels: Annotated[int, Field(ge=2)]
    runs: Annotated[int, Field(ge=2)]


class Chains(Section):
    """Chains of a trained machine, from training images, of which the first sweeps are left out."""

    chains: Positive
    burn_in: Count
    sweeps: Annotated[int, Field(ge=8)]


class Autoregressive(Section):
    """`decay`: weight of the squared weights in the loss."""

    decay: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    training: Fit


class Plane(Section):
    """A mixture of round Gaussians in two dimensions, `points` draws of which are the data."""

    weights: Annotated[list[PositiveReal], Field(min_length=1)]
    means: list[Annotated[list[float], Field(min_length=2, max_length=2)]]
    spreads: list[PositiveReal]
    points: Annotated[int, Field(ge=2)]
    width: Positive
    depth: Positive
    training: Fit

    @model_validator(mode="after")
    def _as_many(self) -> Plane:
        if not len(self.weights) == len(self.means) == len(self.spreads):
            raise ValueError("plane: as many weights as means and spreads")
        return self


class Ratio(Section):
    """A discrete latent of so many states, binary pixels, images; the order of the bias in k is
    taken from `first` on."""

    states: Annotated[int, Field(ge=2, le=MOST_STATES)]
    pixels: Positive
    images: Positive
    draws: Annotated[
        list[Annotated[int, Field(ge=1, le=256)]], Field(min_length=2), AfterValidator(no_repeats)
    ]
    first: Positive

    @property
    def fitted(self) -> list[int]:
        return [k for k in sorted(self.draws) if k >= self.first]

    @model_validator(mode="after")
    def _enough(self) -> Ratio:
        if len(self.fitted) < 2:
            raise ValueError("ratio: first leaves at least two of draws")
        return self


class DensityLadder(Section):
    """Densities of the binarised digits, of points on a plane, and a gradient that is biased."""

    split: Split
    hidden: Hidden
    mixture: Em
    boltzmann: Boltzmann
    annealing: Partition
    walking: Chains
    autoregressive: Autoregressive
    plane: Plane
    ratio: Ratio

    @model_validator(mode="after")
    def _enough(self) -> DensityLadder:
        if self.hidden.components("annealed") > self.split.train:
            raise ValueError("hidden: a mixture begins at training images, one for each component")
        return self


BLOCK = DensityLadder


def choices(block: Section) -> dict[str, frozenset[str]]:
    return {"SOURCES": frozenset({"digits"})}


def trainings(block: Section) -> int:
    return sum(len(models(size)) - 1 for size in SIZES) + len(ENERGIES)


def operations(block: Section) -> float:
    """Of the parts that take longest: the exact gradient's sums, the autoregressive model's hidden
    units at every pixel, and the energies' second derivatives."""
    chosen = _own(block)
    loop, plane = chosen.boltzmann, chosen.plane
    summed = 8.0 * 2**chosen.hidden.counted * chosen.hidden.counted * PIXELS * loop.steps
    units = sum(chosen.hidden.units(size) for size in SIZES)
    fit = chosen.autoregressive.training
    pixels = 60.0 * fit.steps * fit.batch * PIXELS * units
    weights = plane.width * (3 + (plane.depth - 1) * plane.width)
    energies = 40.0 * len(ENERGIES) * plane.training.steps * plane.training.batch * weights
    return summed + pixels + energies + 3e7 * 6 * loop.steps


def _own(block: Section) -> DensityLadder:
    assert isinstance(block, DensityLadder)
    return block
