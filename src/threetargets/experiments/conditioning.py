"""Draws of x_0 given a linear part of it, from a denoiser that knows nothing of the condition: what
filling holes and super-resolution share."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from threetargets.diffusion.kernel import signal_noise, transition_variance
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.sampler import ancestral, sample
from threetargets.diffusion.schedule import Table
from threetargets.diffusion.target import Prediction

Noise = Callable[[Tensor], Tensor]
"""Standard normal numbers of the shape and type of its argument."""


@dataclass(frozen=True)
class Part:
    """What is seen of x (B, D): its coordinates R x, shape (B, k), along the orthonormal rows of R
    (k, D)."""

    rows: Tensor

    def of(self, x: Tensor) -> Tensor:
        return x @ self.rows.to(x).T

    def put(self, x: Tensor, u: Tensor) -> Tensor:
        """x with u (B, k) in the place of R x; what is orthogonal to the rows stays."""
        return x + (u - self.of(x)) @ self.rows.to(x)


def sampled(predictor: Predictor, path: Table, x: Tensor, noise: Noise) -> Tensor:
    """x_0 from x_T = x by ancestral steps, variance C."""
    return sample(predictor, ancestral(), path, x, lambda: noise(x))


def replaced(
    predictor: Predictor,
    path: Table,
    part: Part,
    u: Tensor,
    x: Tensor,
    noise: Noise,
    times: int = 1,
) -> Tensor:
    """x_0 from x_T = x (B, D), with what is seen, u (B, k), noised anew and put in after every step
    back (Song et al. 2021, arXiv:2011.13456, appendix I.2). `times` > 1: each step is taken so
    often, with a step of noising between (Lugmayr et al. 2022, arXiv:2201.09865, algorithm 1)."""
    step = ancestral()

    def seen(log_snr: Tensor) -> Tensor:
        a, s = signal_noise(log_snr)
        return a * u + s * noise(u)

    levels = path.log_snr.flip(0)
    x = part.put(x, seen(levels[0]))
    with torch.no_grad():
        for l_t, l_s in itertools.pairwise(levels):
            for again in range(times if torch.isfinite(l_s) else 1):
                if again:
                    lost = transition_variance(l_s, l_t)
                    x = (1 - lost).sqrt() * x + lost.sqrt() * noise(x)
                x = step(predictor, x, l_t, l_s, functools.partial(noise, x))
                x = part.put(x, seen(l_s))
    return x


def projected(predictor: Predictor, part: Part, u: Tensor) -> Predictor:
    """x_0^ with u in the place of R x_0^ (Wang et al. 2023, arXiv:2212.00490): the range of R is
    what is known, the rest the denoiser's."""

    def project(x: Tensor, log_snr: Tensor) -> Prediction:
        a, s = signal_noise(log_snr)
        x0 = part.put(predictor(x, log_snr).x0, u)
        return Prediction(x0, (x - a * x0) / s)

    return project


def guided(predictor: Predictor, part: Part, u: Tensor, deviation: float = 1.0) -> Predictor:
    """The score of x_t plus grad log N(u; R x_0^(x_t), r^2 I) (Song et al. 2023,
    Pseudoinverse-guided diffusion models).

    r^2 = d^2 s^2 / (a^2 d^2 + s^2) is the variance of R x_0 given x_t where R x_0 is N(m, d^2 I), d
    the `deviation`: in the place of log p(u | x_t), which nobody knows.
    """

    def guide(x: Tensor, log_snr: Tensor) -> Prediction:
        a, s = signal_noise(log_snr)
        variance = (deviation * s) ** 2 / ((a * deviation) ** 2 + s**2)
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            x0 = predictor(x, log_snr).x0
            fits = (-0.5 * (u - part.of(x0)) ** 2 / variance).sum()
            (slope,) = torch.autograd.grad(fits, x)
        x, x0 = x.detach(), x0.detach() + s**2 / a * slope
        return Prediction(x0, (x - a * x0) / s)

    return guide
