"""The Gaussian oracle against scipy, autograd, brute-force Bayes in the joint space and a numerical
ODE."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.stats import multivariate_normal

from threetargets.diffusion.kernel import signal_noise
from threetargets.oracles import CLEAN, Gaussian

LEVELS = [-6.0, -1.0, 0.0, 2.5, 7.0]
MEAN = torch.tensor([0.3, -0.5, 0.1], dtype=torch.float64)
FACTOR = torch.tensor([[0.6, 0.0, 0.0], [0.4, 0.2, 0.0], [-0.3, 0.1, 0.5]], dtype=torch.float64)
DATA = Gaussian(MEAN, FACTOR @ FACTOR.T)


def points(count=5, seed=0):
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def level(value):
    return torch.tensor(value, dtype=torch.float64)


def ab(log_snr):
    return math.sqrt(1 / (1 + math.exp(-log_snr))), math.sqrt(1 / (1 + math.exp(log_snr)))


@pytest.mark.parametrize("log_snr", LEVELS)
def test_log_density_is_that_of_scipy(log_snr):
    a, s = ab(log_snr)
    covariance = a**2 * (FACTOR @ FACTOR.T).numpy() + s**2 * np.eye(3)
    expected = multivariate_normal(a * MEAN.numpy(), covariance).logpdf(points())
    np.testing.assert_allclose(DATA.log_density(points(), level(log_snr)), expected, rtol=1e-12)


def test_clean_density_and_entropy_are_those_of_scipy():
    reference = multivariate_normal(MEAN, FACTOR @ FACTOR.T)
    np.testing.assert_allclose(DATA.log_density(points()), reference.logpdf(points()), rtol=1e-10)
    assert DATA.entropy() == pytest.approx(reference.entropy(), rel=1e-12)


@pytest.mark.parametrize("log_snr", LEVELS)
def test_score_is_the_gradient_of_log_density(log_snr):
    x = points().requires_grad_(True)
    (gradient,) = torch.autograd.grad(DATA.log_density(x, level(log_snr)).sum(), x)
    torch.testing.assert_close(
        DATA.score(x.detach(), level(log_snr)), gradient, rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize("log_snr", LEVELS)
def test_posterior_is_bayes_in_the_joint_space(log_snr):
    """Condition the joint Gaussian of (x_0, x_t) by a linear solve."""
    a, s = ab(log_snr)
    covariance = (FACTOR @ FACTOR.T).numpy()
    gain = np.linalg.solve(a**2 * covariance + s**2 * np.eye(3), a * covariance).T
    x_t = points()
    mean, spread = DATA.posterior(x_t, level(log_snr))
    np.testing.assert_allclose(
        mean, MEAN.numpy() + (x_t.numpy() - a * MEAN.numpy()) @ gain.T, atol=1e-12
    )
    np.testing.assert_allclose(spread[0], covariance - gain @ (a * covariance), atol=1e-12)
    x0, eps = DATA.predict(x_t, level(log_snr))
    np.testing.assert_allclose(x0, mean, atol=1e-14)
    np.testing.assert_allclose(a * x0 + s * eps, x_t, atol=1e-12)


@pytest.mark.parametrize("start, end", [(-4.0, 3.0), (1.0, 5.0), (2.0, -2.0)])
def test_flow_solves_the_probability_flow_ode(start, end):
    """dx/dl = x/2 (1 - a^2) + (s^2 / 2) score: f x - g^2/2 score of the VP process, written in
    log-SNR l."""
    x = points(1)[0]

    def velocity(log_snr, state):
        _, s = ab(log_snr)
        score = DATA.score(torch.tensor(state[None]), level(log_snr))[0].numpy()
        return 0.5 * s**2 * (state + score)

    solved = solve_ivp(velocity, (start, end), x.numpy(), rtol=1e-10, atol=1e-12).y[:, -1]
    np.testing.assert_allclose(DATA.flow(x[None], level(start), level(end))[0], solved, atol=1e-8)


def test_flow_ends_at_clean_data():
    x = points(4)
    torch.testing.assert_close(
        DATA.flow(x, level(0.0)), DATA.flow(x, level(0.0), level(40.0)), atol=1e-7, rtol=0
    )


def test_levels_may_differ_by_example():
    x, levels = points(5), torch.tensor(LEVELS, dtype=torch.float64)
    together = DATA.predict(x, levels)
    for row in range(5):
        alone = DATA.predict(x[row : row + 1], levels[row])
        torch.testing.assert_close(together.x0[row : row + 1], alone.x0)
        torch.testing.assert_close(together.eps[row : row + 1], alone.eps)


def test_images_are_vectors():
    data = Gaussian(torch.zeros(4), torch.diag(torch.tensor([1.0, 2.0, 3.0, 4.0])))
    x = torch.randn(3, 1, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    flat = data.predict(x.flatten(1), level(0.5))
    torch.testing.assert_close(data.predict(x, level(0.5)).x0.flatten(1), flat.x0)
    torch.testing.assert_close(
        data.score(x, level(0.5)).flatten(1), data.score(x.flatten(1), level(0.5))
    )


def test_draws_have_the_mean_and_covariance():
    x = DATA.draw(40000, torch.Generator().manual_seed(3))
    covariance = FACTOR @ FACTOR.T
    torch.testing.assert_close(
        x.mean(0), MEAN, atol=4 * math.sqrt(float(covariance.diagonal().max()) / 40000), rtol=0
    )
    torch.testing.assert_close(torch.cov(x.T), covariance, atol=0.015, rtol=0)


def test_a_point_mass_is_allowed_with_noise():
    point = Gaussian(torch.ones(2), torch.zeros(2, 2))
    torch.testing.assert_close(
        point.predict(points()[:, :2], level(1.0)).x0, torch.ones(5, 2, dtype=torch.float64)
    )


@pytest.mark.parametrize(
    "covariance",
    [[[1.0, 0.5], [0.1, 1.0]], [[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]],
)
def test_what_is_no_covariance_is_refused(covariance):
    with pytest.raises(ValueError, match="a covariance"):
        Gaussian(torch.zeros(2), torch.tensor(covariance))


def test_clean_is_the_end_of_the_kernel():
    assert [float(v) for v in signal_noise(CLEAN)] == [1.0, 0.0]
