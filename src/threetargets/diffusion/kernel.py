"""Gaussian kernels of the forward process as functions of log-SNR, in float64 and without
cancellation.

With l = log(a^2 / s^2): a^2 = sigmoid(l), s^2 = sigmoid(-l). Clean data has l = +inf, a = 1, s = 0.
Between a noise level t and a cleaner one s (l_s > l_t), SNR_t / SNR_s = exp(l_t - l_s) gives every
constant through expm1 (Kingma et al. 2021, arXiv:2107.00630, appendix A).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Posterior(NamedTuple):
    """q(x_s | x_0, x_t) = N(A x_0 + B x_t, C I)."""

    A: Tensor
    B: Tensor
    C: Tensor


def signal_noise(log_snr: Tensor) -> tuple[Tensor, Tensor]:
    """(a, s) with a^2 = sigmoid(log_snr) and s^2 = sigmoid(-log_snr), in the dtype of `log_snr`."""
    return torch.sigmoid(log_snr).sqrt(), torch.sigmoid(-log_snr).sqrt()


def add_noise(x0: Tensor, eps: Tensor, log_snr: Tensor) -> Tensor:
    """x_t = a x_0 + s eps: the marginal q(x_t | x_0). `log_snr` has shape (B,) or ()."""
    a, s = (like(v, x0) for v in signal_noise(log_snr))
    return a * x0 + s * eps


def transition_variance(log_snr_s: Tensor, log_snr_t: Tensor) -> Tensor:
    """1 - alpha_{t|s}, the variance of q(x_t | x_s): -s_t^2 expm1(l_t - l_s)."""
    return -torch.sigmoid(-log_snr_t) * torch.expm1(log_snr_t - log_snr_s)


def posterior(log_snr_s: Tensor, log_snr_t: Tensor) -> Posterior:
    """The constants of q(x_s | x_0, x_t), s cleaner than t; s may be clean data (log_snr = inf: A =
    1, B = C = 0).

    A = a_s (1 - alpha) / s_t^2 = -a_s expm1(l_t - l_s); B = sqrt(alpha) s_s^2 / s_t^2 = (a_s / a_t)
    exp(l_t - l_s); C = (1 - alpha) s_s^2 / s_t^2 = -s_s^2 expm1(l_t - l_s). (Ho et al. 2020,
    arXiv:2006.11239, eq. 7.)
    """
    a_s, s_s = signal_noise(log_snr_s)
    a_t, _ = signal_noise(log_snr_t)
    ratio = log_snr_t - log_snr_s
    return Posterior(
        -a_s * torch.expm1(ratio), a_s / a_t * torch.exp(ratio), -(s_s**2) * torch.expm1(ratio)
    )


def aligned(values: Tensor, x: Tensor) -> Tensor:
    """Per-example values (B,) or one value () shaped so that they broadcast over x of shape (B,
    ...), in their own dtype, on x's device."""
    values = values.to(x.device)
    return values.reshape(values.shape + (1,) * (x.ndim - values.ndim)) if values.ndim else values


def like(values: Tensor, x: Tensor) -> Tensor:
    """`aligned`, in x's dtype."""
    return aligned(values, x).to(x)
