"""Three ways to draw the rest of x_0 given its first number, from a denoiser that knows nothing of
the condition; and the denoiser that does."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from threetargets.diffusion.kernel import posterior, signal_noise, transition_variance
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import Table
from threetargets.experiments.inpainting.laws import Rest

Noise = Callable[[Tensor], Tensor]
"""Standard normal numbers of the shape and type of its argument."""


def ancestral(x: Tensor, x0: Tensor, l_s: Tensor, l_t: Tensor, noise: Noise) -> Tensor:
    """A x_0^ + B x_t + sqrt(C) z; at clean data x_0^."""
    q = posterior(l_s, l_t)
    return q.A * x0 + q.B * x + q.C.sqrt() * noise(x)


def put(x: Tensor, y: Tensor, log_snr: Tensor, noise: Noise) -> Tensor:
    """x with its first number replaced by a fresh draw of y at this noise level."""
    a, s = signal_noise(log_snr)
    return torch.stack([a * y + s * noise(y), x[:, 1]], 1)


def replaced(predictor: Predictor, path: Table, y: Tensor, noise: Noise, times: int = 1) -> Tensor:
    """x_2 (B,) by replacing what is seen after every step back (Song et al. 2021, arXiv:2011.13456,
    appendix I.2). `times` > 1: each step is taken so often, with a step of noising between (Lugmayr
    et al. 2022, arXiv:2201.09865, algorithm 1)."""
    levels = path.log_snr.flip(0)
    x = put(noise(torch.stack([y, y], 1)), y, levels[0], noise)
    for l_t, l_s in itertools.pairwise(levels):
        for again in range(times if torch.isfinite(l_s) else 1):
            if again:
                lost = transition_variance(l_s, l_t)
                x = (1 - lost).sqrt() * x + lost.sqrt() * noise(x)
            x = put(ancestral(x, predictor(x, l_t).x0, l_s, l_t, noise), y, l_s, noise)
    return x[:, 1]


def guided(predictor: Predictor, path: Table, y: Tensor, noise: Noise) -> Tensor:
    """x_2 (B,) by the score of x_t plus grad log N(y; x_0^(x_t)_1, s^2), s^2 being the variance of
    x_0 given x_t where its own is 1 (Song et al. 2023, Pseudoinverse-guided diffusion models)."""
    levels = path.log_snr.flip(0)
    x = noise(torch.stack([y, y], 1))
    for l_t, l_s in itertools.pairwise(levels):
        a, s = signal_noise(l_t)
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            x0 = predictor(x, l_t).x0
            fits = (-0.5 * (y - x0[:, 0]) ** 2 / s**2).sum()
            (slope,) = torch.autograd.grad(fits, x)
        x = ancestral(x.detach(), x0.detach() + s**2 / a * slope, l_s, l_t, noise)
    return x[:, 1]


def known(law: Rest, path: Table, noise: Noise) -> Tensor:
    """x_2 (B,) by the exact denoiser of the conditional law: what the steps alone cost."""
    levels = path.log_snr.flip(0)
    x = noise(law.means[:, 0])
    for l_t, l_s in itertools.pairwise(levels):
        a, s = signal_noise(l_t)
        x = ancestral(x, law.predict(x, a, s).x0, l_s, l_t, noise)
    return x
