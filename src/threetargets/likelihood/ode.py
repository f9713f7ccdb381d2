"""Log-density of a diffusion model by its probability-flow ODE (Song et al. 2021, arXiv:2011.13456,
section 4.3).

In l = log-SNR, with a^2 = sigmoid(l) and s^2 = sigmoid(-l), the flow and its divergence are

    dx/dl = 1/2 (s^2 x - s eps^(x, l)),    div = 1/2 (D s^2 - s tr d eps^/dx),

and log p_max(x) = log N(x(l_min); 0, I) + integral of div dl from l_max down to l_min, with its
sign. Every example is integrated with the same fixed steps, so its value does not depend on the
batch that it is in.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from threetargets.diffusion.kernel import add_noise, signal_noise
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import Table
from threetargets.levels import centres
from threetargets.likelihood.bound import decoder_term
from threetargets.likelihood.gaussian import log_density, total

Trace = Callable[[Callable[[Tensor], Tensor], Tensor], tuple[Tensor, Tensor]]
"""(function, x (B, ...)) -> (value, trace of its Jacobian (B,))."""


def exact_trace(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """The value and the exact trace, by one vector-Jacobian product for each of the D
    dimensions."""
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        value = function(x)
        flat, trace = value.flatten(1), torch.zeros(len(x), dtype=x.dtype, device=x.device)
        for d in range(flat.shape[1]):
            last = d == flat.shape[1] - 1
            (row,) = torch.autograd.grad(flat[:, d].sum(), x, retain_graph=not last)
            trace = trace + row.flatten(1)[:, d]
    return value.detach(), trace.detach()


def hutchinson(probes: Tensor) -> Trace:
    """The trace as the mean of v^T J v over probes v (P, B, ...), which stay the same for a whole
    solve.

    Drawn anew at every call they would make the integrand a noise that no solver can follow. With a
    diagonal Jacobian probes of +-1 are exact, so an isotropic example proves nothing.
    """

    def trace(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            value = function(x)
            trace_sum = torch.zeros(len(x), dtype=x.dtype, device=x.device)
            for p, probe in enumerate(probes):
                keep = p < len(probes) - 1
                (product,) = torch.autograd.grad((value * probe).sum(), x, retain_graph=keep)
                trace_sum = trace_sum + total(product * probe) / len(probes)
        return value.detach(), trace_sum.detach()

    return trace


def rademacher(count: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Probes of +-1, float64, shape (count, *shape)."""
    return torch.randint(0, 2, (count, *shape), generator=generator).double() * 2 - 1


def log_prob(
    predictor: Predictor,
    x: Tensor,
    log_snr_max: float,
    log_snr_min: float,
    steps: int,
    trace: Trace = exact_trace,
) -> Tensor:
    """log p(x) in nats per example, shape (B,), x (B, ...) at the noise level log_snr_max, in
    float64.

    Classical Runge-Kutta of order 4 with `steps` equal steps of log-SNR: 4 * steps network calls.
    """
    dims = x[0].numel()
    x, gained = x.double(), torch.zeros(len(x), dtype=torch.float64, device=x.device)
    width = (log_snr_min - log_snr_max) / steps

    def slope(x: Tensor, log_snr_t: float) -> tuple[Tensor, Tensor]:
        log_snr = torch.tensor(log_snr_t, dtype=torch.float64, device=x.device)
        _, s = signal_noise(log_snr)
        eps, divergence = trace(lambda y: predictor(y, log_snr).eps, x)
        return 0.5 * (s**2 * x - s * eps), 0.5 * (dims * s**2 - s * divergence)

    for step in range(steps):
        log_snr_t = log_snr_max + step * width
        v1, d1 = slope(x, log_snr_t)
        v2, d2 = slope(x + 0.5 * width * v1, log_snr_t + 0.5 * width)
        v3, d3 = slope(x + 0.5 * width * v2, log_snr_t + 0.5 * width)
        v4, d4 = slope(x + width * v3, log_snr_t + width)
        x = x + width / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
        gained = gained + width / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
    prior = log_density(x, torch.zeros_like(x), torch.zeros_like(x))
    return prior + gained


def dequantised(levels: Tensor, u: Tensor, count: int) -> Tensor:
    """2 (k + u) / K - 1 with u uniform in [0, 1): a point of the grey level's own bin, float64."""
    return 2.0 * (levels.double() + u.double()) / count - 1.0


def level_log_prob(
    predictor: Predictor,
    levels: Tensor,
    u: Tensor,
    count: int,
    log_snr_max: float,
    log_snr_min: float,
    steps: int,
    trace: Trace = exact_trace,
) -> Tensor:
    """A lower bound on log P(levels), nats per example: log p of the dequantised image plus D
    log(2/K).

    The density that the flow defines at log_snr_max is taken, rescaled by a, as the model of the
    dequantised image; with uniform u, E log p(x) + D log(2/K) <= log of the bin's probability
    (Theis et al. 2016, arXiv:1511.01844).
    """
    a = math.sqrt(1.0 / (1.0 + math.exp(-log_snr_max)))
    dims = levels[0].numel()
    x = a * dequantised(levels, u, count)
    volume = dims * math.log(a * 2.0 / count)
    return log_prob(predictor, x, log_snr_max, log_snr_min, steps, trace) + volume


def decoded_log_prob(
    predictor: Predictor,
    levels: Tensor,
    eps: Tensor,
    table: Table,
    variance: str,
    count: int,
    steps: int,
    trace: Trace = exact_trace,
    mse: Tensor | None = None,
) -> Tensor:
    """A lower bound on log P(levels), nats per example, for one draw x_1 = a_1 x_0 + s_1 eps.

    log p(x_1) - log q(x_1 | x_0) + log P(x_0 | x_1): the flow's density at the cleanest noise level
    that the network was trained on, with the decoder of the discrete bound, whose denoising terms
    it replaces. In expectation over eps a bound, as importance weighting by q(x_1 | x_0).
    """
    log_snr = table.log_snr[1]
    x0 = centres(levels, count).double()
    _, s = signal_noise(log_snr)
    x1 = add_noise(x0, eps.double(), log_snr)
    with torch.no_grad():
        decoder = -decoder_term(levels, predictor(x1, log_snr).x0, table, variance, count, mse)
    density = log_prob(predictor, x1, float(log_snr), float(table.log_snr[-1]), steps, trace)
    standard = log_density(eps.double(), torch.zeros_like(x0), torch.zeros_like(x0))
    given = standard - x0[0].numel() * torch.log(s)
    return density - given.to(density) + decoder
