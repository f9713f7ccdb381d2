"""The diffusion bound with an exact denoiser: its excess over the entropy, and each of its
parts."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from threetargets.diffusion.kernel import posterior, signal_noise
from threetargets.diffusion.schedule import SCHEDULES, table, table_of_betas
from threetargets.likelihood.bound import (
    FITTED,
    VARIANCES,
    decoder_term,
    denoising_terms,
    prior_term,
    reverse_variance,
)
from threetargets.likelihood.decoders import DECODERS
from threetargets.likelihood.gaussian import kl_isotropic, kl_to_standard
from threetargets.oracles import Gaussian


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def ddpm(steps):
    """Betas linear from 0.1 / T to 20 / T: 1e-4 to 0.02 at T = 1000, ten times as large at T =
    100."""
    return table_of_betas(torch.linspace(0.1 / steps, 20 / steps, steps, dtype=torch.float64))


def perfect(process, data):
    """E |x_0 - x0^|^2 of the exact denoiser at levels 1..T, one-dimensional data."""
    zero = torch.zeros(1, 1, dtype=torch.float64)
    return torch.stack([data.posterior(zero, level)[1][0, 0, 0] for level in process.log_snr[1:]])


def excess(process, data, variance):
    """Bits/dim by which the bound of the exact denoiser exceeds the entropy of one-dimensional
    Gaussian data.

    E |x_0 - x0^|^2 is the variance of x_0 given x_i, which the data knows. The decoder is a density
    here.
    """
    mse = perfect(process, data)
    nats = -data.entropy()
    for i in range(1, process.steps + 1):
        missed = mse[i - 1]
        sigma2 = reverse_variance(process, torch.tensor(i), variance, mse)
        if i == 1:
            nats += float(0.5 * torch.log(2 * math.pi * sigma2) + missed / (2 * sigma2))
        else:
            q = posterior(process.log_snr[i - 1], process.log_snr[i])
            nats += float(kl_isotropic(q.A**2 * missed, q.C, sigma2, 1))
    a, s = process.a[-1], process.s[-1]
    at_one_deviation = kl_to_standard((a * data.covariance.sqrt()), torch.log(s).expand(1, 1))
    return (nats + float(at_one_deviation)) / math.log(2)


EXCESS = {
    "fixed-small": {1000: 0.82223, 100: 1.83540},
    "fixed-large-override": {1000: 0.16543, 100: 0.04765},
    "fixed-large": {1000: 0.00158, 100: 0.01581},
    "learned-interpolation": {1000: 0.0, 100: 0.0},
    "optimal": {1000: 0.0, 100: 0.0},
}
"""Bits/dim for data N(0, 0.25). A new variance states its own."""


@pytest.mark.parametrize("steps", [1000, 100])
@pytest.mark.parametrize("variance", VARIANCES + FITTED)
def test_excess_of_the_bound_over_the_entropy(variance, steps):
    """A perfect denoiser: what is left is the reverse variance's doing, and with the exact one
    nothing is."""
    data = Gaussian(tensor([0.0]), tensor([[0.25]]))
    assert excess(ddpm(steps), data, variance) == pytest.approx(EXCESS[variance][steps], abs=6e-6)


@pytest.mark.parametrize("variance", VARIANCES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_bound_is_a_bound(variance, schedule):
    data = Gaussian(tensor([0.0]), tensor([[0.25]]))
    for steps in (2, 10, 300):
        assert excess(table(SCHEDULES[schedule](9.0, -9.0), steps), data, variance) > 0


@pytest.mark.parametrize("steps", [1, 2, 10, 1000])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_bound_of_the_exact_reverse_process_is_the_entropy_at_every_length(schedule, steps):
    """One step included: the decoder is then the whole of it."""
    data = Gaussian(tensor([0.0]), tensor([[0.25]]))
    assert excess(table(SCHEDULES[schedule](9.0, -26.0), steps), data, "optimal") == pytest.approx(
        0.0, abs=1e-9
    )


# Parts.


def test_reverse_variances_are_beta_and_its_posterior():
    betas = torch.linspace(1e-3, 0.2, 30, dtype=torch.float64)
    process, abar = table_of_betas(betas), torch.cumprod(1 - betas, 0)
    i = torch.arange(2, 31)
    small = betas[1:] * (1 - abar[:-1]) / (1 - abar[1:])
    torch.testing.assert_close(
        reverse_variance(process, i, "fixed-small"), small, rtol=1e-11, atol=0
    )
    torch.testing.assert_close(
        reverse_variance(process, i, "fixed-large"), betas[1:], rtol=1e-11, atol=0
    )
    at_one = {"fixed-small": small[0], "fixed-large": betas[0], "fixed-large-override": small[0]}
    for variance in VARIANCES:
        first = reverse_variance(process, torch.tensor([1, 2]), variance)
        assert float(first[0]) == pytest.approx(float(at_one[variance]), rel=1e-11)
        assert (
            first.dtype == torch.float64 and float(reverse_variance(process, i, variance).min()) > 0
        )
    override = reverse_variance(process, torch.arange(1, 31), "fixed-large-override")
    torch.testing.assert_close(override[1:], betas[1:], rtol=1e-11, atol=0)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_optimal_variance_is_that_of_the_reverse_step_of_gaussian_data(schedule):
    """Var[x_{i-1} | x_i] by conditioning the joint Gaussian of the two, which knows no x_0 and no
    posterior."""
    process, data_variance = table(SCHEDULES[schedule](6.0, -6.0), 9), 0.25
    mse = perfect(process, Gaussian(tensor([0.0]), tensor([[data_variance]])))
    abar = torch.sigmoid(process.log_snr)
    marginal = abar * data_variance + 1 - abar
    for i in range(1, 10):
        covariance = torch.sqrt(abar[i] / abar[i - 1]) * marginal[i - 1]
        exact = marginal[i - 1] - covariance**2 / marginal[i]
        found = reverse_variance(process, torch.tensor(i), "optimal", mse)
        assert float(found) == pytest.approx(float(exact), rel=1e-9)


@pytest.mark.parametrize("variance", FITTED)
def test_a_fitted_variance_is_the_least_bound_of_its_kind(variance):
    """A denoiser that errs: no other sigma_i^2 of the kind gives a lower mean of any term, on the
    data of the fit."""
    process, dims = table(SCHEDULES["cosine"](5.0, -5.0), 8), 3
    squared = (
        0.3 * torch.rand(50, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        + 0.01
    )
    mse = squared.mean(0) / dims
    found = denoising_terms(squared[:, 1:], process, variance, dims, mse).mean(0)
    for k, i in enumerate(range(2, 9)):
        q = posterior(process.log_snr[i - 1], process.log_snr[i])
        low, high = (
            float(reverse_variance(process, torch.tensor(i), v))
            for v in ("fixed-small", "fixed-large")
        )
        v = torch.linspace(
            0.0 if variance == "learned-interpolation" else -3.0, 1.0, 4001, dtype=torch.float64
        )
        sigma2 = torch.exp(v * math.log(high) + (1 - v) * math.log(low))
        terms = kl_isotropic(q.A**2 * squared[:, i - 1].mean(), q.C, sigma2, dims)
        assert float(found[k]) == pytest.approx(float(terms.min()), rel=1e-4, abs=1e-9)
        assert float(found[k]) <= float(terms.min()) + 1e-9


def test_a_fitted_variance_asks_for_what_it_is_fitted_to():
    with pytest.raises(ValueError, match="mean squared error"):
        reverse_variance(ddpm(100), torch.tensor(3), "optimal")


def test_unknown_variance():
    with pytest.raises(ValueError, match="unknown variance"):
        reverse_variance(ddpm(100), torch.tensor(3), "medium")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_prior_term(schedule):
    process = table(SCHEDULES[schedule](5.0, -2.0), 10)
    x0 = torch.randn(4, 1, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    abar = 1 / (1 + math.exp(2.0))
    q = Normal(math.sqrt(abar) * x0, math.sqrt(1 - abar))
    expected = kl_divergence(q, Normal(torch.zeros_like(x0), 1.0)).flatten(1).sum(1)
    torch.testing.assert_close(prior_term(x0, process), expected, rtol=1e-7, atol=1e-10)


def test_prior_term_of_ddpm():
    """2.9e-5 bits/dim where x^2 = 1, of 1000 linear betas."""
    assert float(prior_term(torch.ones(1, 1, dtype=torch.float64), ddpm(1000))) / math.log(
        2
    ) == pytest.approx(2.9e-5, rel=0.02)


@pytest.mark.parametrize("variance", VARIANCES)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("i", [2, 9, 20])
def test_denoising_term_is_the_kl_of_the_two_gaussians(variance, schedule, i):
    """By torch.distributions, with q's moments from Bayes' rule in precision form."""
    process = table(SCHEDULES[schedule](9.0, -9.0), 20)
    g = torch.Generator().manual_seed(i)
    x0, x0_hat, x_t = (torch.randn(5, 3, generator=g, dtype=torch.float64) for _ in range(3))
    (a_s, s_s), (a_t, s_t) = (signal_noise(process.log_snr[j]) for j in (i - 1, i))
    ratio = a_t / a_s
    between = s_t**2 - ratio**2 * s_s**2
    precision = 1 / s_s**2 + ratio**2 / between

    def reverse(clean, sigma2):
        mean = (a_s * clean / s_s**2 + ratio * x_t / between) / precision
        return MultivariateNormal(mean, sigma2 * torch.eye(3, dtype=torch.float64))

    sigma2 = 1 / precision if variance == "fixed-small" else between
    expected = kl_divergence(reverse(x0, 1 / precision), reverse(x0_hat, sigma2))
    squared = torch.full((5, 19), 7.0, dtype=torch.float64)
    squared[:, i - 2] = ((x0 - x0_hat) ** 2).sum(1)
    found = denoising_terms(squared, process, variance, 3)[:, i - 2]
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("variance", VARIANCES)
@pytest.mark.parametrize("count", [2, 17, 256])
def test_decoder_term_is_the_gaussian_decoder_of_width_sigma_one(variance, count):
    process = ddpm(50)
    g = torch.Generator().manual_seed(0)
    levels = torch.randint(0, count, (6, 1, 2, 2), generator=g)
    x0_hat = torch.randn(6, 1, 2, 2, generator=g, dtype=torch.float64)
    beta, after = 0.1 / 50, 0.1 / 50 + 19.9 / 50 / 49  # the first two
    sigma2 = beta if variance == "fixed-large" else beta * after / (1 - (1 - beta) * (1 - after))
    log_std = torch.full_like(x0_hat, 0.5 * math.log(sigma2))
    expected = -DECODERS["gaussian"].log_prob(levels, torch.stack([x0_hat, log_std], 1), count)
    torch.testing.assert_close(
        decoder_term(levels, x0_hat, process, variance, count), expected, rtol=1e-9, atol=0
    )
