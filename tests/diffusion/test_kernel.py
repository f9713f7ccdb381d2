"""Kernel constants against brute-force Bayes, the textbook's products of alphas in many digits, and
simulation."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from threetargets.diffusion.kernel import (
    add_noise,
    like,
    posterior,
    signal_noise,
    transition_variance,
)
from threetargets.diffusion.schedule import table_of_betas

mpmath.mp.dps = 50
LEVEL_PAIRS = [(12.0, 11.9), (9.0, 2.0), (3.0, 2.999), (1.0, -1.0), (-4.0, -4.2), (-8.0, -15.0)]


def level(value):
    return torch.tensor(value, dtype=torch.float64)


def exact(log_snr_s, log_snr_t):
    """(abar_s, abar_t, alpha) with 50 digits."""
    s, t = (1 / (1 + mpmath.exp(-mpmath.mpf(v))) for v in (log_snr_s, log_snr_t))
    return s, t, t / s


@pytest.mark.parametrize("pair", LEVEL_PAIRS)
def test_posterior_constants_in_many_digits(pair):
    """docs/mathematics.md, section 2, from abar and alpha; subtracting in float64 would lose up to
    8 digits here."""
    s, t, alpha = exact(*pair)
    q = posterior(level(pair[0]), level(pair[1]))
    expected = (
        mpmath.sqrt(s) * (1 - alpha) / (1 - t),
        mpmath.sqrt(alpha) * (1 - s) / (1 - t),
        (1 - alpha) * (1 - s) / (1 - t),
    )
    for got, want in zip(q, expected, strict=True):
        assert float(got) == pytest.approx(float(want), rel=1e-12)
    assert float(transition_variance(level(pair[0]), level(pair[1]))) == pytest.approx(
        float(1 - alpha), rel=1e-12
    )


@pytest.mark.parametrize("log_snr", [-30.0, -9.0, -0.3, 0.0, 5.0, 20.0])
def test_signal_and_noise_in_many_digits(log_snr):
    a, s = signal_noise(level(log_snr))
    abar = 1 / (1 + mpmath.exp(-mpmath.mpf(log_snr)))
    assert float(a) == pytest.approx(float(mpmath.sqrt(abar)), rel=1e-14)
    assert float(s) == pytest.approx(float(mpmath.sqrt(1 - abar)), rel=1e-14)


@given(st.floats(-40, 40))
def test_variance_is_preserved(log_snr):
    a, s = signal_noise(level(log_snr))
    assert float(a**2 + s**2) == pytest.approx(1.0, abs=1e-12)
    assert math.log(float(a)) - math.log(float(s)) == pytest.approx(log_snr / 2, abs=1e-9)


@pytest.mark.parametrize("pair", [(4.0, 1.0), (1.0, -1.0), (-1.0, -2.0), (2.0, 1.8)])
def test_posterior_is_bayes_on_a_grid(pair):
    """p(x_s | x_0, x_t) from q(x_s | x_0) q(x_t | x_s), normalised by a sum over x_s."""
    s, _t, alpha = (float(v) for v in exact(*pair))
    x0, x_t = 0.7, -0.4
    grid = np.linspace(-8, 8, 400001)
    bayes = norm.pdf(grid, math.sqrt(s) * x0, math.sqrt(1 - s)) * norm.pdf(
        x_t, math.sqrt(alpha) * grid, math.sqrt(1 - alpha)
    )
    bayes /= bayes.sum()
    mean = (grid * bayes).sum()
    q = posterior(level(pair[0]), level(pair[1]))
    assert float(q.A * x0 + q.B * x_t) == pytest.approx(mean, abs=1e-8)
    assert float(q.C) == pytest.approx(((grid - mean) ** 2 * bayes).sum(), rel=1e-7)
    # A Gaussian: the density at two deviations is exp(-2) of the top.
    at = np.interp(mean + 2 * math.sqrt(float(q.C)), grid, bayes) / np.interp(mean, grid, bayes)
    assert at == pytest.approx(math.exp(-2), rel=1e-5)


def test_clean_data_is_the_last_step():
    q = posterior(level(math.inf), level(3.0))
    assert [float(v) for v in q] == [1.0, 0.0, 0.0]
    assert float(transition_variance(level(math.inf), level(3.0))) == pytest.approx(
        1 / (1 + math.exp(3.0)), rel=1e-14
    )


@given(st.floats(-10, 10), st.floats(0.001, 5), st.floats(0.001, 5))
def test_two_steps_compose_to_one(log_snr_r, first, second):
    """q(x_t | x_r) by way of x_s has the same variance; going back through x_s gives the same
    posterior mean of x_r."""
    l_r, l_s, l_t = level(log_snr_r), level(log_snr_r - first), level(log_snr_r - first - second)
    (a_r, _), (a_s, _), (a_t, _) = signal_noise(l_r), signal_noise(l_s), signal_noise(l_t)
    through = (a_t / a_s) ** 2 * transition_variance(l_r, l_s) + transition_variance(l_s, l_t)
    assert float(through) == pytest.approx(float(transition_variance(l_r, l_t)), rel=1e-9)
    one, two, both = posterior(l_r, l_s), posterior(l_s, l_t), posterior(l_r, l_t)
    assert float(one.A + one.B * two.A) == pytest.approx(float(both.A), rel=1e-9)
    assert float(one.B * two.B) == pytest.approx(float(both.B), rel=1e-9)
    assert float(one.C + one.B**2 * two.C) == pytest.approx(float(both.C), rel=1e-9)
    assert a_r > a_s > a_t


def test_iterated_noising_is_the_marginal():
    """x_i = sqrt(1 - beta) x_{i-1} + sqrt(beta) eps, mean and variance by recursion (claim
    forward-marginal)."""
    betas = torch.linspace(1e-4, 0.05, 200, dtype=torch.float64)
    table = table_of_betas(betas)
    mean, variance = 1.0, 0.0
    for i, beta in enumerate(betas.tolist(), start=1):
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        assert float(table.a[i]) == pytest.approx(mean, rel=1e-12)
        assert float(table.s[i] ** 2) == pytest.approx(variance, rel=1e-11)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 1, 2, 2)])
def test_noise_is_added_example_by_example(shape):
    g = torch.Generator().manual_seed(0)
    x0, eps = torch.randn(shape, generator=g), torch.randn(shape, generator=g)
    levels = torch.tensor([math.inf, 2.0, -1.0, -math.inf], dtype=torch.float64)
    x_t = add_noise(x0, eps, levels)
    assert x_t.dtype == x0.dtype and x_t.shape == x0.shape
    torch.testing.assert_close(x_t[0], x0[0])
    torch.testing.assert_close(x_t[3], eps[3])
    abar = 1 / (1 + math.exp(-2.0))
    torch.testing.assert_close(x_t[1], math.sqrt(abar) * x0[1] + math.sqrt(1 - abar) * eps[1])
    torch.testing.assert_close(add_noise(x0, eps, levels[1])[1], x_t[1])


def test_like_broadcasts_over_everything_but_examples():
    x = torch.zeros(3, 1, 2, 2)
    assert like(torch.arange(3.0), x).shape == (3, 1, 1, 1)
    assert like(torch.tensor(2.0, dtype=torch.float64), x).shape == ()
    assert like(torch.arange(3, dtype=torch.float64), x).dtype == torch.float32
