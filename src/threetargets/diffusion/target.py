"""What a network may predict: output spaces, each stated as one pair (c_skip, c_out).

An output F of the network is read as x0^ = c_skip x_t + c_out F, eps^ = (x_t - a x0^) / s. All else
follows from the pair: what F is regressed on, what an error of F is as one of x0^ or of eps^, and
so the loss in any weighting. Adding a target: a function (a, s, data_std) -> Pair, and one line in
TARGETS; losses, samplers, guidance, likelihoods, the grid of the study and the oracle tests take it
up from there.

All formulas are per element; a and s are float64 (a = 90 s at log-SNR 9, and 1 - a c_skip is a
difference of nearly equal numbers) and broadcast over x_t (diffusion.kernel.aligned).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Prediction(NamedTuple):
    """What is believed of x_t: x_t = a x0 + s eps. Both are kept: deriving one from the other loses
    it where a or s is small."""

    x0: Tensor
    eps: Tensor


class Pair(NamedTuple):
    """x0^ = c_skip x_t + c_out F."""

    c_skip: Tensor
    c_out: Tensor


def unscaled(a: Tensor, s: Tensor) -> Tensor:
    return torch.ones_like(a)


@dataclass(frozen=True)
class Target:
    """An output space: `pair(a, s, data_std)`, where data_std is the standard deviation of the
    training pixels, for those that ask. The network's raw output times `scale(a, s)` is F."""

    pair: Callable[[Tensor, Tensor, float], Pair]
    scale: Callable[[Tensor, Tensor], Tensor] = unscaled
    data_std: float = 1.0

    def skip_and_out(self, a: Tensor, s: Tensor) -> Pair:
        """The pair (c_skip, c_out) of F at this noise level."""
        return self.pair(a, s, self.data_std)

    def encode(self, x0: Tensor, eps: Tensor, a: Tensor, s: Tensor) -> Tensor:
        """The F that is (x0, eps): (x0 - c_skip x_t) / c_out, written as a mixture of x0 and eps so
        that large c_skip cancel."""
        c_skip, c_out = self.skip_and_out(a, s)
        of_x0, of_eps = (1.0 - a * c_skip) / c_out, -s * c_skip / c_out
        return of_x0.to(x0) * x0 + of_eps.to(eps) * eps

    def decode(self, out: Tensor, x_t: Tensor, a: Tensor, s: Tensor) -> Prediction:
        """The pair (x0, eps) of F, each by its own formula: eps^ = (1 - a c_skip) / s x_t - a c_out
        / s F."""
        c_skip, c_out = self.skip_and_out(a, s)
        x0 = c_skip.to(x_t) * x_t + c_out.to(out) * out
        eps = ((1.0 - a * c_skip) / s).to(x_t) * x_t - (a * c_out / s).to(out) * out
        return Prediction(x0, eps)

    def x0_error(self, a: Tensor, s: Tensor) -> Tensor:
        """|d x0^ / d F| = |c_out|: what an error of 1 in F is in x0^."""
        return self.skip_and_out(a, s).c_out.abs()

    def eps_error(self, a: Tensor, s: Tensor) -> Tensor:
        """|d eps^ / d F| = a |c_out| / s: what an error of 1 in F is in eps^."""
        return a * self.x0_error(a, s) / s

    def eps_scale(self, a: Tensor, s: Tensor) -> Tensor:
        """|d F / d eps^| at fixed x_t: squared error of F = eps_scale^2 |eps - eps^|^2."""
        return s / (a * self.x0_error(a, s))


def x0_space(a: Tensor, s: Tensor, data_std: float) -> Pair:
    """F = x0."""
    return Pair(torch.zeros_like(a), torch.ones_like(a))


def eps_space(a: Tensor, s: Tensor, data_std: float) -> Pair:
    """F = eps (Ho et al. 2020, arXiv:2006.11239, eq. 11)."""
    return Pair(1.0 / a, -s / a)


def score_space(a: Tensor, s: Tensor, data_std: float) -> Pair:
    """F = grad log q(x_t), so x0^ = (x_t + s^2 F) / a (Tweedie); regressed on grad log q(x_t | x_0)
    = -eps / s."""
    return Pair(1.0 / a, s**2 / a)


def v_space(a: Tensor, s: Tensor, data_std: float) -> Pair:
    """F = a eps - s x0 (Salimans & Ho 2022, arXiv:2202.00512)."""
    return Pair(a, -s)


def flow_space(a: Tensor, s: Tensor, data_std: float) -> Pair:
    """F = eps - x0, the velocity of the straight path from x0 to eps (Lipman et al. 2023,
    arXiv:2210.02747), here at the noise levels of this process."""
    return Pair(1.0 / (a + s), -s / (a + s))


def edm_space(a: Tensor, s: Tensor, data_std: float) -> Pair:
    """Karras et al. 2022 (arXiv:2206.00364, table 1) in x_t = a (x0 + sigma eps), sigma = s / a: F
    is what is left of x0 where the best linear guess from x_t is taken off, scaled to variance
    1."""
    total = s**2 + (a * data_std) ** 2
    return Pair(a * data_std**2 / total, s * data_std / torch.sqrt(total))


def inverse_noise(a: Tensor, s: Tensor) -> Tensor:
    """1/s, by which the score's raw output is scaled, so that the network regresses numbers of
    variance 1 at every noise level (Song & Ermon 2020, arXiv:2006.09011, technique 3). It then
    learns -eps: under one weighting, `score` and `eps` are the same model up to the sign of the
    last layer. Without it, `raw-score` has to produce numbers of size 1/s: a control."""
    return 1.0 / s


TARGETS: dict[str, Target] = {
    "x0": Target(x0_space),
    "eps": Target(eps_space),
    "score": Target(score_space, inverse_noise),
    "v": Target(v_space),
    "flow": Target(flow_space),
    "edm": Target(edm_space),
    "raw-score": Target(score_space),
}
