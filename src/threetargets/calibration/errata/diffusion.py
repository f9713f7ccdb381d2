"""Misprints of the diffusion formulas: Tweedie, the posterior's mean, Bayes' rule, the weights, the
other bound."""

from __future__ import annotations

import math

import torch
from scipy.integrate import quad
from scipy.stats import norm

from threetargets.calibration.densities import HUMPS, cosine, isotropic, tensor
from threetargets.calibration.misprint import Shown, known, simulated
from threetargets.calibration.quadrature import abars, bayes_step, betas
from threetargets.diffusion.guidance import of_eps
from threetargets.diffusion.kernel import add_noise, posterior, signal_noise
from threetargets.diffusion.schedule import table_of_betas
from threetargets.diffusion.target import TARGETS
from threetargets.diffusion.weighting import WEIGHTINGS
from threetargets.levels import centres, nearest
from threetargets.likelihood.denoised import denoise
from threetargets.likelihood.two_sided import two_sided_terms
from threetargets.streams import generator

GRID = "grid of 400 001 points"
BAYES = "Bayes on a grid"
X0, X_T = 0.7, -0.4


def tweedie() -> list[Shown]:
    """Root mean square error of the posterior mean over x_i drawn from a mixture."""
    shown = []
    for at in (4.0, 0.0, -4.0):
        log_snr = tensor(at)
        a, s = signal_noise(log_snr)
        x0, _ = HUMPS.draw(5_000, generator(0, "calibrate/errata", 1))
        noise = torch.randn(
            x0.shape, generator=generator(0, "calibrate/errata", 2), dtype=torch.float64
        )
        x_t = add_noise(x0, noise, log_snr)
        weights, means, _ = HUMPS.posterior(x_t, log_snr)
        right = (weights[:, :, None] * means).sum(1)
        score = HUMPS.score(x_t, log_snr)
        printed = x_t + s**2 * score
        corrected = TARGETS["score"].decode(score, x_t, a, s).x0
        errors = [float(((v - right) ** 2).mean().sqrt()) for v in (corrected, printed)]
        what = f"root mean square error of E[x₀ | xₜ], ᾱ = {float(a**2):.3g}"
        shown.append(
            known(
                what,
                0.0,
                errors[0],
                errors[1],
                1e-10,
                "rounding",
                n=5_000,
                origin="exact posterior mean of a mixture",
            )
        )
    return shown


def _middle() -> tuple[float, float, float]:
    """abar_{i-1}, abar_i and alpha_i at i = 500 of 1000 linear betas."""
    before, here = abars(betas(1000))[499:501]
    return float(before), float(here), float(here / before)


def _log_snrs() -> tuple[torch.Tensor, torch.Tensor]:
    process = table_of_betas(torch.from_numpy(betas(1000)))
    return process.log_snr[499], process.log_snr[500]


WHERE = f"x₀ = {X0}, xₜ = −{-X_T}, t = 500 of 1000 linear betas"


def posterior_mean() -> list[Shown]:
    """sqrt(abar_i) in the place of sqrt(alpha_i) on x_i."""
    before, here, alpha = _middle()
    q = posterior(*_log_snrs())
    printed = (
        math.sqrt(here) * (1 - before) / (1 - here) * X_T
        + math.sqrt(before) * (1 - alpha) / (1 - here) * X0
    )
    right = bayes_step(X0, X_T, before, here).mean
    what = f"mean of q(xₜ₋₁ | x₀, xₜ), {WHERE}"
    return [
        known(
            what, right, float(q.A * X0 + q.B * X_T), printed, 1e-7, GRID, n=400_001, origin=BAYES
        )
    ]


def eps_mean() -> list[Shown]:
    """1 / sqrt(abar_i) in the place of 1 / sqrt(alpha_i)."""
    before, here, alpha = _middle()
    eps = (X_T - math.sqrt(here) * X0) / math.sqrt(1 - here)
    printed = (X_T - (1 - alpha) / math.sqrt(1 - here) * eps) / math.sqrt(here)
    log_snrs = _log_snrs()
    q, x_t = posterior(*log_snrs), tensor([[X_T]])
    corrected = q.A * of_eps(tensor([[eps]]), x_t, log_snrs[1]).x0 + q.B * x_t
    right = bayes_step(X0, X_T, before, here).mean
    what = f"mean of q(xₜ₋₁ | x₀, xₜ) from ε, {WHERE}"
    return [known(what, right, float(corrected), printed, 1e-7, GRID, n=400_001, origin=BAYES)]


def _divergence(before: float, here: float, miss: float) -> float:
    """KL between q(x_{i-1} | x_0, x_i) and the same with x_0 + miss, from Bayes on a grid."""
    one, two = bayes_step(X0, X_T, before, here), bayes_step(X0 + miss, X_T, before, here)
    return (two.mean - one.mean) ** 2 / (2 * one.variance)


def x0_weight() -> list[Shown]:
    """abar_i in the place of abar_{i-1} in the weight of |x0^ - x_0|^2, sigma^2 = C."""
    shown = []
    for steps in (1000, 100):
        before, here = (float(v) for v in abars(betas(steps))[-2:])
        alpha, process = here / before, table_of_betas(torch.from_numpy(betas(steps)))
        variance = (1 - alpha) * (1 - before) / (1 - here)
        printed = here * (1 - alpha) ** 2 / (2 * variance * (1 - here) ** 2)
        lam = float(WEIGHTINGS["elbo"](TARGETS["x0"], process, torch.tensor([steps])))
        corrected = lam * float(process.a[-1] / process.s[-1]) ** 2
        miss = 0.5
        right = _divergence(before, here, miss) / miss**2
        what = f"KL for each |x̂₀ − x₀|², last of {steps} linear betas (β = {betas(steps)[-1]:g})"
        scale = 1e-3 * right
        shown.append(
            known(
                what, right, corrected, printed, scale, GRID, n=400_001, unit="nats", origin=BAYES
            )
        )
    return shown


def eps_objective() -> list[Shown]:
    """The weight of x_0 on |eps^ - x_0|^2, for a prediction that misses the noise by 0.1, data N(0,
    0.25)."""
    before, here, alpha = _middle()
    variance = (1 - alpha) * (1 - before) / (1 - here)
    weight = here * (1 - alpha) ** 2 / (2 * variance * (1 - here) ** 2)
    miss = 0.1
    process = table_of_betas(torch.from_numpy(betas(1000)))
    corrected = float(WEIGHTINGS["elbo"](TARGETS["eps"], process, torch.tensor([500]))) * miss**2
    right = _divergence(before, here, -math.sqrt((1 - here) / here) * miss)
    printed = weight * (1 + 0.25 + miss**2)  # E (eps + miss - x_0)^2, eps and x_0 independent
    what = "KL where the noise is missed by 0.1, t = 500 of 1000 linear betas, data N(0, 0.25)"
    return [
        known(
            what,
            right,
            corrected,
            printed,
            1e-3 * right,
            GRID,
            n=400_001,
            unit="nats",
            origin=BAYES,
        )
    ]


def bayes_rule() -> list[Shown]:
    """q(x_{i-1} | x_0) as the denominator: it cancels the prior, and what is left is no density of
    x_{i-1}."""
    before, here = 0.7, 0.35
    alpha = here / before
    prior = norm(math.sqrt(before) * X0, math.sqrt(1 - before))

    def likelihood(x: float) -> float:
        return float(norm.pdf(X_T, math.sqrt(alpha) * x, math.sqrt(1 - alpha)))

    evidence = float(norm.pdf(X_T, math.sqrt(here) * X0, math.sqrt(1 - here)))
    corrected = quad(lambda x: likelihood(x) * prior.pdf(x) / evidence, -12, 12)[0]
    printed = quad(likelihood, -12, 12)[0]
    where = f"x₀ = {X0}, xₜ = −{-X_T}, ᾱₜ₋₁ = {before}, ᾱₜ = {here}"
    total = known(
        f"integral over xₜ₋₁, {where}",
        1.0,
        corrected,
        printed,
        1e-7,
        "quadrature",
        origin="a density",
    )
    q = posterior(*(tensor(math.log(v / (1 - v))) for v in (before, here)))
    right, mean = bayes_step(X0, X_T, before, here).mean, float(q.A * X0 + q.B * X_T)
    printed_mean = quad(lambda x: x * likelihood(x), -12, 12)[0] / printed
    return [
        total,
        known(f"its mean, {where}", right, mean, printed_mean, 1e-7, GRID, n=400_001, origin=BAYES),
    ]


def consistency() -> list[Shown]:
    """Divergences of q(x_i | x_{i-1}) over q(x_{i-1}, x_{i+1} | x_0), where x_{i+1} has already
    seen x_i."""
    process, data, n = cosine(12, 5.0, -7.0), isotropic(0.0, 0.1), 20_000
    levels = nearest(data.draw(n, generator(0, "calibrate/errata", 9)), 256)
    usual = denoise([(slice(0, n), data.predict)], process, levels, 256, seed=5).bound(
        "fixed-large"
    )
    other = two_sided_terms(
        data.predict, process, centres(levels, 256).double(), "fixed-large", seed=6
    )
    one = usual.prior + usual.denoising.sum(1)
    values = []
    for terms in (other.ratios, other.divergences):
        two = other.last + terms.sum(1)
        values.append((float(two.mean()), float((two - one).std()) / math.sqrt(n)))
    what = "bound without its decoder term, 12 cosine steps, exact predictor, data N(0, 0.1)"
    origin = "the bound over q(xₜ | x₀)"
    return [
        simulated(
            what,
            float(one.mean()),
            values[0],
            values[1],
            "examples, the difference",
            n=n,
            unit="nats",
            origin=origin,
        )
    ]
