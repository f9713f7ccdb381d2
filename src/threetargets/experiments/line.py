"""Laws on a line that are known: mixtures of Gaussians with their distribution function, quantiles,
and distances between two of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from threetargets.oracles import Gaussian, Mixture

REACH = 9.0
"""Standard deviations beyond the outermost centres, past which nothing is looked for."""
GRID = 8001


@dataclass(frozen=True)
class Line:
    """sum_k weights_k N(means_k, variances_k), each of shape (K,), float64."""

    weights: Tensor
    means: Tensor
    variances: Tensor

    def noised(self, a: float, s: float) -> Line:
        """The law of a x + s eps."""
        return Line(self.weights, a * self.means, a**2 * self.variances + s**2)

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and variance."""
        mean = float(self.weights @ self.means)
        return mean, float(self.weights @ (self.variances + self.means**2)) - mean**2

    def matched(self) -> Line:
        """The Gaussian of the same mean and variance."""
        mean, variance = (torch.tensor([v], dtype=torch.float64) for v in self.moments)
        return Line(torch.ones(1, dtype=torch.float64), mean, variance)

    @cached_property
    def mixture(self) -> Mixture:
        """The same, with density and score."""
        parts = zip(self.means, self.variances, strict=True)
        return Mixture(self.weights, [Gaussian(m.view(1), v.view(1, 1)) for m, v in parts])

    def density(self, x: Tensor) -> Tensor:
        """At x (N,)."""
        return self.mixture.log_density(x[:, None]).exp()

    def score(self, x: Tensor) -> Tensor:
        """d log p / dx at x (N,)."""
        return self.mixture.score(x[:, None])[:, 0]

    def below(self, x: Tensor) -> Tensor:
        """P(X <= x), shape of x."""
        z = (x[..., None] - self.means) / self.variances.sqrt()
        return torch.special.ndtr(z) @ self.weights

    def grid(self, other: Line | None = None) -> Tensor:
        """Points that hold this law, and the other, but for what nobody can see."""
        some = [self, *([other] if other is not None else [])]
        ends = [(law.means - REACH * law.variances.sqrt()).min() for law in some]
        more = [(law.means + REACH * law.variances.sqrt()).max() for law in some]
        return torch.linspace(float(min(ends)), float(max(more)), GRID, dtype=torch.float64)

    def quantiles(self, levels: Tensor) -> Tensor:
        """F^-1(levels), by lines on the grid."""
        grid = self.grid()
        below = self.below(grid)
        after = torch.searchsorted(below, levels).clamp(1, GRID - 1)
        low, high = below[after - 1], below[after]
        share = ((levels - low) / (high - low).clamp(min=1e-300)).clamp(0, 1)
        return grid[after - 1] + share * (grid[1] - grid[0])

    def spread_evenly(self, count: int) -> Tensor:
        """F^-1((j - 1/2) / count): the best `count` points for the law."""
        return self.quantiles((torch.arange(count, dtype=torch.float64) + 0.5) / count)

    def draw(self, count: int, source: torch.Generator) -> Tensor:
        """(count,), float64."""
        which = torch.multinomial(self.weights, count, replacement=True, generator=source)
        z = torch.randn(count, dtype=torch.float64, generator=source)
        return self.means[which] + self.variances[which].sqrt() * z


def law(weights: list[float], means: list[float], spreads: list[float]) -> Line:
    """Of standard deviations `spreads`; weights of any positive sum."""
    w, m, s = (torch.tensor(v, dtype=torch.float64) for v in (weights, means, spreads))
    return Line(w / w.sum(), m, s**2)


def wasserstein(one: Line, other: Line) -> float:
    """The Wasserstein-1 distance, int |F - G| dx."""
    grid = one.grid(other)
    return float((one.below(grid) - other.below(grid)).abs().sum() * (grid[1] - grid[0]))


def distance(x: Tensor, to: Line) -> float:
    """The Wasserstein-1 distance of samples x (N,) to a law: the mean of |x_(j) - F^-1((j - 1/2) /
    N)|."""
    return float((x.sort().values - to.spread_evenly(len(x))).abs().mean())
