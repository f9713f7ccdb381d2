"""The targets as one function of (x_i, i), and Tweedie's formula for the mean of x_0 from the
score."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from threetargets.calibration.check_rows import Row, exact, written
from threetargets.calibration.densities import HUMPS, PLANE, cosine, tensor
from threetargets.diffusion.kernel import add_noise, signal_noise
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import Table
from threetargets.diffusion.target import TARGETS, Prediction
from threetargets.diffusion.weighting import WEIGHTINGS
from threetargets.levels import nearest
from threetargets.likelihood.denoised import denoise
from threetargets.streams import generator

ROUNDING = "rounding in float64"


def _normal(*shape: int, index: int) -> Tensor:
    return torch.randn(
        shape, generator=generator(0, "calibrate/targets", index), dtype=torch.float64
    )


def imperfect(x_t: Tensor, log_snr: Tensor) -> Prediction:
    """A predictor that is wrong in a known way: the exact noise of PLANE, a tenth too small and
    shifted."""
    a, s = signal_noise(log_snr)
    eps = 0.9 * PLANE.predict(x_t, log_snr).eps + 0.05
    return Prediction((x_t - s * eps) / a, eps)


def converted(name: str) -> Predictor:
    """The same predictor, spoken in a target's own space and decoded again."""

    def predict(x_t: Tensor, log_snr: Tensor) -> Prediction:
        a, s = signal_noise(log_snr)
        guess = imperfect(x_t, log_snr)
        return TARGETS[name].decode(TARGETS[name].encode(guess.x0, guess.eps, a, s), x_t, a, s)

    return predict


def elbo_loss(name: str, process: Table, x0: Tensor, eps: Tensor) -> float:
    """The elbo-weighted squared error of `imperfect` in the target's own space, mean over i = 2..T,
    nats."""
    losses = []
    for i in range(2, process.steps + 1):
        log_snr = process.log_snr[i]
        a, s = signal_noise(log_snr)
        guess = imperfect(add_noise(x0, eps, log_snr), log_snr)
        error = TARGETS[name].encode(*guess, a, s) - TARGETS[name].encode(x0, eps, a, s)
        weight = (
            WEIGHTINGS["elbo"](TARGETS[name], process, torch.tensor([i]))
            / TARGETS[name].eps_scale(a, s) ** 2
        )
        losses.append(float(weight * (error**2).sum(1).mean()))
    return float(np.mean(losses))


def by_snr(process: Table, x0: Tensor, eps: Tensor) -> float:
    """The same from 1/2 (SNR_{i-1} - SNR_i) |x_0 - x0^|^2, with SNR as the ratio of squares."""
    snr = (process.a / process.s) ** 2
    losses = []
    for i in range(2, process.steps + 1):
        x_t = process.a[i] * x0 + process.s[i] * eps
        squared = ((imperfect(x_t, process.log_snr[i]).x0 - x0) ** 2).sum(1).mean()
        losses.append(float(0.5 * (snr[i - 1] - snr[i]) * squared))
    return float(np.mean(losses))


def equivalent() -> list[Row]:
    """Round trips, one elbo loss and one bound for every target."""
    process, rows = cosine(30, 6.0, -7.0), []
    a, s = process.a[1:, None], process.s[1:, None]
    x0, eps = _normal(len(a), 500, index=1), _normal(len(a), 500, index=2)
    for name, target in TARGETS.items():
        back = target.decode(target.encode(x0, eps, a, s), a * x0 + s * eps, a, s)
        worst = max(
            float(((back.x0 - x0) * a).abs().max()), float(((back.eps - eps) * s).abs().max())
        )
        rows.append(
            exact(
                f"error of the round trip, {name}",
                0.0,
                worst,
                1e-13,
                ROUNDING,
                n=x0.numel(),
                unit="of xᵢ",
            )
        )
    clean = PLANE.draw(400, generator(0, "calibrate/targets", 3))[0]
    noise = _normal(400, 2, index=4)
    known = by_snr(process, clean, noise)
    for name in TARGETS:
        measured = elbo_loss(name, process, clean, noise)
        what = f"elbo loss of one predictor, as {name}"
        why = "1e-10 of its size"
        rows.append(
            exact(
                what,
                known,
                measured,
                1e-10 * known,
                why,
                n=400,
                unit="nats",
                origin="½ ΔSNR |x₀ − x̂₀|²",
            )
        )
    levels = nearest(clean[:100], 17)
    own = (
        denoise([(slice(0, 100), imperfect)], process, levels, 17, seed=0)
        .bound("fixed-large")
        .nats.mean()
    )
    for name in TARGETS:
        predictors = [(slice(0, 100), converted(name))]
        nats = denoise(predictors, process, levels, 17, seed=0).bound("fixed-large").nats.mean()
        what = f"bound of the converted predictor, as {name}"
        why, origin = "rounding through the conversion", "the predictor as it is"
        rows.append(
            exact(what, own, nats, 1e-9 * float(own), why, n=100, unit="nats", origin=origin)
        )
    return rows


def optimum() -> list[Row]:
    """For each target the F of least expected squared error, found by minimising it, is decoded to
    E[x_0 | x_i]. A weight at a noise level scales that error and moves no minimum."""
    rows = []
    for name, target in TARGETS.items():
        worst, tried = 0.0, 0
        for log_snr in (-4.0, 0.0, 4.0):
            a, s = signal_noise(tensor(log_snr))
            for x_t in (-0.6, 0.0, 0.3):
                points, weight = _posterior(x_t, log_snr)
                wanted = target.encode(points, (x_t - a * points) / s, a, s)
                least = minimize_scalar(
                    lambda f, wanted=wanted, weight=weight: float(
                        (weight * (wanted - f) ** 2).sum()
                    ),
                    bracket=(float(wanted.min()), float(wanted.max())),
                    tol=1e-10,
                ).x
                x0 = target.decode(tensor(least), tensor(x_t), a, s).x0
                worst, tried = max(worst, abs(float(x0) - grid_mean(x_t, log_snr))), tried + 1
        what = f"largest distance of the decoded optimum from E[x₀ | xᵢ], {name}"
        why = "tolerance of the minimisation"
        rows.append(exact(what, 0.0, worst, 1e-5, why, n=tried, origin="a grid over x₀"))
    return rows


def _posterior(x_t: float, log_snr: float, points: int = 20_001) -> tuple[Tensor, Tensor]:
    """A grid of x_0 of HUMPS and p(x_0 | x_t) on it."""
    grid = torch.linspace(-3, 3, points, dtype=torch.float64)
    a, s = signal_noise(tensor(log_snr))
    given = HUMPS.log_density(grid[:, None]) - 0.5 * ((x_t - a * grid) / s) ** 2
    return grid, torch.softmax(given, 0)


def grid_mean(x_t: float, log_snr: float, points: int = 20_001) -> float:
    """E[x_0 | x_t] of HUMPS, summed over a grid of x_0."""
    grid, weight = _posterior(x_t, log_snr, points)
    return float((weight * grid).sum())


def tweedie() -> list[Row]:
    """(x_i + s^2 grad log q(x_i)) / a against the posterior mean."""
    rows = []
    for log_snr in (-4.0, 0.0, 4.0):
        a, s = signal_noise(tensor(log_snr))
        for x_t in (-0.6, 0.3):
            point = tensor([[x_t]])
            with torch.enable_grad():
                free = point.clone().requires_grad_(True)
                (score,) = torch.autograd.grad(HUMPS.log_density(free, tensor(log_snr)).sum(), free)
            decoded = TARGETS["score"].decode(score, point, a, s).x0
            what = f"E[x₀ | xᵢ = {written(x_t)}], log-SNR {written(log_snr)}, from the score"
            known = grid_mean(x_t, log_snr)
            rows.append(
                exact(
                    what,
                    known,
                    decoded,
                    1e-8,
                    "grid of 20 001 points",
                    n=20_001,
                    origin="Bayes on a grid",
                )
            )
        x, _ = PLANE.draw(500, generator(0, "calibrate/tweedie"))
        x = a * x + s * _normal(500, 2, index=5)
        decoded = TARGETS["score"].decode(PLANE.score(x, tensor(log_snr)), x, a, s).x0
        weights, means, _ = PLANE.posterior(x, tensor(log_snr))
        worst = (decoded - (weights[:, :, None] * means).sum(1)).abs().max()
        what = f"largest error in the plane, log-SNR {written(log_snr)}"
        rows.append(
            exact(
                what,
                0.0,
                worst,
                1e-11,
                ROUNDING,
                n=500,
                origin="exact posterior mean of the mixture",
            )
        )
    return rows
