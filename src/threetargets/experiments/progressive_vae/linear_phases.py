"""Two phases where all is known: y ~ N(0, C), linear encoders z_l = M_l z_{l-1} + tau eps, z_0 = y.

Phase one's best decoders are q(z_{l-1} | z_l) = N(G_l z_l, S_l), phase two's best prior is N(0,
Cov z_L). Drawn from one after the other, from the top, they make z_{L-1}, .., y of the laws that
the encoders gave them: the law of y is C, whatever M and tau. Where the families are too narrow for
them, it is another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence


@dataclass(frozen=True)
class Phases:
    """gains and lefts: G_l and S_l, from the first layer on; top: the prior's covariance."""

    gains: tuple[Tensor, ...]
    lefts: tuple[Tensor, ...]
    top: Tensor

    def isotropic(self) -> Phases:
        """With the best decoders of covariance sigma_l^2 I."""
        lefts = [left.trace() / len(left) * torch.eye(len(left)).to(left) for left in self.lefts]
        return replace(self, lefts=tuple(lefts))

    def standard(self) -> Phases:
        """With the prior N(0, I)."""
        return replace(self, top=torch.eye(len(self.top)).to(self.top))

    def law(self) -> Tensor:
        """The covariance of y: from the prior down the decoders."""
        made = self.top
        for gain, left in zip(reversed(self.gains), reversed(self.lefts), strict=True):
            made = gain @ made @ gain.T + left
        return made


def best(data: Tensor, encoders: Sequence[Tensor], noise: float) -> Phases:
    """Of y of covariance data (D, D) and encoders M_l, float64."""
    gains, lefts, below = list[Tensor](), list[Tensor](), data
    for encoder in encoders:
        cross = below @ encoder.T
        above = encoder @ cross + noise**2 * torch.eye(len(encoder), dtype=data.dtype)
        gain = torch.linalg.solve(above, cross.T).T
        gains.append(gain)
        lefts.append(below - gain @ cross.T)
        below = above
    return Phases(tuple(gains), tuple(lefts), below)


def divergence(data: Tensor, model: Tensor) -> float:
    """KL(N(0, data) || N(0, model)), nats."""
    zero = torch.zeros(len(data), dtype=data.dtype)
    laws = [MultivariateNormal(zero, (one + one.T) / 2) for one in (data, model)]
    return float(kl_divergence(*laws))


def drawn(size: int, latents: Sequence[int], source: torch.Generator) -> list[Tensor]:
    """Encoders of which nobody has asked anything: M_l with entries N(0, 1 / d_{l-1})."""
    below = [size, *latents[:-1]]
    return [
        torch.randn(d, b, dtype=torch.float64, generator=source) / b**0.5
        for d, b in zip(latents, below, strict=True)
    ]
