"""Weights against abar in many digits, published values, and the KL that the elbo weight stands
for."""

import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm
from torch.distributions import Independent, Normal, kl_divergence

from threetargets.diffusion.kernel import posterior
from threetargets.diffusion.schedule import SCHEDULES, LogLinear, table, table_of_betas
from threetargets.diffusion.target import TARGETS
from threetargets.diffusion.weighting import WEIGHTINGS

DDPM = table_of_betas(torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64))


def weight(name, target, i, process=DDPM):
    return float(WEIGHTINGS[name](TARGETS[target], process, torch.tensor([i])))


@pytest.mark.parametrize("i", [2, 3, 11, 100, 500, 999, 1000])
def test_elbo_weight_in_many_digits(i):
    """1/2 (SNR_{i-1} - SNR_i) s_i^2 / a_i^2 from the product of alphas, 50 digits."""
    mpmath.mp.dps = 50
    abar = [mpmath.mpf(1)]
    for beta in torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64).tolist():
        abar.append(abar[-1] * (1 - mpmath.mpf(beta)))

    def snr(j):
        return abar[j] / (1 - abar[j])

    assert weight("elbo", "eps", i) == pytest.approx(
        float((snr(i - 1) - snr(i)) / snr(i) / 2), rel=1e-9
    )


@pytest.mark.parametrize(
    "target, first, last",
    [("x0", 1e-4, 2.5e4), ("eps", 1, 1), ("score", 1e4, 1), ("raw-score", 1e4, 1), ("v", 1, 2.5e4)],
)
def test_native_weights_of_the_linear_schedule(target, first, last):
    """The ends that make 'the simple loss' a different loss for each target."""
    assert weight("native", target, 1) == pytest.approx(first, rel=2e-2)
    assert weight("native", target, 1000) == pytest.approx(last, rel=2e-2)


@pytest.mark.parametrize(
    "i, value, digit", [(2, 0.60, 1e-2), (11, 0.079, 1e-3), (1000, 0.010, 1e-3)]
)
def test_elbo_weights_of_the_linear_schedule(i, value, digit):
    assert weight("elbo", "eps", i) == pytest.approx(value, abs=digit / 2)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("i", [1, 500, 1000])
def test_eps_equivalent_is_one(target, i):
    assert weight("eps-equivalent", target, i) == 1.0


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("i", [1, 100, 400, 1000])
def test_min_snr_is_the_snr_cut_at_five_in_x0_units(target, i):
    """|x0 - x0^|^2 = |eps - eps^|^2 / SNR, and SNR of this schedule from the product of alphas."""
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    abar = math.prod(1 - b for b in betas[:i].tolist())
    snr = abar / (1 - abar)
    assert weight("min-snr-5", target, i) * snr == pytest.approx(min(snr, 5), rel=1e-9)


@pytest.mark.parametrize("space, name", [("x0", "x0-equivalent"), ("v", "v-equivalent")])
@pytest.mark.parametrize("target", TARGETS)
def test_an_equivalent_weighting_is_the_squared_error_of_what_it_is_named_after(
    space, name, target
):
    """lambda |eps - eps^|^2 for a wrong x0^ at one x_t, and the squared error of x0 or of
    v = a eps - s x0 there."""
    i, noise, x0, wrong = 300, 0.7, -0.4, 0.25
    abar = math.exp(float(torch.log1p(-torch.linspace(1e-4, 0.02, 1000)[:i].double()).sum()))
    a, s = math.sqrt(abar), math.sqrt(1 - abar)
    guess = ((a * x0 + s * noise) - a * wrong) / s
    errors = {"x0": x0 - wrong, "v": a * (noise - guess) - s * (x0 - wrong)}
    assert weight(name, target, i) * (noise - guess) ** 2 == pytest.approx(
        errors[space] ** 2, rel=1e-5
    )


def over_log_snr(name, error, data_std):
    """Mean over a fine process of lambda(i) error(l_i)."""
    process, target = table(LogLinear(20.0, -20.0), 8000), TARGETS["eps"]
    weights = WEIGHTINGS[name](
        replace(target, data_std=data_std), process, torch.arange(1, process.steps + 1)
    )
    return float((weights * error(process.log_snr[1:])).mean())


def test_sigmoid_is_its_weighted_bound():
    """1/2 times the integral of sigmoid(2 - l) e(l) over log-SNR, by quadrature, for an error of
    eps that depends on the noise level."""
    exact, _ = quad(lambda x: 0.5 * expit(2 - x) * np.exp(-((x - 1) ** 2) / 8), -20, 20)
    found = over_log_snr("sigmoid", lambda x: torch.exp(-((x - 1) ** 2) / 8), 1.0)
    assert found == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("data_std", [0.5, 1.0])
def test_edm_is_the_loss_of_its_paper(data_std):
    """The mean over log sigma ~ N(-1.2, 1.2^2) of (sigma^2 + d^2) / (sigma d)^2 |D - x0|^2 (Karras
    et al. 2022, table 1), by quadrature."""

    def error(log_snr):  # of eps; sigma^2 times it is that of x0
        return 1.0 / (1.0 + log_snr**2)

    def of_sigma(u):
        sigma = np.exp(u)
        weight = (sigma**2 + data_std**2) / (sigma * data_std) ** 2
        return norm.pdf(u, -1.2, 1.2) * weight * sigma**2 * error(-2 * u)

    exact, _ = quad(of_sigma, -10, 10, limit=200)
    assert over_log_snr("edm", error, data_std) == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_elbo_weight_is_the_kl_between_the_two_posteriors(schedule):
    """KL between q(x_{i-1} | x_0, x_i) and the same with x0^, by torch.distributions, over |eps -
    eps^|^2."""
    process = table(SCHEDULES[schedule](9.0, -9.0), 40)
    i = torch.arange(2, 41)
    q = posterior(process.log_snr[i - 1], process.log_snr[i])
    shift = 0.3 * process.s[i] / process.a[i]  # of x0, for an error of 0.3 in eps
    width = q.C.sqrt()[:, None].expand(-1, 3)
    means = (
        Normal(torch.zeros(39, 3, dtype=torch.float64), width),
        Normal((q.A * shift)[:, None].expand(-1, 3), width),
    )
    kl = kl_divergence(*(Independent(m, 1) for m in means)) / (3 * 0.3**2)
    torch.testing.assert_close(
        WEIGHTINGS["elbo"](TARGETS["eps"], process, i), kl, rtol=1e-10, atol=0
    )


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_weights_are_positive_and_finite(weighting, target, schedule):
    process = table(SCHEDULES[schedule](9.0, -9.0), 250)
    i = torch.arange(2, 251)
    weights = WEIGHTINGS[weighting](TARGETS[target], process, i)
    assert weights.shape == i.shape and weights.dtype == torch.float64
    assert bool(torch.isfinite(weights).all()) and float(weights.min()) > 0


def test_the_decoder_has_no_elbo_weight():
    with pytest.raises(ValueError, match="decoder"):
        WEIGHTINGS["elbo"](TARGETS["eps"], DDPM, torch.tensor([5, 1]))
