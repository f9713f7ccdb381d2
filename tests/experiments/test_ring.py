"""The data's law against moments and quadrature; the embedding; the distances, on samples that are
known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.sampler import SAMPLERS, sample
from threetargets.diffusion.schedule import Cosine, table
from threetargets.experiments.manifold.distances import off_plane, quantiles, sliced_wasserstein
from threetargets.experiments.manifold.ring import Ring, embedding, exact
from threetargets.streams import generator

RING = Ring(8, 0.15)


@pytest.mark.parametrize("modes", [3, 4, 8])
@pytest.mark.parametrize("spread", [0.05, 0.3])
def test_a_coordinate_has_variance_one_in_every_direction(modes: int, spread: float) -> None:
    centres = Ring(modes, spread).centres
    covariance = centres.T @ centres / modes + spread**2 * torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(covariance, torch.eye(2, dtype=torch.float64), atol=1e-12, rtol=0)
    z = Ring(modes, spread).draw(40_000, generator(0, "test")).double()
    torch.testing.assert_close(z.T @ z / len(z), covariance, atol=0.02, rtol=0)


@pytest.mark.parametrize("modes", [3, 4, 8])
def test_a_turn_by_one_mode_takes_every_centre_to_the_next(modes: int) -> None:
    centres, angle = Ring(modes, 0.3).centres, 2 * math.pi / modes
    turn = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
    turned = centres @ torch.tensor(turn, dtype=torch.float64)
    torch.testing.assert_close(turned, centres.roll(-1, 0), atol=1e-12, rtol=0)


@pytest.mark.parametrize("dimension", [2, 16, 512])
def test_the_map_keeps_lengths_and_depends_on_its_seed_alone(dimension: int) -> None:
    basis = embedding(dimension, 7)
    eye = torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(basis.T @ basis, eye, atol=1e-13, rtol=0)
    torch.manual_seed(1)
    assert torch.equal(basis, embedding(dimension, 7))
    assert not torch.equal(basis, embedding(dimension, 8))


@pytest.mark.parametrize("log_snr", [6.0, 2.0, -3.0])
@pytest.mark.parametrize("dimension", [2, 5])
def test_the_exact_denoiser_is_bayes_rule_on_a_grid(dimension: int, log_snr: float) -> None:
    """E[x_0 | x_t] by a sum over a fine grid of z in the plane, with the density of x_t in all D
    dimensions."""
    basis, level = embedding(dimension, 0), torch.tensor(log_snr, dtype=torch.float64)
    a, s = signal_noise(level)
    source = generator(0, "test", dimension)
    x0 = RING.draw(3, source).double() @ basis.T
    x = a * x0 + s * torch.randn(3, dimension, dtype=torch.float64, generator=source)
    line = torch.linspace(-2.2, 2.2, 801, dtype=torch.float64)
    z = torch.cartesian_prod(line, line)
    squared = torch.cdist(z, RING.centres).square()
    prior = torch.logsumexp(-squared / (2 * RING.spread**2), 1)
    seen = -torch.cdist(x, a * z @ basis.T).square() / (2 * s**2)
    by_grid = torch.softmax(prior + seen, 1) @ z @ basis.T
    told = exact(RING, basis)(x, level)
    torch.testing.assert_close(told.x0, by_grid, atol=1e-6, rtol=0)
    torch.testing.assert_close(a * told.x0 + s * told.eps, x)


def test_distance_from_a_plane_is_that_of_what_was_added_across_it() -> None:
    basis = embedding(6, 0)
    normal = torch.linalg.svd(basis, full_matrices=True).U[:, 2:]
    z = torch.randn(4000, 2, dtype=torch.float64, generator=generator(0, "test"))
    lengths = torch.tensor([0.3, -0.4], dtype=torch.float64).repeat(2000)
    x = z @ basis.T + lengths[:, None] * normal[:, 0]
    distance, error = off_plane(x, basis)
    assert distance == pytest.approx(math.sqrt((0.09 + 0.16) / 2), rel=1e-12)
    apart = [off_plane(x[k::40], basis)[0] for k in range(40)]
    assert error < 0.01 and max(abs(d - distance) for d in apart) < 0.5
    assert off_plane(z @ basis.T, basis)[0] < 1e-12


def test_the_error_of_the_distance_is_its_spread_over_many_samples() -> None:
    basis = embedding(5, 0)
    several = torch.randn(2000, 400, 5, dtype=torch.float64, generator=generator(0, "test"))
    distances, errors = zip(*(off_plane(x, basis) for x in several), strict=True)
    assert np.mean(errors) == pytest.approx(np.std(distances), rel=0.06)


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.2])
def test_quantiles_are_those_of_many_draws(angle: float) -> None:
    u = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    levels = torch.tensor([0.02, 0.3, 0.5, 0.9], dtype=torch.float64)
    drawn = RING.draw(400_000, generator(0, "test")).double() @ u
    below = (drawn[:, None] <= quantiles(RING, u, levels)).double().mean(0)
    torch.testing.assert_close(below, levels, atol=3e-3, rtol=0)


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.2])
def test_quantiles_are_roots_of_the_distribution_function(angle: float) -> None:
    """Of the eight normal laws along the line, by scipy."""
    u = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    places, levels = (RING.centres @ u).numpy(), [0.001, 0.02, 0.3, 0.55, 0.9]

    def apart(x: float, level: float) -> float:
        return float(stats.norm.cdf(x, places, RING.spread).mean()) - level

    roots = [optimize.brentq(apart, -4, 4, args=(level,), xtol=1e-13) for level in levels]
    got = quantiles(RING, u, torch.tensor(levels, dtype=torch.float64))
    np.testing.assert_allclose(got, roots, atol=2e-6)


def test_a_sample_turned_by_half_is_as_far_as_it_was() -> None:
    """The law is its own mirror image, whatever few samples are held against it."""
    z = RING.draw(5, generator(2, "test"))
    there, back = (sliced_wasserstein(side * z, RING, 8) for side in (1, -1))
    assert there == pytest.approx(back, rel=1e-6)


def test_the_distance_within_the_plane_is_scipys_to_a_large_sample() -> None:
    z = 1.1 * RING.draw(500, generator(1, "test")) + 0.2
    law = RING.draw(400_000, generator(0, "test")).double()
    angles = [math.pi * (k + 0.5) / 8 for k in range(8)]
    lines = [torch.tensor([math.cos(t), math.sin(t)], dtype=torch.float64) for t in angles]
    apart = [stats.wasserstein_distance(z.double() @ u, law @ u) for u in lines]
    assert sliced_wasserstein(z, RING, 8) == pytest.approx(sum(apart) / 8, abs=3e-3)


def test_a_shift_is_as_far_as_its_mean_length_over_directions() -> None:
    """Mean of |delta . u| over directions is 2 |delta| / pi."""
    z = RING.draw(20_000, generator(0, "test")) + torch.tensor([0.0, 3.0])
    assert sliced_wasserstein(z, RING, 64) == pytest.approx(6 / math.pi, rel=0.02)


@pytest.mark.parametrize("sampler", ["heun", "ddim"])
@pytest.mark.parametrize("dimension", [2, 32])
def test_samples_of_the_exact_denoiser_lie_at_the_floor(dimension: int, sampler: str) -> None:
    basis, count = embedding(dimension, 0), 1000
    floors = [
        sliced_wasserstein(RING.draw(count, generator(k, "floor")), RING, 8) for k in range(20)
    ]
    noise = torch.randn(count, dimension, generator=generator(3, "test"))
    path = table(Cosine(8.0, -7.0), 60)
    x = sample(exact(RING, basis), SAMPLERS[sampler](), path, noise, lambda: noise)
    assert off_plane(x, basis)[0] < 1e-12
    assert sliced_wasserstein(x @ basis, RING, 8) < max(floors) + 0.01


def test_no_network_of_a_narrow_last_layer_says_more_of_eps_than_its_width() -> None:
    """The best w dimensions for E[eps | x_t], by its principal components, leave (D - w - 2)/D of
    its square or more."""
    dimension, width = 24, 8
    basis, level = embedding(dimension, 0), torch.tensor(1.0, dtype=torch.float64)
    a, s = signal_noise(level)
    source = generator(0, "test")
    x0 = RING.draw(60_000, source).double() @ basis.T
    x = a * x0 + s * torch.randn(x0.shape, dtype=torch.float64, generator=source)
    best = exact(RING, basis)(x, level).eps
    spread = torch.linalg.eigvalsh(torch.cov(best.T))
    left = float(spread[: dimension - width].sum()) / dimension
    assert left > (dimension - width - 2) / dimension - 0.01
