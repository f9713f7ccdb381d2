"""The reversed equation, solved from t = 1 to its end with a given number of evaluations of the
score."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from threetargets.experiments.score_sde.equations import Process

Score = Callable[[Tensor, float], Tensor]
"""(x (N,), t) -> d log p_t / dx (N,)."""
Draw = Callable[[], Tensor]


def times(steps: int, end: float) -> list[float]:
    """Even steps from 1 down to the end."""
    return [1 + (end - 1) * k / steps for k in range(steps + 1)]


def drift(process: Process, score: Score, x: Tensor, t: float, share: float) -> Tensor:
    """f - share g^2 grad log p_t: share 1 is the reversed equation's, 1/2 the flow's."""
    return process.drift(t) * x - share * process.diffusion(t) ** 2 * score(x, t)


def predicted(process: Process, score: Score, x: Tensor, t: float, s: float, noise: Draw) -> Tensor:
    """Euler-Maruyama from t to the earlier s: x - (f - g^2 score) dt + g sqrt(dt) z."""
    width = t - s
    step = x - width * drift(process, score, x, t, 1.0)
    return step + process.diffusion(t) * math.sqrt(width) * noise()


def corrected(process: Process, score: Score, x: Tensor, t: float, snr: float, z: Tensor) -> Tensor:
    """One step of Langevin dynamics at t, x + e g + sqrt(2 e) z, with e = 2 (snr |z| / |g|)^2, the
    norms averaged over the batch. (Algorithms 4 and 5; alpha = 1 there for VE and nearly 1 for
    VP.)"""
    gradient = score(x, t)
    width = 2 * (snr * float(z.abs().mean()) / float(gradient.abs().mean())) ** 2
    return x + width * gradient + math.sqrt(2 * width) * z


def euler_maruyama(
    process: Process, score: Score, x: Tensor, evaluations: int, end: float, snr: float, noise: Draw
) -> Tensor:
    for t, s in pairwise(times(evaluations, end)):
        x = predicted(process, score, x, t, s, noise)
    return x


def predictor_corrector(
    process: Process, score: Score, x: Tensor, evaluations: int, end: float, snr: float, noise: Draw
) -> Tensor:
    """After every step of Euler-Maruyama one of the corrector at the time that it arrived at."""
    for t, s in pairwise(times(evaluations // 2, end)):
        x = predicted(process, score, x, t, s, noise)
        x = corrected(process, score, x, s, snr, noise())
    return x


def flow_heun(
    process: Process, score: Score, x: Tensor, evaluations: int, end: float, snr: float, noise: Draw
) -> Tensor:
    """The probability-flow ODE dx/dt = f - g^2 score / 2, by Heun's method."""
    for t, s in pairwise(times(evaluations // 2, end)):
        first = drift(process, score, x, t, 0.5)
        ahead = x + (s - t) * first
        x = x + (s - t) * (first + drift(process, score, ahead, s, 0.5)) / 2
    return x


SOLVERS = {
    "euler-maruyama": euler_maruyama,
    "predictor-corrector": predictor_corrector,
    "flow-heun": flow_heun,
}


def normal(count: int, source: torch.Generator) -> Draw:
    return lambda: torch.randn(count, dtype=torch.float64, generator=source)
