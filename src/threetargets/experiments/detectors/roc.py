"""How well a score tells two sets apart, and how sure that is over their images.

A score is the larger, the less an image seems to be of the data set. The area under the ROC curve
is P(other > known) + P(other = known) / 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RATES = np.linspace(0, 1, 41)
"""False alarms at which curves are kept."""
SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


@dataclass(frozen=True)
class Area:
    """With its standard error over images."""

    value: float
    stderr: float


def placements(known: Array, other: Array) -> tuple[Array, Array]:
    """For each known score (m,) the share of the others that are above it, and for each other
    score (n,) the share of the known ones that are below; ties count half. The mean of each is the
    area."""

    def below(some: Array, of: Array) -> Array:
        ordered = np.sort(of)
        left, right = (np.searchsorted(ordered, some, side) for side in SIDES)
        return np.asarray((left + right) / (2 * len(of)), np.float64)

    return 1 - below(known, other), below(other, known)


def _of(of_known: Array, of_other: Array) -> Area:
    """Mean and standard error, sqrt(S_known / m + S_other / n), of placement values (DeLong, DeLong
    & Clarke-Pearson 1988)."""
    error = of_known.var(ddof=1) / len(of_known) + of_other.var(ddof=1) / len(of_other)
    return Area(float(of_other.mean()), math.sqrt(float(error)))


def area(known: Array, other: Array) -> Area:
    """Of one score of independent images, (m,) and (n,)."""
    return _of(*placements(known, other))


def gain(first: tuple[Array, Array], second: tuple[Array, Array]) -> Area:
    """By how much the area of the first score (known, other) exceeds that of the second, of the
    same images."""
    pairs = zip(placements(*first), placements(*second), strict=True)
    of_known, of_other = (a - b for a, b in pairs)
    return _of(of_known, of_other)


def curve(known: Array, other: Array) -> list[float]:
    """The share of the others that is caught at each of RATES, by lines between thresholds."""
    from sklearn.metrics import roc_curve

    truth = np.concatenate([np.zeros(len(known)), np.ones(len(other))])
    alarms, caught, _ = roc_curve(truth, np.concatenate([known, other]))
    values: list[float] = np.interp(RATES, alarms, caught).tolist()
    return values
