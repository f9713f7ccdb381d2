"""The mixture oracle against scipy, autograd and sums over a grid of clean values."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm

from threetargets.oracles import Gaussian, Mixture

LEVELS = [-5.0, -1.0, 0.5, 4.0]
WEIGHTS = [0.2, 0.5, 0.3]
MEANS = [[-0.6, 0.2], [0.5, 0.4], [0.1, -0.7]]
COVARIANCES = [
    [[0.05, 0.02], [0.02, 0.03]],
    [[0.1, -0.04], [-0.04, 0.06]],
    [[0.02, 0.0], [0.0, 0.09]],
]
DATA = Mixture(
    torch.tensor(WEIGHTS, dtype=torch.float64),
    [
        Gaussian(torch.tensor(m, dtype=torch.float64), torch.tensor(c, dtype=torch.float64))
        for m, c in zip(MEANS, COVARIANCES, strict=False)
    ],
)


def level(value):
    return torch.tensor(value, dtype=torch.float64)


def points(count=6, seed=0):
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def densities(x, log_snr):
    """p_t(x, y) by scipy, (B, K)."""
    abar = 1 / (1 + math.exp(-log_snr))
    parts = [
        w
        * multivariate_normal(
            math.sqrt(abar) * np.array(m), abar * np.array(c) + (1 - abar) * np.eye(2)
        ).pdf(x)
        for w, m, c in zip(WEIGHTS, MEANS, COVARIANCES, strict=False)
    ]
    return np.stack(parts, 1)


@pytest.mark.parametrize("log_snr", LEVELS)
def test_density_and_classifier_are_bayes(log_snr):
    x = points()
    joint = densities(x, log_snr)
    np.testing.assert_allclose(
        DATA.log_density(x, level(log_snr)), np.log(joint.sum(1)), rtol=1e-11
    )
    np.testing.assert_allclose(
        DATA.classify(x, level(log_snr)).exp(), joint / joint.sum(1, keepdims=True), rtol=1e-10
    )


def test_far_away_nothing_underflows():
    x = 300.0 * points()
    assert torch.isfinite(DATA.log_density(x)).all() and torch.isfinite(DATA.score(x)).all()
    assert float(DATA.log_density(x).max()) < -1e4


@pytest.mark.parametrize("log_snr", LEVELS)
def test_scores_are_gradients(log_snr):
    x, labels = points().requires_grad_(True), torch.tensor([0, 1, 2, 0, 1, 2])
    (density,) = torch.autograd.grad(DATA.log_density(x, level(log_snr)).sum(), x)
    torch.testing.assert_close(
        DATA.score(x.detach(), level(log_snr)), density, rtol=1e-9, atol=1e-11
    )
    chosen = DATA.classify(x, level(log_snr))[torch.arange(6), labels].sum()
    (gradient,) = torch.autograd.grad(chosen, x)
    torch.testing.assert_close(
        DATA.classify_gradient(x.detach(), level(log_snr), labels), gradient, rtol=1e-9, atol=1e-11
    )


@pytest.mark.parametrize("log_snr", LEVELS)
def test_denoiser_is_the_mean_over_a_grid_of_clean_values(log_snr):
    """One dimension: E[x_0 | x_t] = sum x_0 p(x_0) q(x_t | x_0) / sum p(x_0) q(x_t | x_0)."""
    one = Mixture(
        torch.tensor([0.3, 0.7]),
        [Gaussian(torch.tensor([m]), torch.tensor([[v]])) for m, v in ((-0.7, 0.04), (0.5, 0.02))],
    )
    grid = np.linspace(-3, 3, 20001)
    prior = 0.3 * norm.pdf(grid, -0.7, 0.2) + 0.7 * norm.pdf(grid, 0.5, math.sqrt(0.02))
    abar = 1 / (1 + math.exp(-log_snr))
    x_t = np.array([-1.2, 0.0, 0.9])
    bayes = prior * norm.pdf(x_t[:, None], math.sqrt(abar) * grid, math.sqrt(1 - abar))
    expected = (bayes * grid).sum(1) / bayes.sum(1)
    x0, eps = one.predict(torch.tensor(x_t[:, None]), level(log_snr))
    # The parameters are float32 numbers: they are exact to 1e-8.
    np.testing.assert_allclose(x0[:, 0], expected, atol=3e-7)
    np.testing.assert_allclose(
        math.sqrt(abar) * x0[:, 0] + math.sqrt(1 - abar) * eps[:, 0], x_t, atol=1e-12
    )
    weights, means, covariances = one.posterior(torch.tensor(x_t[:, None]), level(log_snr))
    np.testing.assert_allclose((weights[:, :, None] * means).sum(1)[:, 0], expected, atol=3e-7)
    second = (bayes * grid**2).sum(1) / bayes.sum(1)
    mixed = (weights * (means[:, :, 0] ** 2 + covariances[:, :, 0, 0])).sum(1)
    np.testing.assert_allclose(mixed, second, atol=3e-7)


def test_labels_choose_their_component_and_the_null_label_none():
    x = points()
    whole, null = (
        DATA.predict(x, level(0.3)),
        DATA.conditional(x, level(0.3), torch.full((6,), DATA.null)),
    )
    torch.testing.assert_close(null.x0, whole.x0)
    torch.testing.assert_close(null.eps, whole.eps)
    labels = torch.tensor([0, 1, 2, 2, 1, 3])
    given = DATA.conditional(x, level(0.3), labels)
    for row, label in enumerate(labels[:5].tolist()):
        own = DATA.components[label].predict(x[row : row + 1], level(0.3))
        torch.testing.assert_close(given.x0[row : row + 1], own.x0)
        torch.testing.assert_close(given.eps[row : row + 1], own.eps)
    torch.testing.assert_close(given.x0[5], whole.x0[5])


def test_draws_have_the_weights_and_moments():
    x, labels = DATA.draw(30000, torch.Generator().manual_seed(5))
    shares = torch.bincount(labels, minlength=3) / 30000
    torch.testing.assert_close(shares, torch.tensor(WEIGHTS), atol=0.012, rtol=0)
    for k in range(3):
        torch.testing.assert_close(
            x[labels == k].mean(0), torch.tensor(MEANS[k], dtype=torch.float64), atol=0.015, rtol=0
        )
        torch.testing.assert_close(
            torch.cov(x[labels == k].T),
            torch.tensor(COVARIANCES[k], dtype=torch.float64),
            atol=0.006,
            rtol=0,
        )


@pytest.mark.parametrize("weights", [[0.5, 0.2], [1.0], [1.5, -0.5]])
def test_what_are_no_weights_is_refused(weights):
    with pytest.raises(ValueError, match="positive weights of sum 1"):
        Mixture(torch.tensor(weights), DATA.components[:2])
