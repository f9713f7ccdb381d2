"""A linear-Gaussian decoder, p(z) = N(0, I), p(x | z) = N(W z, std^2 I), and its posterior."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LinearGaussian:
    """W (D, d), float64."""

    weight: Tensor
    std: float

    @property
    def precision(self) -> Tensor:
        """P = I + W^T W / std^2, of z given x, whatever x: (d, d)."""
        w = self.weight
        return torch.eye(w.shape[1], dtype=w.dtype) + w.T @ w / self.std**2

    def posterior_mean(self, x: Tensor) -> Tensor:
        """P^-1 W^T x / std^2 of x (B, D): (B, d). (Tipping & Bishop 1999)"""
        return torch.linalg.solve(self.precision, self.weight.T @ x.T).T / self.std**2

    @property
    def covariance(self) -> Tensor:
        """W W^T + std^2 I, of x: (D, D)."""
        w = self.weight
        return w @ w.T + self.std**2 * torch.eye(len(w), dtype=w.dtype)
