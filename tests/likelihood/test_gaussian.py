"""Diagonal Gaussians against torch.distributions and Monte Carlo."""

import math

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from threetargets.likelihood.gaussian import kl_isotropic, kl_to_standard, log_density, total

SHAPES = [(5, 4), (5, 1, 2, 3)]


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def independent(mean, log_std):
    return Independent(Normal(mean, log_std.exp()), mean.ndim - 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_total_leaves_the_examples(shape):
    x = numbers(*shape)
    assert total(x).tolist() == pytest.approx([float(row.sum()) for row in x])


@pytest.mark.parametrize("shape", SHAPES)
def test_log_density(shape):
    x, mean, log_std = (numbers(*shape, seed=s) for s in range(3))
    torch.testing.assert_close(
        log_density(x, mean, log_std), independent(mean, log_std).log_prob(x)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_kl_to_standard(shape):
    mean, log_std = numbers(*shape, seed=1), numbers(*shape, seed=2)
    standard = independent(torch.zeros_like(mean), torch.zeros_like(mean))
    torch.testing.assert_close(
        kl_to_standard(mean, log_std), kl_divergence(independent(mean, log_std), standard)
    )


def test_kl_to_standard_by_monte_carlo():
    mean, log_std = numbers(3, 4, seed=1), 0.5 * numbers(3, 4, seed=2)
    z = mean + log_std.exp() * numbers(40000, 3, 4, seed=3)
    standard = Normal(torch.zeros(3, 4, dtype=torch.float64), 1.0)
    ratio = (Normal(mean, log_std.exp()).log_prob(z) - standard.log_prob(z)).sum(2)
    error = (ratio.mean(0) - kl_to_standard(mean, log_std)) / (ratio.std(0) / math.sqrt(40000))
    assert float(error.abs().max()) < 3.5


def test_kl_to_standard_of_almost_standard_does_not_cancel():
    """KL of std 1 + d is d^2 to first order, down to the smallest d."""
    log_std = torch.full((1, 1), math.log1p(1e-6), dtype=torch.float64)
    assert float(kl_to_standard(torch.zeros_like(log_std), log_std)) == pytest.approx(
        1e-12, rel=1e-3
    )


@pytest.mark.parametrize("var_q, var_p", [(0.3, 0.3), (0.3, 0.5), (2.0, 0.01)])
@pytest.mark.parametrize("dims", [1, 6])
def test_kl_isotropic(var_q, var_p, dims):
    m_q, m_p = numbers(dims, seed=1), numbers(dims, seed=2)
    eye = torch.eye(dims, dtype=torch.float64)
    expected = kl_divergence(
        MultivariateNormal(m_q, var_q * eye), MultivariateNormal(m_p, var_p * eye)
    )
    squared = ((m_q - m_p) ** 2).sum()
    variances = (torch.tensor(v, dtype=torch.float64) for v in (var_q, var_p))
    assert float(kl_isotropic(squared, *variances, dims)) == pytest.approx(
        float(expected), rel=1e-12, abs=1e-12
    )
