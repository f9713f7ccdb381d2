"""The errors of the printed objectives against closed forms of linear-Gaussian models."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from threetargets.calibration.errata import ERRATA

ERRATUM = {entry.id: entry for entry in ERRATA}
X, MEAN, STD = 0.6, 0.5, 0.6  # q(z | x = 0.6) of the one-level model
NEAR, FAR = (0.94, 0.14), (0.3, 0.45)  # p(x | z_1), p(z_1 | z_2): weight and deviation
FIRST, SECOND = 0.02, 0.5  # the noise of q(z_1 | x) and q(z_2 | z_1)


def divergence() -> float:
    """KL(q(z_1, z_2 | x) || p(z_1, z_2 | x)), from covariances of two Gaussians."""
    own = FAR[0] ** 2 + FAR[1] ** 2
    prior = np.array([[own, FAR[0]], [FAR[0], 1.0]])
    cross = NEAR[0] * prior[0]
    evidence = NEAR[0] ** 2 * own + NEAR[1] ** 2
    mean_p, cov_p = cross / evidence * X, prior - np.outer(cross, cross) / evidence
    a, b = math.sqrt(1 - FIRST), math.sqrt(1 - SECOND)
    mean_q = np.array([a * X, a * b * X])
    cov_q = np.array([[FIRST, b * FIRST], [b * FIRST, b * b * FIRST + SECOND]])
    entropy = multivariate_normal(mean_q, cov_q).entropy()
    inverse, miss = np.linalg.inv(cov_p), mean_q - mean_p
    quadratic = np.trace(inverse @ cov_q) + miss @ inverse @ miss
    cross_entropy = 0.5 * (quadratic + math.log(np.linalg.det(2 * math.pi * cov_p)))
    return float(cross_entropy - entropy)


def log_evidence() -> float:
    variance = NEAR[0] ** 2 * (FAR[0] ** 2 + FAR[1] ** 2) + NEAR[1] ** 2
    return float(norm.logpdf(X, 0, math.sqrt(variance)))


def test_a_bound_without_its_logarithm_is_the_density() -> None:
    bound, gap = ERRATUM["hierarchical-bound"].shown()
    assert bound.printed.measured == pytest.approx(math.exp(log_evidence()), abs=1e-9)
    assert bound.printed.expected == pytest.approx(log_evidence() - divergence(), abs=1e-9)
    assert gap.printed.expected == pytest.approx(divergence(), abs=1e-9)
    assert gap.printed.measured == pytest.approx(
        log_evidence() - math.exp(log_evidence()), abs=1e-9
    )


def test_a_bound_without_its_first_factor_passes_log_p() -> None:
    """The entropy of q(z_1 | x) is missing, and it is negative."""
    (gap,) = ERRATUM["first-factor"].shown()
    assert gap.error == pytest.approx(norm(0, math.sqrt(FIRST)).entropy(), abs=1e-9)
    assert gap.printed.expected == pytest.approx(divergence(), abs=1e-9)
    assert gap.printed.measured < 0


def reconstruction(mean: float, variance: float) -> float:
    """E log p(x | z), p(x | z) = N(0.9 z + 0.1, 0.4^2)."""
    spread = (X - 0.9 * mean - 0.1) ** 2 + 0.81 * variance
    return -0.5 * spread / 0.16 - math.log(0.4 * math.sqrt(2 * math.pi))


def elbo(mean: float) -> float:
    kl = 0.5 * (STD**2 + mean**2 - 1) - math.log(STD)
    return reconstruction(mean, STD**2) - kl


def test_a_sum_of_draws_counts_x_ten_times() -> None:
    estimate, best = ERRATUM["monte-carlo-mean"].shown()
    assert estimate.error == pytest.approx(9 * reconstruction(MEAN, STD**2), abs=1e-9)
    for times, ours in ((1, best.corrected), (10, best.printed)):
        deviation = 1 / math.sqrt(1 + times * 0.81 / 0.16)  # conjugate: precisions add
        assert ours.measured == pytest.approx(deviation, abs=1e-6)


def slope(f: Callable[[float], float], at: float, h: float = 1e-5) -> float:
    return (f(at + h) - f(at - h)) / (2 * h)


def test_an_objective_is_not_its_gradient() -> None:
    bound, likelihood = ERRATUM["objective-gradient"].shown()
    assert bound.printed.expected == pytest.approx(elbo(MEAN), abs=1e-9)
    assert bound.printed.measured == pytest.approx(slope(elbo, MEAN), abs=1e-7)

    def log_p(bias: float) -> float:
        return float(norm.logpdf(X, bias, math.sqrt(0.81 + 0.16)))

    assert likelihood.printed.expected == pytest.approx(log_p(0.1), abs=1e-9)
    assert likelihood.printed.measured == pytest.approx(slope(log_p, 0.1), abs=1e-7)
