"""Three stochastic equations of noising and DDPM's chain: their kernels p(x_t | x_0) = N(a x_0,
s^2) in closed form. (Song et al. 2021, arXiv:2011.13456, eqs. 9 to 12 and 29.)"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.schedule import table_of_betas
from threetargets.experiments.score_sde.spec import Equation


@dataclass(frozen=True)
class Process:
    """dx = drift(t) x dt + diffusion(t) dw, t in [0, 1], with p(x_t | x_0) = N(a x_0, s^2)."""

    drift: Callable[[float], float]
    diffusion: Callable[[float], float]
    a: Callable[[float], float]
    s: Callable[[float], float]


def beta(own: Equation, t: float) -> float:
    """Linear in t."""
    return own.beta_start + (own.beta_end - own.beta_start) * t


def gathered(own: Equation, t: float) -> float:
    """B(t) = int_0^t beta."""
    return own.beta_start * t + (own.beta_end - own.beta_start) * t**2 / 2


def preserving(own: Equation) -> Process:
    """VP: f = -beta x / 2, g^2 = beta; a = exp(-B/2), s^2 = 1 - exp(-B)."""
    return Process(
        lambda t: -beta(own, t) / 2,
        lambda t: math.sqrt(beta(own, t)),
        lambda t: math.exp(-gathered(own, t) / 2),
        lambda t: math.sqrt(-math.expm1(-gathered(own, t))),
    )


def below_preserving(own: Equation) -> Process:
    """Sub-VP: the same drift, g^2 = beta (1 - exp(-2B)); s = 1 - exp(-B)."""
    return Process(
        lambda t: -beta(own, t) / 2,
        lambda t: math.sqrt(-beta(own, t) * math.expm1(-2 * gathered(own, t))),
        lambda t: math.exp(-gathered(own, t) / 2),
        lambda t: -math.expm1(-gathered(own, t)),
    )


def exploding(own: Equation) -> Process:
    """VE: no drift, sigma = sigma_min (sigma_max / sigma_min)^t, g^2 = d sigma^2 / dt; the data are
    those with noise sigma_min."""
    rate = math.log(own.sigma_max / own.sigma_min)

    def sigma(t: float) -> float:
        return own.sigma_min * math.exp(rate * t)

    return Process(lambda t: 0.0, lambda t: sigma(t) * math.sqrt(2 * rate), lambda t: 1.0, sigma)


MADE = {"vp": preserving, "ve": exploding, "sub-vp": below_preserving}


def chain(own: Equation, steps: int) -> tuple[Tensor, Tensor]:
    """(a, s), each (steps + 1,), of DDPM's chain x_i = sqrt(1 - beta_i) x_{i-1} + sqrt(beta_i) eps
    with beta_i = beta(i / T) / T."""
    betas = torch.tensor([beta(own, i / steps) / steps for i in range(1, steps + 1)])
    return signal_noise(table_of_betas(betas.double()).log_snr)
