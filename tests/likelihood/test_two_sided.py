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
    assert float(other.var()) > 1.15 * float(usual.var())


def exact_terms(i, variance):
    """Means of the log ratio and of the divergence at i, one-dimensional Gaussian data: quadratic
    forms in x_{i-1}, x_i and x_{i+1}, by their exact moments."""
    abar = PROCESS.log_snr.sigmoid()
    spread = abar * S2 + 1 - abar
    alpha_here, alpha_after = abar[i] / abar[i - 1], abar[i + 1] / abar[i]
    s2_after, beta = 1 - abar[i + 1], 1 - alpha_here
    sigma2 = (
        1 - alpha_after
        if variance == "fixed-large"
        else (1 - alpha_after) * (1 - abar[i]) / s2_after
    )
    # With the exact denoiser the mean of p(x_i | x_{i+1}) is slope * x_{i+1}.
    gain = abar[i + 1].sqrt() * S2 / (abar[i + 1] * S2 + s2_after)
    slope = (
        abar[i].sqrt() * (1 - alpha_after) / s2_after * gain
        + alpha_after.sqrt() * (1 - abar[i]) / s2_after
    )
    residual = spread[i] - 2 * slope * alpha_after.sqrt() * spread[i] + slope**2 * spread[i + 1]
    ratio = -0.5 * torch.log(beta) - 0.5 + 0.5 * torch.log(sigma2) + 0.5 * residual / sigma2
    along = (abar[i + 1] / abar[i - 1]).sqrt() * spread[i - 1]
    miss = (
        alpha_here * spread[i - 1]
        - 2 * alpha_here.sqrt() * slope * along
        + slope**2 * spread[i + 1]
    )
    divergence = 0.5 * (beta / sigma2 - 1 - torch.log(beta / sigma2) + miss / sigma2)
    return float(ratio), float(divergence)


@pytest.mark.parametrize("dims", [1, 3])
@pytest.mark.parametrize("variance", ["fixed-small", "fixed-large"])
def test_every_term_has_its_exact_mean(variance, dims):
    data = Gaussian(
        torch.zeros(dims, dtype=torch.float64), S2 * torch.eye(dims, dtype=torch.float64)
    )
    x0 = data.draw(N, torch.Generator().manual_seed(dims))
    found = two_sided_terms(data.predict, PROCESS, x0, variance, seed=2)

    def close(values, expected):
        assert abs(float(values.mean()) - dims * expected) < 4.5 * float(values.std()) / math.sqrt(
            N
        )

    for i in range(1, PROCESS.steps):
        ratio, divergence = exact_terms(i, variance)
        close(found.ratios[:, i - 1], ratio)
        close(found.divergences[:, i - 1], divergence)
    abar = PROCESS.log_snr.sigmoid()
    step, before = 1 - abar[12] / abar[11], abar[11] * S2 + 1 - abar[11]
    last = float(0.5 * (step - 1 - torch.log(step) + (1 - step) * before))
    close(found.last, last)
    assert (
        last > 50 * float(found.last.std()) / math.sqrt(N) / dims
    )  # half or twice as much would be seen


def test_the_usual_form_comes_from_the_same_network_calls():
    """squared is that of a draw of x_i for i = 2..T: with an exact denoiser of Gaussian data its
    mean is the posterior's variance."""
    found = two_sided_terms(EXACT.predict, PROCESS, draws(), "fixed-large", seed=1)
    abar = PROCESS.log_snr.sigmoid()[2:]
    expected = S2 * (1 - abar) / (abar * S2 + 1 - abar)
    error = found.squared.std(0) / math.sqrt(N)
    assert found.squared.shape == (N, PROCESS.steps - 1)
    assert bool(((found.squared.mean(0) - expected).abs() < 4.5 * error).all())


def test_the_form_with_divergences_is_another_number():
    x0 = draws()
    found = two_sided_terms(EXACT.predict, PROCESS, x0, "fixed-large", seed=1)
    gap = (found.divergences - found.ratios).sum(1)
    assert float(gap.mean()) > 20 * float(gap.std()) / math.sqrt(N)
