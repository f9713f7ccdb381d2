"""Gaussian data with any covariance, seen through x_t = a x_0 + s eps.

In the eigenbasis of the covariance every quantity is a product of one-dimensional ones: x_t has
variance a^2 lambda + s^2 along an axis of variance lambda, at any noise level and without an
inverse.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.target import Prediction

CLEAN = torch.tensor(math.inf, dtype=torch.float64)
"""The log-SNR of data without noise."""


class _View(NamedTuple):
    """x_t in the eigenbasis: signal and noise (B or 1, 1), variances (B or 1, D), and the centred
    state (B, D)."""

    a: Tensor
    s: Tensor
    variance: Tensor
    centred: Tensor


class Gaussian:
    """N(mean, covariance) over vectors of D numbers, or images of D pixels.

    mean: (D,). covariance: (D, D), symmetric and not negative. Raises ValueError where they are
    not. In all methods x_t is (B, D) or (B, ...) with D numbers an example, log_snr is () or (B,),
    results are float64 in the shape of x_t.
    """

    def __init__(self, mean: Tensor, covariance: Tensor):
        mean, covariance = mean.double(), covariance.double()
        if covariance.shape != (len(mean), len(mean)) or not torch.allclose(
            covariance, covariance.T
        ):
            raise ValueError(
                f"a covariance is symmetric, here {len(mean)} x {len(mean)}; found "
                f"{tuple(covariance.shape)}"
            )
        values, self.vectors = torch.linalg.eigh(covariance)
        if float(values.min()) < -1e-12 * float(values.abs().max()):
            raise ValueError(
                f"a covariance has no negative eigenvalue; found {float(values.min()):g}"
            )
        self.mean, self.covariance, self.values = mean, covariance, values.clamp(min=0)

    def _view(self, x_t: Tensor, log_snr: Tensor) -> _View:
        a, s = (v.reshape(-1, 1) for v in signal_noise(log_snr.double()))
        return _View(
            a,
            s,
            a**2 * self.values + s**2,
            (x_t.double().flatten(1) - a * self.mean) @ self.vectors,
        )

    def log_density(self, x_t: Tensor, log_snr: Tensor = CLEAN) -> Tensor:
        """log p_t(x_t), nats, shape (B,): N(a mean, a^2 covariance + s^2 I)."""
        _, _, variance, centred = self._view(x_t, log_snr)
        return -0.5 * (centred**2 / variance + torch.log(2 * math.pi * variance)).sum(1)

    def score(self, x_t: Tensor, log_snr: Tensor = CLEAN) -> Tensor:
        """grad log p_t at x_t."""
        _, _, variance, centred = self._view(x_t, log_snr)
        return (-(centred / variance) @ self.vectors.T).view(x_t.shape)

    def predict(self, x_t: Tensor, log_snr: Tensor) -> Prediction:
        """E[x_0 | x_t] and E[eps | x_t]: the prediction that no network can better."""
        a, s, variance, centred = self._view(x_t, log_snr)
        x0 = self.mean + (a * self.values / variance * centred) @ self.vectors.T
        return Prediction(
            x0.view(x_t.shape), (s / variance * centred @ self.vectors.T).view(x_t.shape)
        )

    def posterior(self, x_t: Tensor, log_snr: Tensor) -> tuple[Tensor, Tensor]:
        """p(x_0 | x_t): mean in the shape of x_t, covariance (B or 1, D, D)."""
        _, s, variance, _ = self._view(x_t, log_snr)
        spread = self.values * s**2 / variance
        return self.predict(x_t, log_snr).x0, (self.vectors * spread[:, None, :]) @ self.vectors.T

    def flow(self, x_t: Tensor, log_snr_t: Tensor, log_snr_s: Tensor = CLEAN) -> Tensor:
        """Where the probability-flow ODE takes x_t at another log-SNR: each axis stretched by its
        deviations."""
        before, after = self._view(x_t, log_snr_t), self._view(x_t, log_snr_s)
        stretched = (after.variance / before.variance).sqrt() * before.centred
        return (after.a * self.mean + stretched @ self.vectors.T).view(x_t.shape)

    def entropy(self) -> float:
        """-E log p(x_0), nats."""
        return float(0.5 * torch.log(2 * math.pi * math.e * self.values).sum())

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` vectors x_0, (count, D)."""
        z = torch.randn(count, len(self.mean), generator=generator, dtype=torch.float64)
        return self.mean + (z * self.values.sqrt()) @ self.vectors.T
