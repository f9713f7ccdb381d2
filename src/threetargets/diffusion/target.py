"""What a network may predict, and the exact way from its output to the pair (x0, eps).

Adding a target: one class with `encode`, `decode`, `eps_scale` and `scale`, and one line in
TARGETS; losses, samplers, guidance, likelihoods, the grid of the study and the oracle tests take it
up from there. All formulas are per element; a and s broadcast over x_t (diffusion.kernel.like).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Prediction(NamedTuple):
    """What is believed of x_t: x_t = a x0 + s eps. Both are kept: deriving one from the other loses
    it where a or s is small."""

    x0: Tensor
    eps: Tensor


class Target(Protocol):
    def encode(self, x0: Tensor, eps: Tensor, a: Tensor, s: Tensor) -> Tensor:
        """The regression target, in the target's own space."""
        ...

    def decode(self, out: Tensor, x_t: Tensor, a: Tensor, s: Tensor) -> Prediction:
        """The pair (x0, eps) of an output in the target's own space."""
        ...

    def eps_scale(self, a: Tensor, s: Tensor) -> Tensor:
        """|d target / d eps| at fixed x_t: native squared error = eps_scale^2 |eps - eps^|^2."""
        ...

    def scale(self, a: Tensor, s: Tensor) -> Tensor:
        """The network's raw output times this is the output in the target's own space."""
        ...


class X0:
    """out = x0^; eps^ = (x_t - a x0^) / s."""

    def encode(self, x0: Tensor, eps: Tensor, a: Tensor, s: Tensor) -> Tensor:
        return x0

    def decode(self, out: Tensor, x_t: Tensor, a: Tensor, s: Tensor) -> Prediction:
        return Prediction(out, (x_t - a * out) / s)

    def eps_scale(self, a: Tensor, s: Tensor) -> Tensor:
        return s / a

    def scale(self, a: Tensor, s: Tensor) -> Tensor:
        return torch.ones_like(a)


class Eps:
    """out = eps^; x0^ = (x_t - s eps^) / a (Ho et al. 2020, arXiv:2006.11239, eq. 11)."""

    def encode(self, x0: Tensor, eps: Tensor, a: Tensor, s: Tensor) -> Tensor:
        return eps

    def decode(self, out: Tensor, x_t: Tensor, a: Tensor, s: Tensor) -> Prediction:
        return Prediction((x_t - s * out) / a, out)

    def eps_scale(self, a: Tensor, s: Tensor) -> Tensor:
        return torch.ones_like(a)

    def scale(self, a: Tensor, s: Tensor) -> Tensor:
        return torch.ones_like(a)


class RawScore:
    """out = grad log q(x_t); eps^ = -s out; x0^ = (x_t + s^2 out) / a (Tweedie). Target: grad log
    q(x_t | x_0) = -eps / s.

    The network has to produce numbers of size 1/s by itself. A control; `Score` is the usual form.
    """

    def encode(self, x0: Tensor, eps: Tensor, a: Tensor, s: Tensor) -> Tensor:
        return -eps / s

    def decode(self, out: Tensor, x_t: Tensor, a: Tensor, s: Tensor) -> Prediction:
        return Prediction((x_t + s**2 * out) / a, -s * out)

    def eps_scale(self, a: Tensor, s: Tensor) -> Tensor:
        return 1.0 / s

    def scale(self, a: Tensor, s: Tensor) -> Tensor:
        return torch.ones_like(a)


class Score(RawScore):
    """The score with the output scaled by 1/s, so that the network regresses numbers of variance 1
    at every noise level.

    Song & Ermon 2020 (arXiv:2006.09011, technique 3). The network then learns -eps: under one
    weighting, `score` and `eps` are the same model up to the sign of the last layer.
    """

    def scale(self, a: Tensor, s: Tensor) -> Tensor:
        return 1.0 / s


class V:
    """out = v = a eps - s x0; x0^ = a x_t - s v; eps^ = s x_t + a v (Salimans & Ho 2022,
    arXiv:2202.00512)."""

    def encode(self, x0: Tensor, eps: Tensor, a: Tensor, s: Tensor) -> Tensor:
        return a * eps - s * x0

    def decode(self, out: Tensor, x_t: Tensor, a: Tensor, s: Tensor) -> Prediction:
        return Prediction(a * x_t - s * out, s * x_t + a * out)

    def eps_scale(self, a: Tensor, s: Tensor) -> Tensor:
        return 1.0 / a

    def scale(self, a: Tensor, s: Tensor) -> Tensor:
        return torch.ones_like(a)


TARGETS: dict[str, Target] = {
    "x0": X0(),
    "eps": Eps(),
    "score": Score(),
    "v": V(),
    "raw-score": RawScore(),
}
