"""Laws of two numbers, one of which is seen, and the law of the other given it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from threetargets.diffusion.target import Prediction
from threetargets.oracles.gaussian_data import Gaussian
from threetargets.oracles.mixture import Mixture

GRID = 4001
REACH = 10.0
"""Distances are integrated this far to both sides."""


def correlated(correlation: float) -> Mixture:
    """N(0, [[1, rho], [rho, 1]]), as a mixture of one."""
    covariance = torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    return Mixture(one, [Gaussian(torch.zeros(2, dtype=torch.float64), covariance)])


def clusters(centres: Sequence[Sequence[float]], spread: float) -> Mixture:
    """Equal round Gaussians at these places."""
    places = torch.tensor(centres, dtype=torch.float64)
    covariance = spread**2 * torch.eye(2, dtype=torch.float64)
    weights = torch.full((len(places),), 1 / len(places), dtype=torch.float64)
    return Mixture(weights, [Gaussian(place, covariance) for place in places])


@dataclass(frozen=True)
class Rest:
    """p(x_2 | x_1 = y), for each y (B,) a mixture in one dimension: weights, means and variances
    (B, K), float64."""

    weights: Tensor
    means: Tensor
    variances: Tensor

    def draw(self, source: torch.Generator) -> Tensor:
        """One x_2 for each y, (B,)."""
        which = torch.multinomial(self.weights, 1, generator=source)
        mean, variance = (v.gather(1, which)[:, 0] for v in (self.means, self.variances))
        noise = torch.randn(len(mean), dtype=torch.float64, generator=source)
        return mean + variance.sqrt() * noise

    def predict(self, x_t: Tensor, a: Tensor, s: Tensor) -> Prediction:
        """E[x_2 | x_t, y] and E[eps | x_t, y] at x_t = a x_2 + s eps, all (B,)."""
        total = a**2 * self.variances + s**2
        off = x_t[:, None] - a * self.means
        shares = torch.softmax(self.weights.log() - 0.5 * (off**2 / total + total.log()), 1)
        x0 = (shares * (self.means + a * self.variances / total * off)).sum(1)
        return Prediction(x0, (x_t - a * x0) / s)

    def distance(self, x: Tensor) -> Tensor:
        """Wasserstein-1 distance of samples x (B, N) to each law, (B,): the integral of |F_N -
        F|."""
        x = x.double().contiguous()
        grid = torch.linspace(-REACH, REACH, GRID, dtype=torch.float64)
        z = (grid[:, None, None] - self.means) / self.variances.sqrt()
        below = (torch.special.ndtr(z) * self.weights).sum(-1).T
        places = grid.expand(len(x), -1).contiguous()
        seen = torch.searchsorted(x.sort(1).values, places, right=True) / x.shape[1]
        return torch.trapezoid((seen - below).abs(), grid)


def rest(law: Mixture, y: Tensor) -> Rest:
    """The law of the second number by the first, y (B,)."""
    means = torch.stack([c.mean for c in law.components])
    covariances = torch.stack([c.covariance for c in law.components])
    seen, both, hidden = covariances[:, 0, 0], covariances[:, 0, 1], covariances[:, 1, 1]
    off = y.double()[:, None] - means[:, 0]
    log_weights = law.weights.log() - 0.5 * (off**2 / seen + seen.log())
    spread = (hidden - both**2 / seen).expand(len(y), -1)
    return Rest(torch.softmax(log_weights, 1), means[:, 1] + both / seen * off, spread)
