"""Decoders over K levels: sums, mpmath and scipy, gradients far out, and draws."""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from scipy.stats import bernoulli, chisquare, logistic, norm

from threetargets.levels import nearest
from threetargets.likelihood.decoders import DECODERS, bin_edges, expected_level, gaussian_log_mass

COUNTS = [2, 17, 256]
EVERY = [
    (name, count) for name in DECODERS for count in COUNTS if count == 2 or name != "bernoulli"
]
"""Every decoder with every number of levels that it is for."""
LOCATION = {"gaussian": norm, "logistic": logistic}
"""Decoders with a mean and a log scale."""
CUMULATIVE = {"gaussian": mpmath.ncdf, "logistic": lambda z: 1 / (1 + mpmath.exp(-z))}


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def every_level(name, parameters, count):
    """log p of the K levels of one pixel; parameters: (channels,)."""
    levels = torch.arange(count)[:, None]
    return DECODERS[name].log_prob(levels, parameters.expand(count, -1)[:, :, None], count)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("sigma", [1e-4, 1e-3, 0.0039, 0.05, 0.3, 1.0, 10.0])
@pytest.mark.parametrize("name", LOCATION)
def test_levels_sum_to_one_for_any_width(name, sigma, count):
    for mean in (-3.0, -1.0, -0.2501, 0.0, 0.5, 0.999, 1.0, 1.7):
        mass = every_level(name, tensor([mean, math.log(sigma)]), count)
        assert float(mass.max()) <= 0 and float(mass.exp().sum()) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(("name", "count"), EVERY)
def test_levels_sum_to_one_for_any_parameters(name, count):
    g = torch.Generator().manual_seed(count)
    for _ in range(20):
        parameters = 3 * torch.randn(
            DECODERS[name].channels(count), generator=g, dtype=torch.float64
        )
        assert float(every_level(name, parameters, count).exp().sum()) == pytest.approx(
            1.0, abs=1e-9
        )


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("sigma", [1e-4, 0.0039, 0.1, 10.0])
@pytest.mark.parametrize("name", LOCATION)
def test_mass_in_many_digits(name, sigma, count):
    """Differences of the distribution function with 400 digits, so that the far tails are right
    too."""
    mean = 0.1
    found = every_level(name, tensor([mean, math.log(sigma)]), count)
    with mpmath.workdps(400):
        cdf, scale = CUMULATIVE[name], mpmath.exp(mpmath.mpf(math.log(sigma)))
        for k in {0, 1, count // 2, min(count // 2 + 1, count - 1), count - 2, count - 1}:
            z = [(mpmath.mpf(2 * e) / count - 1 - mpmath.mpf(mean)) / scale for e in (k, k + 1)]
            if abs(z[0]) > 35 and abs(z[1]) > 35 and name == "gaussian":
                continue  # beyond 400 digits where mass lies next to 1; tails have their own test
            low, high = (
                (mpmath.mpf(0) if k == 0 else cdf(z[0])),
                (mpmath.mpf(1) if k == count - 1 else cdf(z[1])),
            )
            mass = high - low
            if mass > mpmath.mpf(10) ** -350:
                assert float(found[k]) == pytest.approx(
                    float(mpmath.log(mass)), rel=1e-9, abs=1e-12
                )


@pytest.mark.parametrize("distance", [6, 20, 100, 1000])
def test_gaussian_tail_far_from_the_mean(distance):
    """scipy's log of the tail, and the asymptotic -z^2/2: no clamp anywhere."""
    count, std = 256, 0.0039
    for level, sign in ((200, -1), (60, 1)):
        edge = (2 * level / count - 1) if sign < 0 else (2 * (level + 1) / count - 1)
        mean = tensor(edge + sign * distance * std)
        found = float(gaussian_log_mass(torch.tensor(level), mean, tensor(std), count))
        near, far = norm.logsf(distance), norm.logsf(distance + 2 / count / std)
        assert found == pytest.approx(near + math.log1p(-math.exp(far - near)), rel=1e-9)
        assert found < -(distance**2) / 2


def test_the_known_error_of_the_clamp():
    """A bin of two deviations, 25.5 deviations away: 438.9 bits are due where the usual clamp at
    1e-12 reports 39.9."""
    std = 1 / 256
    mean = tensor(2 * (150 + 0.5) / 256 - 1 + 25.5 * std)
    mass = gaussian_log_mass(torch.tensor(150), mean, tensor(std), 256)
    assert -float(mass) / math.log(2) == pytest.approx(438.9, abs=0.05)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", LOCATION)
@pytest.mark.parametrize("distance", [0.5, 20.0, -20.0, 200.0])
def test_gradients_are_alive_and_right_far_out(name, distance, count):
    """Against a central difference; at 20 sigma a clamped decoder's gradient is 0."""
    sigma, levels = 0.004, torch.arange(count)[:, None]
    mean = torch.full((count,), 0.0, dtype=torch.float64)
    mean = (2 * torch.arange(count) + 1) / count - 1 + distance * sigma

    def log_prob(m):
        parameters = torch.stack([m, torch.full_like(m, math.log(sigma))], 1)[:, :, None]
        return DECODERS[name].log_prob(levels, parameters, count)

    m = mean.double().requires_grad_(True)
    (gradient,) = torch.autograd.grad(log_prob(m).sum(), m)
    h = 1e-7
    difference = (log_prob(m.detach() + h) - log_prob(m.detach() - h)) / (2 * h)
    assert bool(torch.isfinite(gradient).all())
    torch.testing.assert_close(gradient, difference, rtol=1e-5, atol=1e-4)
    if abs(distance) >= 20 and count == 256:
        inner = gradient[1:-1]
        assert float(inner.abs().min()) > 1.0 and bool(
            (inner.sign() == -math.copysign(1, distance)).all()
        )


@pytest.mark.parametrize("name", LOCATION)
@pytest.mark.parametrize("scale", [1e-4, 10.0])
def test_gradients_by_the_scale_are_finite(name, scale):
    log_scale = torch.full((256,), math.log(scale), dtype=torch.float64, requires_grad=True)
    parameters = torch.stack([torch.zeros(256, dtype=torch.float64), log_scale], 1)[:, :, None]
    (gradient,) = torch.autograd.grad(
        DECODERS[name].log_prob(torch.arange(256)[:, None], parameters, 256).sum(), log_scale
    )
    assert bool(torch.isfinite(gradient).all()) and float(gradient.abs().max()) > 0


@pytest.mark.parametrize("count", COUNTS)
def test_categorical_is_scipys_log_softmax(count):
    logits = 4 * np.random.default_rng(count).standard_normal(count)
    found = every_level("categorical", tensor(logits), count)
    np.testing.assert_allclose(found, log_softmax(logits), rtol=1e-10)


def test_two_levels_are_a_bernoulli():
    logits = tensor([0.3, -1.1])
    p = 1 / (1 + math.exp(0.3 + 1.1))
    np.testing.assert_allclose(
        every_level("categorical", logits, 2), bernoulli(p).logpmf([0, 1]), rtol=1e-12
    )
    for name, family in LOCATION.items():
        mass = every_level(name, tensor([0.2, math.log(0.7)]), 2)
        np.testing.assert_allclose(
            mass, np.log([family.cdf(-0.2 / 0.7), family.sf(-0.2 / 0.7)]), rtol=1e-12
        )


@pytest.mark.parametrize(("name", "count"), EVERY)
def test_pixels_add_up_example_by_example(name, count):
    shape = (1, 2, 3)
    g = torch.Generator().manual_seed(0)
    levels = torch.randint(0, count, (4, *shape), generator=g).to(torch.uint8)
    parameters = torch.randn(
        4, DECODERS[name].channels(count), *shape, generator=g, dtype=torch.float64
    )
    found = DECODERS[name].log_prob(levels, parameters, count)
    assert found.shape == (4,)
    for b in range(4):
        pixels = zip(levels[b].flatten().tolist(), parameters[b].flatten(1).T, strict=True)
        alone = sum(float(every_level(name, p, count)[k]) for k, p in pixels)
        assert float(found[b]) == pytest.approx(alone, rel=1e-10)


def spread_out(name, count):
    """Parameters of a pixel with several likely levels."""
    if name in LOCATION:
        return tensor([0.3, math.log(0.4)])
    return torch.randn(
        DECODERS[name].channels(count),
        generator=torch.Generator().manual_seed(2),
        dtype=torch.float64,
    )


@pytest.mark.parametrize(("name", "count"), EVERY)
def test_draws_follow_the_distribution(name, count):
    """Exactly, through evenly spaced uniform numbers; and by chi-square with random ones."""
    parameters, n = spread_out(name, count), 40000
    mass = every_level(name, parameters, count).exp()
    many = parameters.expand(n, -1)[:, :, None]
    even = (torch.arange(n, dtype=torch.float64)[:, None] + 0.5) / n
    drawn = DECODERS[name].sample(many, even, count)
    assert drawn.dtype == torch.uint8 and drawn.shape == (n, 1)
    assert bool((drawn[1:, 0].int() >= drawn[:-1, 0].int()).all())
    shares = torch.bincount(drawn[:, 0].long(), minlength=count) / n
    assert float((shares - mass).abs().max()) < 1.5 / n * 2

    u = torch.rand(n, 1, generator=torch.Generator().manual_seed(count), dtype=torch.float64)
    counts = torch.bincount(
        DECODERS[name].sample(many, u, count)[:, 0].long(), minlength=count
    ).numpy()
    expected = mass.numpy() * n
    rare = expected < 5
    observed, wanted = (
        np.append(counts[~rare], counts[rare].sum()),
        np.append(expected[~rare], expected[rare].sum()),
    )
    if wanted[-1] < 5:
        observed, wanted = observed[:-1], wanted[:-1]
    assert chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue > 1e-3


@pytest.mark.parametrize(
    ("name", "count"), [(name, min(count, 17)) for name, count in EVERY if count != 256]
)
def test_draws_at_the_ends_of_the_unit_interval(name, count):
    u = torch.tensor([[0.0], [1 - 2**-24]])
    drawn = DECODERS[name].sample(spread_out(name, count).expand(2, -1)[:, :, None], u, count)
    assert drawn[:, 0].tolist() == [0, count - 1]


@pytest.mark.parametrize(("name", "count"), EVERY)
def test_the_expected_level_is_the_mean_of_many_draws(name, count):
    parameters, n = spread_out(name, count), 40000
    even = (torch.arange(n, dtype=torch.float64)[:, None] + 0.5) / n
    drawn = DECODERS[name].sample(parameters.expand(n, -1)[:, :, None], even, count)
    found = expected_level(
        DECODERS[name], parameters.expand(2, -1)[:, :, None, None].expand(-1, -1, 1, 3), count
    )
    assert found.shape == (2, 1, 3)
    np.testing.assert_allclose(found, float(drawn.double().mean()), atol=2 * count / n)


def test_the_bernoulli_decoder_is_scipys_and_for_two_levels_alone():
    p = 1 / (1 + math.exp(1.3))
    np.testing.assert_allclose(
        every_level("bernoulli", tensor([-1.3]), 2), bernoulli(p).logpmf([0, 1]), rtol=1e-12
    )
    with pytest.raises(ValueError, match="2 levels, not 17"):
        DECODERS["bernoulli"].channels(17)


@pytest.mark.parametrize("count", COUNTS)
def test_bins_are_those_of_the_levels(count):
    """Just inside its edges a number belongs to the bin; the ends reach to infinity."""
    k = torch.arange(count)
    low, high = bin_edges(k, count)
    assert math.isinf(float(low[0])) and math.isinf(float(high[-1]))
    assert torch.equal(nearest(low[1:] + 1e-9, count).long(), k[1:])
    assert torch.equal(nearest(high[:-1] - 1e-9, count).long(), k[:-1])
    np.testing.assert_allclose(np.diff(high[:-1]), 2 / count, rtol=1e-12)


def test_one_level_is_certain():
    assert float(gaussian_log_mass(torch.tensor(0), tensor(0.3), tensor(0.1), 1)) == 0.0
