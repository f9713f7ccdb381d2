"""How much of the spread between the cells of a crossed grid each factor explains: sums of squares,
with intervals by resampling seeds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """A main effect or an interaction: its factors; its share of the sum of squares between cells,
    with the percentile interval over resampled seeds (None with one seed); and the share that it
    would have on average if it were nothing but seeds differing from each other (None with one
    seed)."""

    factors: tuple[str, ...]
    share: float
    low: float | None
    high: float | None
    by_chance: float | None


def sums_of_squares(means: Array) -> dict[tuple[int, ...], float]:
    """Of a balanced crossed grid, one mean for each combination of levels, an axis for each factor:
    for every set of axes sum over cells of effect^2, the effect being the mean over the other axes
    less all effects of fewer axes. They add up to the sum of squares about the mean. (Fisher's
    analysis of variance: Casella & Berger 2002, section 11.2.)"""
    axes = range(means.ndim)
    effects: dict[tuple[int, ...], Array] = {(): np.full_like(means, means.mean())}
    for size in range(1, means.ndim + 1):
        for some in itertools.combinations(axes, size):
            others = tuple(a for a in axes if a not in some)
            whole = np.broadcast_to(means.mean(others, keepdims=True), means.shape)
            smaller = [e for known, e in effects.items() if set(known) < set(some)]
            effects[some] = whole - np.sum(smaller, axis=0)
    return {some: float((e**2).sum()) for some, e in effects.items() if some}


def _shares(values: Array) -> dict[tuple[int, ...], float]:
    squares = sums_of_squares(values.mean(-1))
    total = sum(squares.values())
    return {some: square / total if total > 0 else 0.0 for some, square in squares.items()}


def _by_chance(values: Array) -> dict[tuple[int, ...], float]:
    """degrees of freedom x s^2 / seeds over the sum of squares between cells, s^2 being what is
    left of cell x seed when the mean of every cell and of every seed is taken off: seeds share
    data order and noise, so that a seed shifts all cells together."""
    seeds, cells = values.shape[-1], values[..., 0].size
    left = values - values.mean(-1, keepdims=True)
    left = left - left.mean(tuple(range(values.ndim - 1)), keepdims=True)
    variance = float((left**2).sum()) / ((cells - 1) * (seeds - 1))
    squares = sums_of_squares(values.mean(-1))
    total = sum(squares.values())
    freedom = {s: int(np.prod([values.shape[a] - 1 for a in s])) for s in squares}
    return {s: f * variance / seeds / total if total > 0 else 0.0 for s, f in freedom.items()}


def decompose(
    values: Array,
    names: Sequence[str],
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> list[Effect]:
    """The effects of a balanced crossed grid, main effects first. values: an axis for each of
    `names`, and seeds last; two levels or more of each. `seed` fixes the resamples. Raises
    ValueError for a factor of one level or values that are not finite."""
    if values.ndim != len(names) + 1 or min(values.shape[:-1]) < 2:
        raise ValueError(f"expected two levels or more of {', '.join(names)}, then seeds")
    if not np.isfinite(values).all():
        raise ValueError("values must be finite: leave failed cells out and say so")
    seeds, shares = values.shape[-1], _shares(values)
    drawn: dict[tuple[int, ...], list[float]] = {some: [] for some in shares}
    if seeds > 1:
        rng = np.random.default_rng(seed)
        for _ in range(resamples):
            for some, share in _shares(values[..., rng.integers(seeds, size=seeds)]).items():
                drawn[some].append(share)
    chance = _by_chance(values) if seeds > 1 else {}
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    made = []
    for some, share in shares.items():
        low, high = np.percentile(drawn[some], tails) if drawn[some] else (None, None)
        made.append(Effect(tuple(names[a] for a in some), share, low, high, chance.get(some)))
    return made
