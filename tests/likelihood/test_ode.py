"""The flow's likelihood against densities that are known exactly."""

import itertools
import math

import pytest
import torch

from threetargets.diffusion.schedule import SCHEDULES, table
from threetargets.levels import centres
from threetargets.likelihood.ode import (
    decoded_log_prob,
    dequantised,
    exact_trace,
    hutchinson,
    level_log_prob,
    log_prob,
    rademacher,
)
from threetargets.oracles import Gaussian, Mixture

HIGH, LOW = 14.0, -26.0
START = torch.tensor(HIGH, dtype=torch.float64)


def correlated(dims, seed=0):
    g = torch.Generator().manual_seed(seed)
    root = torch.randn(dims, dims, generator=g, dtype=torch.float64)
    mean = torch.randn(dims, generator=g, dtype=torch.float64)
    return Gaussian(mean, root @ root.T / dims + 0.1 * torch.eye(dims, dtype=torch.float64))


def mixture():
    eye = torch.eye(2, dtype=torch.float64)
    parts = [
        Gaussian(torch.tensor(m, dtype=torch.float64), v * eye)
        for m, v in (([-1.0, 0.5], 0.3), ([1.0, -0.5], 0.2))
    ]
    return Mixture(torch.tensor([0.3, 0.7], dtype=torch.float64), parts)


@pytest.mark.parametrize("dims", [2, 4, 8])
def test_correlated_gaussian(dims):
    exact = correlated(dims)
    x = exact.draw(6, torch.Generator().manual_seed(1))
    found = log_prob(exact.predict, x, HIGH, LOW, 100)
    assert (found - exact.log_density(x, START)).abs().max() < 1e-4


def test_mixture():
    exact = mixture()
    x = torch.randn(8, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = log_prob(exact.predict, x, HIGH, LOW, 400)
    assert (found - exact.log_density(x, START)).abs().max() < 1e-4


def test_order_four():
    exact = correlated(3)
    x = exact.draw(4, torch.Generator().manual_seed(1))
    truth = log_prob(exact.predict, x, HIGH, LOW, 640)
    errors = [
        float((log_prob(exact.predict, x, HIGH, LOW, n) - truth).abs().max()) for n in (40, 80, 160)
    ]
    slopes = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert all(3.5 < slope < 4.6 for slope in slopes), (errors, slopes)


def test_value_does_not_depend_on_the_batch():
    exact = correlated(4)
    x = exact.draw(5, torch.Generator().manual_seed(1))
    together = log_prob(exact.predict, x, HIGH, LOW, 30)
    alone = torch.cat([log_prob(exact.predict, row[None], HIGH, LOW, 30) for row in x])
    assert (together - alone).abs().max() < 1e-10


def test_hutchinson_is_unbiased_on_a_rotated_covariance_and_its_probes_stay():
    exact = correlated(6)
    x = exact.draw(2, torch.Generator().manual_seed(1))
    truth = log_prob(exact.predict, x, HIGH, LOW, 40)
    draws = []
    for seed in range(60):
        probes = rademacher(1, (2, 6), torch.Generator().manual_seed(seed))
        draws.append(log_prob(exact.predict, x, HIGH, LOW, 40, hutchinson(probes)))
    draws = torch.stack(draws)
    error = draws.std(0) / math.sqrt(len(draws))
    assert (error > 0).all()  # one probe is not exact here, so the test can fail
    assert ((draws.mean(0) - truth).abs() < 4 * error).all()


def test_all_basis_vectors_together_are_the_exact_trace():
    exact = correlated(4)
    x = exact.draw(3, torch.Generator().manual_seed(1))
    level = torch.tensor(0.3, dtype=torch.float64)

    def eps(y):
        return exact.predict(y, level).eps

    basis = (
        torch.eye(4, dtype=torch.float64)[:, None, :].expand(4, 3, 4) * 2.0
    )  # mean over 4 of (2 e)^T J (2 e)
    value, trace = exact_trace(eps, x)
    same, found = hutchinson(basis)(eps, x)
    jacobian = torch.autograd.functional.jacobian(lambda y: eps(y[None])[0], x[1])
    assert torch.equal(value, same)
    assert torch.allclose(trace[1], jacobian.diagonal().sum(), atol=1e-12)
    assert torch.allclose(found, trace, atol=1e-12)


@pytest.mark.parametrize("count", [2, 17, 256])
def test_the_offset_is_exact_for_a_density_as_wide_as_the_pixels(count):
    """Where the flow's density is N(0, v) with v large, the bound on a level's probability is
    density times width."""
    wide = Gaussian(torch.zeros(1, dtype=torch.float64), 25.0 * torch.eye(1, dtype=torch.float64))
    levels = torch.arange(count)[:, None]
    u = torch.full(levels.shape, 0.5)
    found = level_log_prob(wide.predict, levels, u, count, HIGH, LOW, 100)
    centre = dequantised(levels, u, count)[:, 0]
    variance = 25.0 + math.exp(-HIGH)
    expected = (
        -0.5 * centre**2 / variance - 0.5 * math.log(2 * math.pi * variance) + math.log(2 / count)
    )
    assert (found - expected).abs().max() < 1e-4


def test_the_density_through_the_decoder_is_exact_for_every_draw():
    """log p(x_1) - log q(x_1 | x_0) + log p(x_0 | x_1) = log p(x_0) whatever x_1 is, where all
    three are exact: with 100 000 levels the decoder's mass is its density times 2/K."""
    count, variance = 100_000, 0.04
    data = Gaussian(
        torch.zeros(3, dtype=torch.float64), variance * torch.eye(3, dtype=torch.float64)
    )
    levels = torch.tensor([[40_000, 50_000, 61_000], [52_000, 45_000, 47_000]])
    process = table(SCHEDULES["cosine"](6.0, -26.0), 50)
    zero = torch.zeros(1, 3, dtype=torch.float64)
    mse = torch.stack([data.posterior(zero, level)[1][0, 0, 0] for level in process.log_snr[1:]])
    expected = -0.5 * (centres(levels, count).double() ** 2).sum(1) / variance
    expected = expected - 1.5 * math.log(2 * math.pi * variance) + 3 * math.log(2 / count)
    for seed in range(3):
        eps = torch.randn(2, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        found = decoded_log_prob(data.predict, levels, eps, process, "optimal", count, 100, mse=mse)
        assert (found - expected).abs().max() < 2e-3


def test_probabilities_of_all_levels_add_up_to_one_at_a_noisy_start():
    """Of narrow data, far from the ends: E_u of exp of the bound's integrand, summed over levels,
    is the density's integral, whatever the noise of the level at which the flow starts."""
    data = Gaussian(torch.zeros(1, dtype=torch.float64), 0.01 * torch.eye(1, dtype=torch.float64))
    u = (torch.arange(20, dtype=torch.float64) + 0.5) / 20
    levels = torch.arange(17).repeat_interleave(20)[:, None]
    found = level_log_prob(data.predict, levels, u.repeat(17)[:, None], 17, 4.0, LOW, 100)
    assert float(found.exp().sum() / 20) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("count", [2, 17, 256])
def test_dequantised_stays_in_its_bin(count):
    levels = torch.arange(count)
    low, high = (
        dequantised(levels, torch.zeros(count), count),
        dequantised(levels, torch.ones(count), count),
    )
    assert torch.allclose(
        high - low, torch.full((count,), 2.0 / count, dtype=torch.float64), atol=1e-14
    )
    assert torch.allclose(low[1:], high[:-1], atol=1e-14)
    assert float(low[0]) == -1.0
    assert float(high[-1]) == pytest.approx(1.0)
