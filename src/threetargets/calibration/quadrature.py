"""Oracles that need no model: Gauss-Hermite sums, Bayes' rule on a grid, and the textbook's
products of alphas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm

Array = NDArray[np.float64]


def normal_mean(
    f: Callable[[Array], Array], mean: float = 0.0, std: float = 1.0, nodes: int = 60
) -> float:
    """E f(z), z ~ N(mean, std^2), by Gauss-Hermite quadrature: exact for polynomials below degree 2
    nodes."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    return float((weights * f(mean + std * points)).sum() / weights.sum())


def best_normal(
    loss: Callable[[float, float], float], mean: float, std: float
) -> tuple[float, float]:
    """Mean and standard deviation at which `loss` of the two is least, by Nelder and Mead from a
    first guess."""

    def at(v: Array) -> float:
        return loss(float(v[0]), math.exp(v[1]))

    least = minimize(at, [mean, math.log(std)], method="Nelder-Mead", tol=1e-12).x
    return float(least[0]), math.exp(least[1])


class Moments(NamedTuple):
    """Mean, variance, and the density at two deviations over that at the mean: exp(-2) for a
    Gaussian."""

    mean: float
    variance: float
    at_two: float


def moments(grid: Array, density: Array) -> Moments:
    """Of a density known up to a factor on an even grid."""
    p = density / density.sum()
    mean = float((grid * p).sum())
    variance = float(((grid - mean) ** 2 * p).sum())
    return Moments(
        mean,
        variance,
        float(np.interp(mean + 2 * math.sqrt(variance), grid, p) / np.interp(mean, grid, p)),
    )


def bayes_step(
    x0: float, x_t: float, abar_s: float, abar_t: float, points: int = 400_001
) -> Moments:
    """p(x_s | x_0, x_t) from q(x_s | x_0) q(x_t | x_s), normalised by a sum over x_s in one
    dimension."""
    alpha = abar_t / abar_s
    prior = norm(math.sqrt(abar_s) * x0, math.sqrt(1 - abar_s))
    grid = np.linspace(prior.mean() - 9 * prior.std(), prior.mean() + 9 * prior.std(), points)
    return moments(
        grid, prior.pdf(grid) * norm.pdf(x_t, math.sqrt(alpha) * grid, math.sqrt(1 - alpha))
    )


def betas(steps: int) -> Array:
    """Linear from 0.1 / T to 20 / T: 1e-4 to 0.02 at T = 1000 (Ho et al. 2020), ten times as large
    at T = 100."""
    return np.linspace(0.1 / steps, 20 / steps, steps)


def abars(beta: Array) -> Array:
    """abar_0 .. abar_T, abar_0 = 1, as a plain product."""
    return np.concatenate([[1.0], np.cumprod(1 - beta)])


def slope(errors: dict[int, float]) -> float:
    """Order of convergence: minus the slope of log error over log steps, least squares."""
    steps = sorted(errors)
    return -float(np.polyfit(np.log(steps), np.log([errors[n] for n in steps]), 1)[0])
