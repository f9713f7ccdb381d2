"""Samplers: one step from noise level t to the cleaner level s, and the loop over a table.

The state is float64, the network float32 (Karras et al. 2022, arXiv:2206.00364, do likewise). The
last step arrives at clean data (log_snr = inf). Adding a sampler: one function and one line in
SAMPLERS.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from threetargets.diffusion.kernel import posterior, signal_noise, transition_variance
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import Table

Noise = Callable[[], Tensor]
Step = Callable[[Predictor, Tensor, Tensor, Tensor, Noise], Tensor]
"""(predictor, x_t, log_snr_t (), log_snr_s (), noise) -> x_s. `noise()` gives N(0, I) of the shape
of x_t."""


def ancestral(variance: str = "fixed-small") -> Step:
    """x_s = A x0^ + B x_t + sigma z: the reverse chain of Ho et al. 2020, sigma^2 = C (fixed-small)
    or 1 - alpha (fixed-large)."""
    if variance not in ("fixed-small", "fixed-large"):
        raise ValueError(f"unknown variance {variance!r}")

    def step(predictor: Predictor, x: Tensor, l_t: Tensor, l_s: Tensor, noise: Noise) -> Tensor:
        q = posterior(l_s, l_t)
        mean = q.A * predictor(x, l_t).x0 + q.B * x
        if torch.isposinf(l_s):
            return mean
        sigma2 = q.C if variance == "fixed-small" else transition_variance(l_s, l_t)
        return mean + sigma2.sqrt() * noise()

    return step


def ddim(eta: float = 0.0) -> Step:
    """x_s = a_s x0^ + sqrt(s_s^2 - eta^2 C) eps^ + eta sqrt(C) z (Song et al. 2021,
    arXiv:2010.02502, eq. 12).

    eta = 1 is the ancestral step with fixed-small variance; eta = 0 is Euler's method on the
    probability-flow ODE in (x/a, s/a).
    """

    def step(predictor: Predictor, x: Tensor, l_t: Tensor, l_s: Tensor, noise: Noise) -> Tensor:
        a_s, s_s = signal_noise(l_s)
        variance = eta**2 * posterior(l_s, l_t).C
        x0, eps = predictor(x, l_t)
        x = a_s * x0 + (s_s**2 - variance).clamp(min=0).sqrt() * eps
        return x + variance.sqrt() * noise() if eta > 0 and not torch.isposinf(l_s) else x

    return step


def heun() -> Step:
    """Heun's method on the probability-flow ODE d(x/a) / d(s/a) = eps^(x): second order; the step
    to clean data is Euler's."""

    def step(predictor: Predictor, x: Tensor, l_t: Tensor, l_s: Tensor, noise: Noise) -> Tensor:
        a_t, _ = signal_noise(l_t)
        a_s, _ = signal_noise(l_s)
        width = torch.exp(-l_s / 2) - torch.exp(-l_t / 2)
        first = predictor(x, l_t).eps
        euler = a_s * (x / a_t + width * first)
        if torch.isposinf(l_s):
            return euler
        return a_s * (x / a_t + width * (first + predictor(euler, l_s).eps) / 2)

    return step


SAMPLERS: dict[str, Callable[..., Step]] = {"ancestral": ancestral, "ddim": ddim, "heun": heun}


def sample(predictor: Predictor, step: Step, table: Table, x: Tensor, noise: Noise) -> Tensor:
    """Run `step` from x_T = x (B, ...) down the table to x_0, in float64, without gradients.

    `noise()` gives the next standard normal draw of x's shape; a stream for each sample makes x_0
    independent of the batch.
    """
    x = x.double()
    log_snrs = table.log_snr.to(x.device).flip(0)
    with torch.no_grad():
        for l_t, l_s in itertools.pairwise(log_snrs):
            x = step(predictor, x, l_t, l_s, lambda: noise().double())
    return x
