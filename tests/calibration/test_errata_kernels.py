"""The errors of the printed kernels and of the printed Langevin flow, against computations of
another kind: Gaussian conditioning, simulation, stationarity."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from threetargets.calibration.errata import ERRATA, Shown, langevin

ERRATUM = {entry.id: entry for entry in ERRATA}
HUMPS = ((0.3, -0.6, 0.02), (0.7, 0.4, 0.05))


def shown(name: str) -> list[Shown]:
    return ERRATUM[name].shown()


def abars(steps: int = 1000) -> list[float]:
    abar = [1.0]
    for beta in np.linspace(0.1 / steps, 20 / steps, steps):
        abar.append(abar[-1] * (1 - beta))
    return abar


def conditioned(x0: float, x_t: float, before: float, here: float) -> tuple[float, float]:
    """Mean and variance of x_{t-1} given x_t, from the covariance of the two given x_0."""
    root = math.sqrt(here / before)
    gain = root * (1 - before) / (1 - here)
    mean = math.sqrt(before) * x0 + gain * (x_t - math.sqrt(here) * x0)
    return mean, (1 - before) - gain * root * (1 - before)


def test_the_variance_as_a_deviation_of_one_step() -> None:
    before, here = abars()[499:501]
    one, _ = shown("reverse-deviation")
    variance = conditioned(0.7, -0.4, before, here)[1]
    assert one.corrected.expected == pytest.approx(math.sqrt(variance), rel=1e-5)
    assert one.printed.measured == pytest.approx(variance, rel=1e-9)


@pytest.mark.parametrize("squared", [False, True], ids=["corrected", "as printed"])
def test_the_variance_as_a_deviation_of_all_steps(squared: bool) -> None:
    """Algorithm 2, line by line, with the noise of N(0, 0.25) known exactly: x_T is N(0, 1)."""
    rng, abar, n = np.random.default_rng(0), abars(), 20_000
    x = rng.standard_normal(n)
    for t in range(1000, 0, -1):
        alpha = abar[t] / abar[t - 1]
        eps = math.sqrt(1 - abar[t]) * x / (0.25 * abar[t] + 1 - abar[t])
        x = (x - (1 - alpha) / math.sqrt(1 - abar[t]) * eps) / math.sqrt(alpha)
        sigma = (1 - abar[t - 1]) / (1 - abar[t]) * (1 - alpha)
        if t > 1:
            x = x + (sigma if squared else math.sqrt(sigma)) * rng.standard_normal(n)
    _, one = shown("reverse-deviation")
    ours = one.printed.measured if squared else one.corrected.measured
    assert float(x.var()) == pytest.approx(ours, rel=4 * math.sqrt(2 / n))


def step_density(x: float, before: float, here: float) -> float:
    """p(x_{t-1}, x_t = 0) of the mixture."""
    spreads = [(w, m, before * v + 1 - before) for w, m, v in HUMPS]
    p = sum(w * norm.pdf(x, math.sqrt(before) * m, math.sqrt(v)) for w, m, v in spreads)
    return float(p * norm.pdf(math.sqrt(here / before) * x, 0, math.sqrt(1 - here / before)))


def test_the_inverse_divergence_fits_another_gaussian() -> None:
    """KL(q || p) is stationary where E_q (log p)' = 0 and E_q (log p)'' = -1 / std^2; maximum
    likelihood has the moments of p."""
    mean, std = shown("forward-kl")

    def p(x: float) -> float:
        return step_density(x, 0.999, 0.05)

    total, first, second = (quad(lambda x, k=k: x**k * p(x), -3, 3)[0] for k in (0, 1, 2))
    assert mean.corrected.expected == pytest.approx(first / total, abs=1e-7)
    variance = second / total - (first / total) ** 2
    assert std.corrected.expected == pytest.approx(math.sqrt(variance), abs=1e-7)
    m, s, h = mean.printed.measured, std.printed.measured, 1e-3
    x = np.linspace(m - 6 * s, m + 6 * s, 4_001)
    low, middle, high = (np.log([p(v) for v in x + d]) for d in (-h, 0.0, h))
    q = norm.pdf(x, m, s) * (x[1] - x[0])
    assert float(q @ (high - low)) / (2 * h) == pytest.approx(0.0, abs=1e-3)
    assert float(q @ (high - 2 * middle + low)) / h**2 == pytest.approx(-1 / s**2, rel=1e-3)


def test_the_variance_with_a_part_of_the_mean() -> None:
    """What is printed first is the share of x_0 in the mean, and negative with x_0."""
    before, here = abars()[499:501]
    for one, x0 in zip(shown("posterior-variance"), (0.7, -0.7), strict=True):
        share = conditioned(x0, 0.0, before, here)[0]
        assert one.printed.measured == pytest.approx(share, rel=1e-9)
        variance = conditioned(x0, 0.0, before, here)[1]
        assert one.printed.expected == pytest.approx(variance, rel=1e-4)


def test_a_step_without_its_noise() -> None:
    """Unrolled: each sqrt(beta_j) arrives shrunk by sqrt(abar_T / abar_j)."""
    abar = np.array(abars())
    beta = 1 - abar[1:] / abar[:-1]
    mean, variance = shown("forward-noise")
    drift = float((np.sqrt(beta) * np.sqrt(abar[-1] / abar[1:])).sum())
    right = math.sqrt(abar[-1]) * 0.7
    assert mean.printed.measured == pytest.approx(right + drift, rel=1e-9)
    assert mean.printed.expected == pytest.approx(right, rel=1e-9)
    assert variance.error == pytest.approx(-(1 - abar[-1]), rel=1e-9)


def test_the_marginal_score_gives_the_mean_over_x0() -> None:
    """The conditional mean, averaged over x_0 given x_t on a grid of x_0."""
    before, here = 0.9, 0.5
    one, average = shown("conditional-score")
    right = conditioned(0.7, -0.4, before, here)[0]
    x0 = np.linspace(-3, 3, 60_001)
    p = sum(w * norm.pdf(x0, m, math.sqrt(v)) for w, m, v in HUMPS)
    p = p * norm.pdf(-0.4, math.sqrt(here) * x0, math.sqrt(1 - here))
    low, high = (conditioned(v, -0.4, before, here)[0] for v in (0.0, 1.0))  # affine in x_0
    over = float(p @ (low + (high - low) * x0) / p.sum())
    assert one.corrected.expected == pytest.approx(right, abs=1e-7)
    assert one.printed.measured == pytest.approx(over, abs=1e-7)
    assert average.corrected.expected == pytest.approx(over, abs=1e-7)
    assert average.printed.measured == pytest.approx(right, abs=1e-7)


def test_the_diffusion_flow_of_the_printed_step() -> None:
    """Noise alone takes N(0, 1) to N(0, 1 + dt): what has passed y is a difference of tails."""
    width = 1e-4
    for one, y in zip(shown("diffusion-flow"), (1.0, -0.5), strict=True):
        passed = (norm.sf(y, 0, math.sqrt(1 + width)) - norm.sf(y)) / width
        assert one.printed.expected == pytest.approx(passed, abs=1e-8)
        assert one.printed.measured == pytest.approx(4 * passed, rel=1e-3)


def test_twice_the_noise_has_the_printed_flow_and_the_printed_density() -> None:
    """y + 2 g dt + 2 eps sqrt(dt): v = (1 - 2 dt)^2 v + 4 dt gives 1 / (1 - dt)."""
    variance, stderr = langevin.stationary(2.0, 4.0)
    assert variance == pytest.approx(1 / (1 - langevin.WIDTH), abs=4 * stderr)
