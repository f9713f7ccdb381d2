"""The fitted width of the decoder: against scipy's minimum, where the best is known, and never
above a fixed one on the images that it was fitted to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from threetargets.diffusion.schedule import Cosine, table
from threetargets.levels import centres
from threetargets.likelihood.bound import FITTED, VARIANCES
from threetargets.likelihood.denoised import Denoised
from threetargets.likelihood.fitted import decoder_variance, fitted_errors

PROCESS, COUNT = table(Cosine(4.0, -7.0), 10), 17


def seen(std: float, within: bool = False) -> Denoised:
    """x0^ that misses x0 by a Gaussian of this deviation, or lies anywhere within its bin."""
    g = torch.Generator().manual_seed(0)
    levels = torch.randint(1, COUNT - 1, (60, 1, 4, 4), generator=g).to(torch.uint8)
    x0 = centres(levels, COUNT).double()
    u = torch.rand(2, *x0.shape, generator=g, dtype=torch.float64)
    off = (u - 0.5) * 2 / COUNT if within else std * torch.randn(u.shape, generator=g).double()
    squared = torch.full((60, 10), 0.02, dtype=torch.float64) * 16
    squared[:, 0] = (off**2).flatten(2).sum(2).mean(0)
    return Denoised(PROCESS, levels, COUNT, squared, x0 + off)


@pytest.mark.parametrize("std", [0.02, 0.1, 0.4])
def test_it_is_the_minimum_of_scipy(std: float) -> None:
    """The mass of the bins by scipy's distribution function, minimised by Brent's method."""
    data = seen(std)
    x0, guess = centres(data.levels, COUNT).double().numpy(), data.first.numpy()

    def term(log_std: float) -> float:
        law = norm(guess, np.exp(log_std))
        return -float(np.log(law.cdf(x0 + 1 / COUNT) - law.cdf(x0 - 1 / COUNT)).mean())

    least = minimize_scalar(term, bounds=(-5.0, 0.5), method="bounded", options={"xatol": 1e-6})
    assert 0.5 * np.log(decoder_variance(data)) == pytest.approx(least.x, abs=2e-3)


def test_a_guess_within_its_bin_takes_a_narrow_decoder() -> None:
    """Its squared error is that of the uniform law over the bin, (2/K)^2 / 12, and all of its mass
    has to stay in the bin."""
    data = seen(0.0, within=True)
    assert float(data.x0_mse[0]) == pytest.approx((2 / COUNT) ** 2 / 12, rel=0.1)
    assert decoder_variance(data) < 0.5 * float(data.x0_mse[0])


def test_where_bins_are_narrow_it_is_the_mean_squared_error() -> None:
    data = seen(1.0)
    assert decoder_variance(data) == pytest.approx(float(data.x0_mse[0]), rel=0.02)


@pytest.mark.parametrize("std", [0.02, 0.1, 0.4])
def test_no_fixed_variance_is_better_on_the_images_it_was_fitted_to(std: float) -> None:
    data = seen(std)
    errors = fitted_errors(data)
    assert torch.equal(errors[1:], data.x0_mse[1:])
    bounds = {v: float(data.bound(v, errors).nats.mean()) for v in (*VARIANCES, *FITTED)}
    assert bounds["optimal"] <= min(bounds.values()) + 1e-3
