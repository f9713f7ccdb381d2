"""The errors of the printed formulas against closed forms of their own."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from threetargets.calibration.errata import ERRATA, Shown
from threetargets.calibration.misprint import known

ERRATUM = {entry.id: entry for entry in ERRATA}
MEAN, STD, X = 0.5, 0.6, 0.6  # q(z | x = 0.6) of the one-level model


@pytest.fixture(scope="module")
def shown() -> dict[str, list[Shown]]:
    return {entry.id: entry.shown() for entry in ERRATA}


@pytest.mark.parametrize("name", ERRATUM)
def test_the_corrected_form_is_right_and_the_printed_one_is_not(
    shown: dict[str, list[Shown]], name: str
) -> None:
    assert shown[name]
    for one in shown[name]:
        assert one.corrected.agrees and one.printed.agrees and one.agrees
        assert one.corrected.expected == one.printed.expected
        assert abs(one.error) > one.printed.margin
    assert ERRATUM[name].printed != ERRATUM[name].corrected


def alphas(steps: int = 1000, i: int = 500) -> tuple[float, float, float]:
    """alpha_i, abar_{i-1}, abar_i by a loop."""
    abar = [1.0]
    for beta in np.linspace(0.1 / steps, 20 / steps, steps):
        abar.append(abar[-1] * (1 - beta))
    return abar[i] / abar[i - 1], abar[i - 1], abar[i]


def expected_log_p(variance: float) -> float:
    """E log p(x, z), z ~ N(MEAN, variance), x = 0.6: p(x | z) = N(0.9 z + 0.1, 0.4^2)."""
    given = -0.5 * ((X - 0.9 * MEAN - 0.1) ** 2 + 0.81 * variance) / 0.16 - math.log(0.4)
    return given - 0.5 * (MEAN**2 + variance) - math.log(2 * math.pi)


def test_tweedie(shown: dict[str, list[Shown]]) -> None:
    """The printed form is sqrt(abar) times the mean: its error is (1 - sqrt(abar)) of the mean's
    root mean square."""
    grid = np.linspace(-8, 8, 40001)
    for one, abar in zip(
        shown["tweedie"], (1 / (1 + math.exp(-4)), 0.5, 1 / (1 + math.exp(4))), strict=True
    ):
        p, first = np.zeros_like(grid), np.zeros_like(grid)
        for w, m, v in ((0.3, -0.6, 0.02), (0.7, 0.4, 0.05)):
            spread = abar * v + 1 - abar
            density = w * norm.pdf(grid, math.sqrt(abar) * m, math.sqrt(spread))
            p += density
            first += density * (m + math.sqrt(abar) * v / spread * (grid - math.sqrt(abar) * m))
        square = (first**2 / p).sum() * (grid[1] - grid[0])
        assert one.error == pytest.approx((1 - math.sqrt(abar)) * math.sqrt(square), rel=0.05)


def test_scale_of_z(shown: dict[str, list[Shown]]) -> None:
    deviation, bound = shown["scale-of-z"]
    assert deviation.printed.measured == pytest.approx(0.36, rel=0.01)
    entropy = 0.5 * math.log(2 * math.pi * math.e * STD**2)
    assert bound.printed.expected == pytest.approx(expected_log_p(STD**2) + entropy, abs=1e-9)
    cross = 0.5 * math.log(2 * math.pi * STD**2) + 0.5 * STD**2
    assert bound.printed.measured == pytest.approx(expected_log_p(STD**4) + cross, abs=1e-9)


def test_posterior_means(shown: dict[str, list[Shown]]) -> None:
    alpha, before, here = alphas()
    (one,) = shown["posterior-mean"]
    gap = (math.sqrt(here) - math.sqrt(alpha)) * (1 - before) / (1 - here) * -0.4
    assert one.error == pytest.approx(gap, abs=1e-7)
    (one,) = shown["eps-mean"]
    assert one.printed.measured / one.printed.expected == pytest.approx(
        math.sqrt(alpha / here), rel=1e-6
    )


def test_weights(shown: dict[str, list[Shown]]) -> None:
    """The x0 weight is too small by the factor alpha_i = 1 - beta_i."""
    for one, beta in zip(shown["x0-weight"], (0.02, 0.2), strict=True):
        assert one.printed.measured / one.printed.expected == pytest.approx(1 - beta, rel=1e-5)
    alpha, _, here = alphas()
    (one,) = shown["eps-objective"]
    ratio = here * (1.25 + 0.01) / (1 - here) / (0.01 / alpha)
    assert one.printed.measured / one.printed.expected == pytest.approx(ratio, rel=1e-5)


def test_bayes_rule(shown: dict[str, list[Shown]]) -> None:
    """Without the prior it is a Gaussian in x_{t-1} of mean x_t / sqrt(alpha), times 1 /
    sqrt(alpha); alpha = 1/2."""
    total, mean = shown["bayes-rule"]
    assert total.printed.measured == pytest.approx(math.sqrt(2), rel=1e-8)
    assert mean.printed.measured == pytest.approx(-0.4 * math.sqrt(2), rel=1e-8)


def test_langevin(shown: dict[str, list[Shown]]) -> None:
    """v = (1 - 2 dt)^2 v + dt gives 1 / (4 (1 - dt)); as corrected 1 / (1 - dt / 2)."""
    (one,) = shown["langevin"]
    assert one.printed.measured == pytest.approx(
        1 / (4 * (1 - 0.005)), abs=4 * one.printed.uncertainty
    )
    assert one.corrected.measured == pytest.approx(
        1 / (1 - 0.0025), abs=4 * one.corrected.uncertainty
    )


def test_entropy_and_bounds(shown: dict[str, list[Shown]]) -> None:
    entropy = 0.5 * math.log(2 * math.pi * math.e * STD**2)
    sign, bound = shown["entropy"]
    assert sign.printed.measured == pytest.approx(-entropy, abs=1e-8)
    assert bound.error == pytest.approx(-2 * entropy, abs=1e-8)
    (one,) = shown["reparameterised-bound"]
    cross = 0.5 * math.log(2 * math.pi) + 0.5 * (MEAN**2 + STD**2)
    assert one.error == pytest.approx(cross - entropy, abs=1e-9)
    (one,) = shown["marginal"]
    assert one.printed.measured == pytest.approx(1 / math.sqrt(2 * math.pi), abs=1e-9)
    assert one.printed.expected == pytest.approx(
        norm.pdf(0.6, 0.1, math.sqrt(0.81 + 0.16)), abs=1e-9
    )


def test_phase_one(shown: dict[str, list[Shown]]) -> None:
    """y ~ N(0, 1), z_1 = 0.9 y + 0.4 n, z_2 = 0.6 z_1 + 0.8 n: the printed decoder is that of y
    given z_1."""
    (one,) = shown["phase-one"]
    slope, variance = 0.9 / 0.97, 1 - 0.81 / 0.97
    second = 0.97 * (1 - 0.6 * slope) ** 2 + 0.64 * slope**2
    assert one.printed.measured == pytest.approx(
        0.5 * math.log(2 * math.pi * variance) + second / (2 * variance), rel=0.02
    )
    gone = 0.97 - (0.6 * 0.97) ** 2 / (0.36 * 0.97 + 0.64)
    assert one.printed.expected == pytest.approx(
        0.5 * math.log(2 * math.pi * math.e * gone), abs=1e-9
    )


def test_the_consistency_term_is_another_number(shown: dict[str, list[Shown]]) -> None:
    (one,) = shown["consistency-term"]
    assert one.error > 50 * one.printed.uncertainty


def test_an_erratum_can_fail() -> None:
    assert not known(
        "x", 1.0, 1.0, 1.0, 1e-9, "rounding"
    ).agrees  # the printed form is right after all
    assert not known("x", 1.0, 1.1, 2.0, 1e-9, "rounding").agrees  # the corrected one is wrong
