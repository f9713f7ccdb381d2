"""Misprints of the objectives: a bound without its logarithm or without a factor of q, a sum in the
place of a mean, an objective in the place of its gradient, a norm in the place of its square."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from threetargets.calibration.densities import HUMPS, ONE_LEVEL, layer, tensor
from threetargets.calibration.errata.latent import X
from threetargets.calibration.misprint import Shown, known
from threetargets.calibration.quadrature import Array, best_normal, normal_mean
from threetargets.likelihood.gaussian import kl_to_standard, log_density
from threetargets.likelihood.gradients import ESTIMATORS
from threetargets.oracles import Hierarchy

BETAS = 0.02, 0.5
NOISING = Hierarchy(
    [layer([[0.94]], [0.0], [0.14]), layer([[0.3]], [0.0], [0.45])],
    [layer([[math.sqrt(1 - beta)]], [0.0], [math.sqrt(beta)]) for beta in BETAS],
)
"""q(z_1 | x) and q(z_2 | z_1) add noise of variance 0.02 and 0.5; p is not quite the way back."""
WHAT = "x = 0.6, two levels of noise (β = 0.02, 0.5)"


def _nodes() -> tuple[Tensor, Tensor]:
    """Points (N, 1) and weights (N,) of a Gauss-Hermite sum for N(0, 1)."""
    points, weights = np.polynomial.hermite_e.hermegauss(60)
    return tensor(points)[:, None], tensor(weights / weights.sum())


def _ratio_mean(f: Callable[[Tensor, Tensor], Tensor]) -> float:
    """E over q(z_1, z_2 | x) of f(log p(x, z) - log q(z | x), log q(z_1 | x))."""
    points, weights = _nodes()
    e1, e2 = points.repeat_interleave(len(points), 0), points.repeat(len(points), 1)
    (one, two), (near, far), x = NOISING.inference, NOISING.generative, X.expand(len(e1), 1)
    z1 = x * one.weight + one.bias + one.std * e1
    z2 = z1 * two.weight + two.bias + two.std * e2
    first = one.log_density(z1, x)
    log_p = near.log_density(x, z1) + far.log_density(z1, z2) + _log_prior(z2)
    values = f(log_p - first - two.log_density(z2, z1), first)
    return float(torch.outer(weights, weights).flatten() @ values)


def _log_prior(z: Tensor) -> Tensor:
    return log_density(z, torch.zeros_like(z), torch.zeros_like(z))


def hierarchical_bound() -> list[Shown]:
    """E_q p(x, z) / q(z | x), without the logarithm, is p(x) itself: no bound on log p(x), which it
    always exceeds."""
    corrected = _ratio_mean(lambda ratio, _: ratio)
    printed = _ratio_mean(lambda ratio, _: ratio.exp())
    elbo = float(NOISING.elbo(X))
    bound = known(f"ELBO, {WHAT}", elbo, corrected, printed, 1e-9, "quadrature", unit="nats")
    return [bound, _gap(corrected, printed)]


def _gap(corrected: float, printed: float) -> Shown:
    """What each bound leaves below log p(x)."""
    log_p = float(NOISING.log_p(X))
    return known(
        f"log p(x) less the bound, {WHAT}",
        float(NOISING.gap(X)),
        log_p - corrected,
        log_p - printed,
        1e-9,
        "quadrature",
        unit="nats",
        origin="KL(q(z|x) ‖ p(z|x))",
    )


def first_factor() -> list[Shown]:
    """The ELBO where q(z_1 .. z_m | x) lacks q(z_1 | x): it adds E log q(z_1 | x), and passes log
    p(x) where the first noise is small."""
    corrected = _ratio_mean(lambda ratio, _: ratio)
    printed = _ratio_mean(lambda ratio, first: ratio + first)
    return [_gap(corrected, printed)]


def _inferred() -> tuple[float, float]:
    """Mean and standard deviation of q(z | x) of the model of one level."""
    q = ONE_LEVEL.approximate(X)
    return float(q.mean), float(q.stddev)


DRAWS = 10


def _estimate(times: float, mean: float, std: float) -> float:
    """The expected value of `times` E log p(x | z) - KL(q(z | x) || p(z)), q = N(mean, std^2)."""

    def given(z: Array) -> Array:
        points = torch.from_numpy(z)[:, None]
        values = ONE_LEVEL.generative[0].log_density(X.expand(len(points), 1), points)
        return np.asarray(values.numpy())

    kl = kl_to_standard(tensor([[mean]]), tensor([[math.log(std)]]))
    return times * normal_mean(given, mean, std) - float(kl)


def _best(times: float) -> float:
    """The standard deviation of the q that maximises it."""
    return best_normal(lambda mean, std: -_estimate(times, mean, std), 0.0, 0.5)[1]


def monte_carlo_mean() -> list[Shown]:
    """L draws summed and not averaged: log p(x | z) counts L times against the divergence, as if x
    had been seen L times."""
    mean, std = _inferred()
    where = f"x = 0.6, L = {DRAWS}, linear-Gaussian model"
    one, many = (_estimate(times, mean, std) for times in (1, DRAWS))
    right, best = float(ONE_LEVEL.elbo(X)), float(ONE_LEVEL.posterior(X).stddev)
    what = f"standard deviation of the best q(z|x), {where}"
    return [
        known(f"mean of the estimate, {where}", right, one, many, 1e-9, "quadrature", unit="nats"),
        known(what, best, _best(1), _best(DRAWS), 1e-6, "minimiser", origin="p(z|x)"),
    ]


def _reparameterised(mean: float, std: float) -> tuple[float, float]:
    """E over eps of log p(x, T) - log q(T | x), T = mean + std eps, and of its derivative in the
    mean."""
    eps, weights = _nodes()
    m, s = tensor([mean]), tensor([std])

    def log_ratio(z: Tensor) -> Tensor:
        given = ONE_LEVEL.generative[0].log_density(X.expand(len(z), 1), z)
        return given + _log_prior(z) - log_density(z, m, s.log())

    through_z = ESTIMATORS["reparameterised"](log_ratio, m, s, eps)
    through_q = -eps / s  # the mean stands in log q, too: of expectation 0
    return float(weights @ log_ratio(m + s * eps)), float(weights @ (through_z + through_q)[:, 0])


def objective_gradient() -> list[Shown]:
    """An objective set equal to its gradient: the bound, in the mean of q, and log p(x), as the
    ratio of two integrals that is its gradient in theta."""
    mean, std_q = _inferred()
    right, log_p = float(ONE_LEVEL.elbo(X)), float(ONE_LEVEL.log_p(X))
    weight, bias, std = (float(v) for v in ONE_LEVEL.generative[0])
    x = float(X[0, 0])

    def joint(z: float, power: int) -> float:
        miss = x - weight * z - bias
        return float((miss / std**2) ** power * norm.pdf(miss, 0, std) * norm.pdf(z))

    slope, total = (quad(joint, -12, 12, (power,), epsabs=1e-13)[0] for power in (1, 0))
    what = "E over p₀(ε) of log p(x, T) − log q, x = 0.6, λ = mean of q"
    cases = (
        (f"{what} = {mean:g}", right, *_reparameterised(mean, std_q)),
        (
            "L(θ) = log p(x), x = 0.6, θ = bias of the decoder",
            log_p,
            math.log(total),
            slope / total,
        ),
    )
    return [
        known(quantity, known_value, objective, gradient, 1e-9, "quadrature", unit="nats")
        for quantity, known_value, objective, gradient in cases
    ]


SCORED_AT, SCORE_ABAR = (-0.1, 0.1, 0.5), 0.6
"""x_t, between the humps and beside them, at alpha_bar = 0.6."""


def _regressed(x_t: float) -> tuple[float, float]:
    """Mean and median of grad log q(x_t | x_0) given x_t: the points at which E (c - u)^2 and
    E |c - u| over p(x_0 | x_t) are least, u falling with x_0. On a grid of x_0."""
    x0 = np.linspace(-2.5, 2.5, 200_001)
    a, s2 = math.sqrt(SCORE_ABAR), 1 - SCORE_ABAR
    prior = np.exp(HUMPS.log_density(tensor(x0)[:, None]).numpy())
    weight = prior * norm.pdf(x_t, a * x0, math.sqrt(s2))
    below = np.cumsum(weight) / weight.sum()
    targets = -(x_t - a * x0) / s2
    return float(weight @ targets / weight.sum()), float(targets[np.searchsorted(below, 0.5)])


def score_norm() -> list[Shown]:
    """The least error under the norm itself is at the median of what is regressed on, under its
    square at the mean, which is the score."""
    log_snr = tensor(math.log(SCORE_ABAR / (1 - SCORE_ABAR)))
    shown = []
    for x_t in SCORED_AT:
        eps = float(HUMPS.predict(tensor([[x_t]]), log_snr).eps)
        score = -eps / math.sqrt(1 - SCORE_ABAR)
        mean, median = _regressed(x_t)
        what = f"score of 0.3 N(−0.6, 0.02) + 0.7 N(0.4, 0.05), ᾱ = {SCORE_ABAR}, at xₜ = {x_t:g}"
        what = what.replace("= -", "= −")
        origin = "mean and median over p(x₀ | xₜ) on a grid"
        shown.append(known(what, mean, score, median, 1e-6, "grid", n=200_001, origin=origin))
    return shown
