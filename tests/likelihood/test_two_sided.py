"""The two forms of the diffusion bound on Gaussian data, where the exact answer is known."""

import math

import pytest
import torch

from threetargets.diffusion.schedule import SCHEDULES, table
from threetargets.likelihood.bound import denoising_terms, prior_term
from threetargets.likelihood.two_sided import two_sided_terms
from threetargets.oracles import Gaussian

S2 = 0.25
EXACT = Gaussian(torch.zeros(1, dtype=torch.float64), S2 * torch.eye(1, dtype=torch.float64))
PROCESS = table(SCHEDULES["cosine"](5.0, -7.0), 12)
N = 40_000


def draws():
    return EXACT.draw(N, torch.Generator().manual_seed(0))


def one_sided(x0, variance, seed):
    """The usual terms L_{i-1}, i = 2..T, and L_T, one draw of x_i each."""
    g = torch.Generator().manual_seed(seed)
    squared = []
    for i in range(2, PROCESS.steps + 1):
        level = PROCESS.log_snr[i]
        a, s = level.sigmoid().sqrt(), (-level).sigmoid().sqrt()
        x = a * x0 + s * torch.randn(x0.shape, generator=g, dtype=torch.float64)
        guess = EXACT.predict(x, level).x0
        squared.append(((guess - x0) ** 2).sum(1))
    terms = denoising_terms(torch.stack(squared, 1), PROCESS, variance, 1)
    return torch.cat([prior_term(x0, PROCESS)[:, None], terms], 1)


@pytest.mark.parametrize("variance", ["fixed-small", "fixed-large"])
def test_same_number_more_variance(variance):
    x0 = draws()
    usual = one_sided(x0, variance, 1).sum(1)
    found = two_sided_terms(EXACT.predict, PROCESS, x0, variance, seed=1)
    other = found.last + found.ratios.sum(1)
    error = math.sqrt(float(usual.var() + other.var()) / N)
    assert abs(float(other.mean() - usual.mean())) < 4 * error
    assert float(other.var()) > 2 * float(usual.var())


def test_the_form_with_divergences_is_another_number():
    x0 = draws()
    found = two_sided_terms(EXACT.predict, PROCESS, x0, "fixed-large", seed=1)
    gap = (found.divergences - found.ratios).sum(1)
    assert float(gap.mean()) > 20 * float(gap.std()) / math.sqrt(N)


def test_one_term_against_quadrature():
    """E log q(x_i | x_{i-1}) - log p(x_i | x_{i+1}) of Gaussian variables is a quadratic form: by its exact moments."""
    i, x0 = 5, draws()
    found = two_sided_terms(EXACT.predict, PROCESS, x0, "fixed-large", seed=2).ratios[:, i - 1]
    abar = PROCESS.log_snr.sigmoid()
    alpha_here, alpha_after = abar[i] / abar[i - 1], abar[i + 1] / abar[i]
    var_here = abar[i] * S2 + 1 - abar[i]
    # log q: the residual has variance 1 - alpha. log p: with the exact denoiser its mean is
    # A E[x_0 | x_{i+1}] + B x_{i+1}.
    sigma2 = 1 - alpha_after
    a_prev, s_prev2 = abar[i].sqrt(), 1 - abar[i]
    s2_after = 1 - abar[i + 1]
    gain = abar[i + 1].sqrt() * S2 / (abar[i + 1] * S2 + s2_after)
    slope = a_prev * (1 - alpha_after) / s2_after * gain + alpha_after.sqrt() * s_prev2 / s2_after
    var_after = abar[i + 1] * S2 + s2_after
    covariance = alpha_after.sqrt() * var_here
    residual = var_here - 2 * slope * covariance + slope**2 * var_after
    expected = -0.5 * torch.log(1 - alpha_here) - 0.5 + 0.5 * torch.log(sigma2) + 0.5 * residual / sigma2
    assert abs(float(found.mean() - expected)) < 4 * float(found.std()) / math.sqrt(N)
