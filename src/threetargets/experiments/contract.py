"""What an experiment has to say of itself: the protocols of its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    from threetargets.pipeline.records import Figure
    from threetargets.study.values import Section

Tell = Callable[[str], None]
"""Takes one line of progress."""


@dataclass(frozen=True)
class Measured:
    """What one seed of an experiment gives: figures for the tables, curves for the record, and
    arrays for the pictures."""

    figures: list[Figure]
    curves: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


class Spec(Protocol):
    """experiments/<name>/spec.py."""

    @property
    def LABEL(self) -> str:
        """A reader's name of it."""

    @property
    def BLOCK(self) -> type[Section]:
        """Its parameters: the block of its name under `experiments`."""

    def choices(self, block: Section) -> Mapping[str, frozenset[str]]:
        """The entries that it takes from registries, by the registry's name; those of others count
        entirely."""

    def trainings(self, block: Section) -> int:
        """How many networks one seed trains."""

    def operations(self, block: Section) -> float:
        """Floating-point operations of one seed, about."""


class MeasurePart(Protocol):
    """experiments/<name>/measure.py."""

    def measure(self, block: Section, seed: int, tell: Tell) -> Measured:
        """One seed of it, on the CPU: a function of the block and the seed alone."""
