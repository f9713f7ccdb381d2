"""Misprints of the kernels: their variances, the noise of a step, the divergence by which they are
learned, the score that gives their mean."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from threetargets.calibration.check_rows import written
from threetargets.calibration.densities import HUMPS, NARROW, tensor
from threetargets.calibration.errata.diffusion import BAYES, GRID, X0, X_T
from threetargets.calibration.misprint import Shown, known
from threetargets.calibration.quadrature import Array, abars, bayes_step, best_normal, betas
from threetargets.calibration.samplers import covariance
from threetargets.diffusion.kernel import posterior
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.sampler import Noise, ancestral
from threetargets.diffusion.schedule import Table, table_of_betas
from threetargets.diffusion.target import TARGETS

STEPS = 1000


def _process() -> Table:
    return table_of_betas(torch.from_numpy(betas(STEPS)))


def _log_snr(abar: float) -> Tensor:
    return tensor(math.log(abar / (1 - abar)))


def _variance_as_deviation(
    predictor: Predictor, x: Tensor, l_t: Tensor, l_s: Tensor, noise: Noise
) -> Tensor:
    """The ancestral step with C z in the place of sqrt(C) z."""
    root = posterior(l_s, l_t).C.sqrt()
    return ancestral()(predictor, x, l_t, l_s, lambda: root * noise())


def _sampled_variance() -> float:
    """Of x_0 where x_T is drawn from q(x_T), for data N(0, 0.25): slope^2 v + C down the chain,
    without noise in the last step."""
    v, beta, abar = 0.25, betas(STEPS), abars(betas(STEPS))
    chain = abar[-1] * v + 1 - abar[-1]
    for i in range(STEPS, 0, -1):
        seen = abar[i] * v + 1 - abar[i]
        slope = (1 - beta[i - 1] / seen) / math.sqrt(1 - beta[i - 1])
        chain = slope**2 * chain + beta[i - 1] * (1 - abar[i - 1]) / (1 - abar[i])
    return float(chain)


def reverse_deviation() -> list[Shown]:
    """The variance C of the posterior as the standard deviation of Algorithm 2: of one step, and of
    the samples, whose law is exact because the chain is affine where the data are Gaussian."""
    process = _process()
    before, here = (float(v) for v in abars(betas(STEPS))[499:501])
    q = posterior(process.log_snr[499], process.log_snr[500])
    right = math.sqrt(bayes_step(X0, X_T, before, here).variance)
    what = f"standard deviation of q(xₜ₋₁ | x₀, xₜ), t = 500 of {STEPS} linear betas"
    scale = 1e-4 * right
    one = known(what, right, float(q.C.sqrt()), float(q.C), scale, GRID, n=400_001, origin=BAYES)
    sampled = known(
        f"variance of the samples of Algorithm 2, data N(0, 0.25), {STEPS} linear betas",
        _sampled_variance(),
        float(covariance(ancestral(), process, NARROW)),
        float(covariance(_variance_as_deviation, process, NARROW)),
        1e-9,
        "rounding",
        n=STEPS,
        origin="recursion of the variance",
    )
    return [one, sampled]


LARGE, MODERATE = (0.999, 0.05), (0.9, 0.5)
"""abar_{t-1} and abar_t of two steps. After the large one p(x_{t-1} | x_t) of two humps has two of
its own."""


def _step_density(x_t: float, before: float, here: float) -> tuple[Array, Array]:
    """A grid over x_{t-1} and p(x_{t-1} | x_t) on it for the mixture, by Bayes' rule."""
    grid, alpha = np.linspace(-4, 4, 8_001), here / before
    prior = HUMPS.log_density(torch.from_numpy(grid)[:, None], _log_snr(before)).exp().numpy()
    p = prior * norm.pdf(x_t, math.sqrt(alpha) * grid, math.sqrt(1 - alpha))
    return grid, p / (p.sum() * (grid[1] - grid[0]))


def forward_kl() -> list[Shown]:
    """The Gaussian that KL(p || q) fits to p(x_{t-1} | x_t), which is that of maximum likelihood,
    and the one that the inverse divergence KL(q || p) fits: one hump alone."""
    before, here = LARGE
    log_snrs, x_t = (_log_snr(before), _log_snr(here)), tensor([[0.0]])
    q = posterior(*log_snrs)
    weights, means, variances = (v.flatten() for v in HUMPS.posterior(x_t, log_snrs[1]))
    mean = float(weights @ means)
    spread = float(weights @ (variances + means**2)) - mean**2
    rights = float(q.A) * mean, math.sqrt(float(q.A) ** 2 * spread + float(q.C))
    grid, p = _step_density(0.0, before, here)
    width, log_p = grid[1] - grid[0], np.log(p)

    def inclusive(m: float, s: float) -> float:
        return -float((p * norm.logpdf(grid, m, s)).sum() * width)

    def exclusive(m: float, s: float) -> float:
        density = norm.pdf(grid, m, s)
        return float((density * (norm.logpdf(grid, m, s) - log_p)).sum() * width)

    corrected, printed = (best_normal(loss, 0.4, 0.2) for loss in (inclusive, exclusive))
    where = f"fitted to p(xₜ₋₁ | xₜ = 0) of two humps, ᾱₜ₋₁ = {before}, ᾱₜ = {here}"
    origin = "maximum likelihood: moments"
    return [
        known(f"{name} of q {where}", right, one, two, 1e-6, "grid", n=len(grid), origin=origin)
        for name, right, one, two in zip(
            ("mean", "standard deviation"), rights, corrected, printed, strict=True
        )
    ]


def posterior_variance() -> list[Shown]:
    """The share of x_0 in the mean, A x_0, is printed first where the variance stands."""
    before, here = (float(v) for v in abars(betas(STEPS))[499:501])
    process = _process()
    corrected = float(posterior(process.log_snr[499], process.log_snr[500]).C)
    part = math.sqrt(before) * (1 - here / before) / (1 - here)
    shown = []
    for x0 in (X0, -X0):
        right = bayes_step(x0, X_T, before, here).variance
        what = f"variance of q(xₜ₋₁ | x₀, xₜ), x₀ = {written(x0)}, t = 500 of {STEPS} linear betas"
        scale = 1e-4 * right
        shown.append(known(what, right, corrected, part * x0, scale, GRID, n=400_001, origin=BAYES))
    return shown


def forward_noise() -> list[Shown]:
    """sqrt(1 - alpha) without its noise: x_T is one number for each x_0, and a large one."""
    process, beta = _process(), betas(STEPS)
    mean, variance, printed = X0, 0.0, X0
    for b in beta:
        mean, variance = math.sqrt(1 - b) * mean, (1 - b) * variance + b
        printed = math.sqrt(1 - b) * printed + math.sqrt(b)
    where = f"of x_T given x₀ = {X0}, {STEPS} linear betas"
    a, s, why, origin = float(process.a[-1]), float(process.s[-1]), "rounding", "recursion"
    return [
        known(f"mean {where}", mean, a * X0, printed, 1e-9, why, n=STEPS, origin=origin),
        known(f"variance {where}", variance, s**2, 0.0, 1e-9, why, n=STEPS, origin=origin),
    ]


def conditional_score() -> list[Shown]:
    """The posterior's mean needs the score of q(x_t | x_0); with the score of p(x_t) it is the mean
    over x_0, that of p(x_{t-1} | x_t). Each in the place of the other."""
    before, here = MODERATE
    alpha, log_snr, x_t = here / before, _log_snr(here), tensor([[X_T]])
    a, s = log_snr.sigmoid().sqrt(), (-log_snr).sigmoid().sqrt()
    own = TARGETS["score"].encode(tensor([[X0]]), (x_t - a * X0) / s, a, s)

    def mean(score: Tensor) -> float:
        return float(X_T + (1 - alpha) * score) / math.sqrt(alpha)

    conditional, marginal = mean(own), mean(HUMPS.score(x_t, log_snr))
    where = f"xₜ = −{-X_T}, ᾱₜ₋₁ = {before}, ᾱₜ = {here}"
    right = bayes_step(X0, X_T, before, here).mean
    first = known(
        f"μ_q(xₜ, x₀), x₀ = {X0} of two humps, {where}",
        right,
        conditional,
        marginal,
        1e-7,
        GRID,
        n=400_001,
        origin=BAYES,
    )

    def weight(x: float, power: int) -> float:
        prior = float(HUMPS.log_density(tensor([[x]]), _log_snr(before)).exp())
        likelihood = norm.pdf(X_T, math.sqrt(alpha) * x, math.sqrt(1 - alpha))
        return float(x**power * prior * likelihood)

    moments = [quad(weight, -4, 4, (power,), epsabs=1e-13)[0] for power in (1, 0)]
    return [
        first,
        known(
            f"mean of μ_q(xₜ, x₀) over x₀ given xₜ, {where}",
            moments[0] / moments[1],
            marginal,
            conditional,
            1e-7,
            "quadrature",
            origin="mean of p(xₜ₋₁ | xₜ), quadrature",
        ),
    ]
