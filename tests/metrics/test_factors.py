"""Sums of squares against least squares on dummy columns, grids whose effects are known, and their
behaviour under noise."""

import itertools

import numpy as np
import pytest

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
        effects = decompose(rng.normal(size=(3, 4, 2, 3)), NAMES, resamples=1)
        shares.append([e.share for e in effects])
        chances.append([e.by_chance for e in effects])
    np.testing.assert_allclose(np.mean(shares, 0), np.mean(chances, 0), atol=0.06)
    freedom = np.array([2, 3, 1, 6, 2, 3, 6]) / 23
    np.testing.assert_allclose(np.mean(shares, 0), freedom, atol=0.03)


def test_one_seed_has_no_interval():
    effects = decompose(grid(0.1, seeds=1), NAMES)
    assert all(e.low is e.high is e.by_chance is None for e in effects)


@pytest.mark.parametrize(
    "values", [np.zeros((1, 2, 2, 3)), np.zeros((2, 2, 3)), np.full((2, 2, 2, 3), np.nan)]
)
def test_what_is_no_grid_is_refused(values):
    with pytest.raises(ValueError, match=r"levels|finite"):
        decompose(values, NAMES)
