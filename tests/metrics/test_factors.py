"""Sums of squares against least squares on dummy columns, grids whose effects are known, and their
behaviour under noise."""

import itertools

import numpy as np
import pytest
from scipy import stats

from threetargets.metrics.factors import decompose, sums_of_squares


def by_regression(means):
    """The same by ordinary least squares: what the residual sum of squares falls by when the dummy
    columns of an effect join those of all smaller ones."""
    grid = list(itertools.product(*(range(n) for n in means.shape)))
    y = np.array([means[cell] for cell in grid])

    def columns(some):
        keys = sorted({tuple(cell[a] for a in some) for cell in grid})
        return [[float(tuple(c[a] for a in some) == k) for c in grid] for k in keys]

    def left(sets):
        x = np.array([row for some in sets for row in columns(some)]).T
        return float(((y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) ** 2).sum())

    axes = range(means.ndim)
    every = [s for n in range(1, means.ndim + 1) for s in itertools.combinations(axes, n)]
    found = {}
    for some in every:
        below = [(), *(s for s in every if set(s) < set(some))]
        found[some] = left(below) - left([*below, some])
    return found


@pytest.mark.parametrize("shape", [(2, 3), (5, 4, 2), (3, 2, 2, 2)])
def test_sums_of_squares_are_those_of_least_squares(shape):
    means = np.random.default_rng(1).normal(size=shape) ** 3
    found = sums_of_squares(means)
    assert found == pytest.approx(by_regression(means), rel=1e-9, abs=1e-9)
    assert sum(found.values()) == pytest.approx(float(((means - means.mean()) ** 2).sum()))


def grid(noise, seeds=6, shift=3.0):
    """target: -1 or 1 (half the squares), weighting: 0; target x network: the other half. A seed
    shifts every cell alike."""
    rng = np.random.default_rng(0)
    target, network = np.array([-1.0, 1.0]), np.array([-1.0, 1.0])
    cells = target[:, None, None] + 0 * np.zeros((1, 3, 1)) + target[:, None, None] * network
    values = np.repeat(cells[..., None], seeds, -1) + shift * rng.normal(size=seeds)
    return values + noise * rng.normal(size=values.shape)


NAMES = ("target", "weighting", "network")


def test_known_effects_are_found_with_an_interval():
    effects = {e.factors: e for e in decompose(grid(0.2), NAMES)}
    for factors, share in (
        (("target",), 0.5),
        (("target", "network"), 0.5),
        (("weighting",), 0.0),
        (("target", "weighting", "network"), 0.0),
    ):
        found = effects[factors]
        assert found.share == pytest.approx(share, abs=0.05)
        assert found.low - 0.02 <= share <= found.high + 0.02
    assert sum(e.share for e in effects.values()) == pytest.approx(1.0)


def test_what_a_seed_does_to_all_cells_explains_nothing():
    """Without noise the shift of a seed changes no share, and chance has none."""
    for effect in decompose(grid(0.0, shift=100.0), NAMES):
        assert effect.low == pytest.approx(effect.high, abs=1e-9)
        assert effect.by_chance == pytest.approx(0.0, abs=1e-9)


def test_pure_noise_has_the_share_of_chance():
    """The mean over many grids of noise: each effect has what its degrees of freedom give it."""
    rng = np.random.default_rng(3)
    shares, chances = [], []
    for _ in range(200):
        effects = decompose(rng.normal(size=(3, 4, 2, 3)), NAMES)
        shares.append([e.share for e in effects])
        chances.append([e.by_chance for e in effects])
    np.testing.assert_allclose(np.mean(shares, 0), np.mean(chances, 0), atol=0.06)
    freedom = np.array([2, 3, 1, 6, 2, 3, 6]) / 23
    np.testing.assert_allclose(np.mean(shares, 0), freedom, atol=0.03)


def test_the_interval_of_a_share_that_is_a_mean_is_students():
    """The share of an effect that is weak beside another is proportional to its square: its
    interval is, in parts of itself, twice that of the effect's mean."""
    rng = np.random.default_rng(5)
    weak, strong = 1e-6 * (3.0 + rng.normal(size=4)), 1.0
    signs = np.array([-1.0, 1.0])
    values = strong * signs[:, None, None] + weak * signs[None, :, None] * np.ones((2, 1, 1))
    effect = next(e for e in decompose(values, ("a", "b")) if e.factors == ("b",))
    mean, half = weak.mean(), stats.t.ppf(0.975, 3) * stats.sem(weak)
    known = (effect.high - effect.share) / effect.share
    assert known == pytest.approx(2 * half / mean, rel=0.1)


@pytest.mark.parametrize("seeds", [3, 8])
def test_intervals_hold_the_share_as_often_as_they_say(seeds):
    """In 95 of 100 studies; 400 studies of a known grid are within 3 standard errors of that."""
    rng = np.random.default_rng(7)
    a, b = np.array([0.0, 0.4, 1.0])[:, None], np.array([0.0, 0.8])
    cells = a + b + 0.5 * a * b
    squares = sums_of_squares(cells)
    known = {s: q / sum(squares.values()) for s, q in squares.items()}
    held = dict.fromkeys(known, 0)
    for _ in range(400):
        values = cells[..., None] + 0.1 * rng.normal(size=(*cells.shape, seeds))
        for (axes, share), effect in zip(known.items(), decompose(values, "ab"), strict=True):
            held[axes] += effect.low <= share <= effect.high
    assert all(n >= 400 * 0.917 for n in held.values()), held


def test_one_seed_has_no_interval():
    effects = decompose(grid(0.1, seeds=1), NAMES)
    assert all(e.low is e.high is e.by_chance is None for e in effects)


@pytest.mark.parametrize(
    "values", [np.zeros((1, 2, 2, 3)), np.zeros((2, 2, 3)), np.full((2, 2, 2, 3), np.nan)]
)
def test_what_is_no_grid_is_refused(values):
    with pytest.raises(ValueError, match=r"levels|finite"):
        decompose(values, NAMES)
