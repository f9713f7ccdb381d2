"""The bound as it is estimated: every term's exact mean, fewer noise levels, batches and seeds."""

import math

import pytest
import torch
from likelihood.test_bound import tensor

from threetargets.diffusion.kernel import posterior, signal_noise
from threetargets.diffusion.schedule import SCHEDULES, table
from threetargets.diffusion.target import Prediction
from threetargets.levels import centres
from threetargets.likelihood.bound import (
    VARIANCES,
    decoder_term,
    prior_term,
    reverse_variance,
)
from threetargets.likelihood.denoised import denoise
from threetargets.likelihood.gaussian import kl_isotropic
from threetargets.oracles import Gaussian

# The estimator, end to end.

DATA = Gaussian(tensor([0.1, -0.2, 0.0, 0.3]), 0.2 * torch.eye(4, dtype=torch.float64) + 0.05)


def images(count=6):
    return torch.randint(0, 17, (count, 1, 2, 2), generator=torch.Generator().manual_seed(3)).to(
        torch.uint8
    )


@pytest.mark.parametrize("variance", VARIANCES)
def test_every_term_of_the_estimator_has_its_exact_mean(variance):
    """The exact denoiser is affine in x_i, so each term's mean is known: 400 draws, 4.5 standard
    errors."""
    process, levels, draws = table(SCHEDULES["cosine"](5.0, -5.0), 6), images(), 400
    x0 = centres(levels, 17).double().flatten(1)
    seen = denoise([(slice(0, 6), DATA.predict)], process, levels, 17, seed=1, draws=draws)
    found = seen.bound(variance)
    torch.testing.assert_close(found.prior, prior_term(x0, process))
    torch.testing.assert_close(found.nats, found.prior + found.denoising.sum(1) + found.decoder)
    assert found.denoising.shape == (6, 5) and found.decoder.shape == (6,)
    for i in range(1, 7):
        a, s = signal_noise(process.log_snr[i])
        offset = DATA.predict(torch.zeros(1, 4, dtype=torch.float64), process.log_snr[i]).x0
        gain = DATA.predict(torch.eye(4, dtype=torch.float64), process.log_snr[i]).x0 - offset
        # x0^ - x_0 = offset + a x_0 gain - x_0 + s eps gain
        bias = offset + a * x0 @ gain - x0
        noise_power = float(s**2 * (gain**2).sum())
        squared = (bias**2).sum(1) + noise_power
        spread = 2 * s**2 * (gain @ gain.T)
        se = torch.sqrt(
            (2 * bias @ gain.T * s).square().sum(1) + (spread**2).sum() / 2
        ) / math.sqrt(draws)
        assert abs(float(seen.x0_mse[i - 1]) * 4 - float(squared.mean())) < 4.5 * float(se.max())
        assert float(seen.eps_mse[i - 1]) == pytest.approx(
            float(seen.x0_mse[i - 1] * (a / s) ** 2), rel=1e-8
        )
        if i >= 2:
            q, sigma2 = (
                posterior(process.log_snr[i - 1], process.log_snr[i]),
                reverse_variance(process, torch.tensor(i), variance),
            )
            exact = kl_isotropic(q.A**2 * squared, q.C, sigma2, 4)
            slope = q.A**2 / (2 * sigma2)
            assert bool(((found.denoising[:, i - 2] - exact).abs() < 4.5 * slope * se).all())


def test_the_decoder_term_of_the_estimator_has_its_mean_too():
    """A denoiser that always says x0 = 0.2: nothing is random at i = 1."""
    process, levels = table(SCHEDULES["cosine"](5.0, -5.0), 3), images()

    def stubborn(x_t, log_snr):
        return Prediction(torch.full_like(x_t, 0.2), torch.zeros_like(x_t))

    found = denoise([(slice(0, 6), stubborn)], process, levels, 17, seed=0, draws=3).bound(
        "fixed-small"
    )
    guess = torch.full((6, 1, 2, 2), 0.2, dtype=torch.float64)
    torch.testing.assert_close(
        found.decoder, decoder_term(levels, guess, process, "fixed-small", 17)
    )


@pytest.mark.parametrize("steps", [2, 3, 7, 20])
def test_some_of_the_noise_levels_are_the_bound_of_the_shorter_process(steps):
    """Against the shorter process noised and denoised on its own, whose noise is another: the same
    means, the same ends, the very terms where it has every noise level."""
    data = Gaussian(torch.zeros(4, dtype=torch.float64), 0.2 * torch.eye(4, dtype=torch.float64))
    levels = ((data.draw(3000, torch.Generator().manual_seed(0)) + 1) * 8.5).floor().clamp(0, 16)
    levels = levels.to(torch.uint8).view(-1, 1, 2, 2)
    process = table(SCHEDULES["cosine"](4.0, -7.0), 20)
    predictors = [(slice(0, 3000), data.predict)]
    whole = denoise(predictors, process, levels, 17, seed=0)
    part = whole.respaced(steps)
    assert part.table.steps == steps and part.squared.shape == (3000, steps)
    ends = part.table.log_snr[[1, -1]] == process.log_snr[[1, -1]]
    assert bool(ends.all()) and torch.equal(part.first, whole.first)
    alone = denoise(predictors, part.table, levels, 17, seed=1)
    for variance in ("fixed-large", "fixed-small"):
        one, other = part.bound(variance).nats, alone.bound(variance).nats
        error = float((one - other).std()) / math.sqrt(3000)
        assert abs(float((one - other).mean())) < 4 * error < 0.1 * float(other.mean())
    if steps == 20:
        assert torch.equal(part.squared, whole.squared)
    few = part.of_first(7)
    assert torch.equal(few.bound("fixed-large").nats, part.bound("fixed-large").nats[:7])


@pytest.mark.parametrize("size", [1, 4, 32])
def test_the_batch_changes_nothing(size):
    """101 images at once, and in batches that do not divide them."""
    process, levels = table(SCHEDULES["cosine"](6.0, -6.0), 4), images(101)
    rows = [slice(start, min(start + size, 101)) for start in range(0, 101, size)]
    whole = denoise([(slice(0, 101), DATA.predict)], process, levels, 17, seed=2, draws=2)
    parts = denoise([(r, DATA.predict) for r in rows], process, levels, 17, seed=2, draws=2)
    torch.testing.assert_close(parts.squared, whole.squared, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(parts.first, whole.first, rtol=1e-12, atol=1e-12)


def test_draws_differ_and_seeds_decide():
    process, levels = table(SCHEDULES["cosine"](6.0, -6.0), 3), images()

    def bound(seed, draws):
        everything = [(slice(0, 6), DATA.predict)]
        return (
            denoise(everything, process, levels, 17, seed=seed, draws=draws)
            .bound("fixed-small")
            .nats
        )

    torch.testing.assert_close(bound(0, 1), bound(0, 1), rtol=0, atol=0)
    assert not torch.allclose(bound(0, 1), bound(1, 1)) and not torch.allclose(
        bound(0, 1), bound(0, 2)
    )
