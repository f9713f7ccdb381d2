"""Weights against abar in many digits, published values, and the KL that the elbo weight stands
for."""

import mpmath
import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from threetargets.diffusion.kernel import posterior
from threetargets.diffusion.schedule import SCHEDULES, table, table_of_betas
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
