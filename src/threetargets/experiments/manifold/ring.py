"""Data of two dimensions whose law is known: Gaussians on a circle, put into D dimensions by an
orthonormal map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from threetargets.diffusion.kernel import like, signal_noise
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.target import Prediction
from threetargets.oracles.gaussian_data import Gaussian
from threetargets.oracles.mixture import Mixture
from threetargets.streams import generator


@dataclass(frozen=True)
class Ring:
    """z ~ 1/K sum_k N(r (cos 2 pi k/K, sin 2 pi k/K), spread^2 I), with r^2 / 2 + spread^2 = 1.

    For K >= 3 a coordinate has variance 1 in every direction of the plane.
    """

    modes: int
    spread: float

    @property
    def centres(self) -> Tensor:
        """(K, 2), float64."""
        radius = math.sqrt(2 * (1 - self.spread**2))
        angle = 2 * math.pi * torch.arange(self.modes, dtype=torch.float64) / self.modes
        return radius * torch.stack([angle.cos(), angle.sin()], 1)

    def mixture(self) -> Mixture:
        """The same law, with its densities, posteriors and exact denoiser."""
        covariance = self.spread**2 * torch.eye(2, dtype=torch.float64)
        weights = torch.full((self.modes,), 1 / self.modes, dtype=torch.float64)
        return Mixture(weights, [Gaussian(centre, covariance) for centre in self.centres])

    def draw(self, count: int, source: torch.Generator) -> Tensor:
        """(count, 2), float32."""
        centres = self.centres.float()
        which = torch.randint(self.modes, (count,), generator=source)
        return centres[which] + self.spread * torch.randn(count, 2, generator=source)


def embedding(dimension: int, seed: int) -> Tensor:
    """P of shape (D, 2), float64, P^T P = I: the first factor of the QR decomposition of a Gaussian
    matrix, so that its plane is uniform over all planes; a function of (D, seed) alone."""
    source = generator(seed, "manifold/embedding", dimension)
    made: Tensor = torch.linalg.qr(
        torch.randn(dimension, 2, dtype=torch.float64, generator=source)
    ).Q
    return made


def exact(ring: Ring, basis: Tensor) -> Predictor:
    """The denoiser of least error for x_0 = P z: E[x_0 | x_t] = P E[z | P^T x_t], since the noise
    off the plane says nothing of z; eps = (x_t - a x_0) / s. Float64, x_t of shape (B, D)."""
    law = ring.mixture()

    def predict(x_t: Tensor, log_snr: Tensor) -> Prediction:
        x = x_t.double()
        a, s = (like(v, x) for v in signal_noise(log_snr.double()))
        x0 = law.predict(x @ basis, log_snr).x0 @ basis.T
        return Prediction(x0, (x - a * x0) / s)

    return predict
