"""Corruption of discrete pixels: each jumps, with a probability, to a draw of a fixed law pi.

The transition of one pixel that keeps its state with probability alpha is Q(alpha) = alpha I + (1 -
alpha) 1 pi^T, and Q(a) Q(b) = Q(ab): x_t given x_s is Q(alpha_t / alpha_s). Two corruptions differ
by pi alone: uniform over the K levels, or a point mass on a further state, the mask. (Austin et al.
2021, arXiv:2107.03006.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def point(x: Tensor, states: int, like: Tensor) -> Tensor:
    """1 at x (...), 0 elsewhere: (..., states), in the dtype of `like`."""
    zeros = torch.zeros(*x.shape, states, dtype=like.dtype)
    return zeros.scatter_(-1, x.unsqueeze(-1), 1.0)


@dataclass(frozen=True)
class Corruption:
    """K levels, S = K or K + 1 states. `law`: pi, (S,), float64. `clock`: whether the best denoiser
    depends on t; under absorption x_t itself shows what is left of x_0."""

    levels: int
    law: Tensor
    clock: bool

    @property
    def states(self) -> int:
        return len(self.law)

    def marginal(self, r: Tensor, alpha: Tensor) -> Tensor:
        """r Q(alpha): the law of a pixel whose x_0 has law r (..., K), shape (..., S)."""
        jumped = (1 - alpha) * self.law.to(r)
        if self.states == self.levels:
            return alpha * r + jumped
        return torch.nn.functional.pad(alpha * r, (0, 1)) + jumped

    def corrupt(self, x: Tensor, alpha: Tensor, source: torch.Generator) -> Tensor:
        """A draw of x_t of the shape of x (...), alpha broadcasting over it."""
        jumps = torch.rand(x.shape, generator=source) >= alpha
        to = torch.multinomial(self.law, x.numel(), replacement=True, generator=source)
        return torch.where(jumps, to.view(x.shape), x)

    def reverse(self, r: Tensor, x_t: Tensor, alpha_s: Tensor, alpha_t: Tensor) -> Tensor:
        """p(x_s | x_t) = Q(alpha_t / alpha_s)[x_s, x_t] (r Q(alpha_s))[x_s] / (r Q(alpha_t))[x_t].

        r (..., K) is the law of the pixel's x_0 by all that the other pixels say, before its own
        x_t (...) is looked at; Bayes' rule with x_t is in the formula, so that what was not
        corrupted is carried over. A point mass r gives q(x_s | x_t, x_0). alphas broadcast over
        (..., 1). Shape (..., S).
        """
        kept = alpha_t / alpha_s
        same = point(x_t, self.states, r)
        step = kept * same + (1 - kept) * self.law.to(r)[x_t].unsqueeze(-1)
        seen = self.marginal(r, alpha_t).gather(-1, x_t.unsqueeze(-1))
        return step * self.marginal(r, alpha_s) / seen

    def divergence(
        self, x0: Tensor, r: Tensor, x_t: Tensor, alpha_s: Tensor, alpha_t: Tensor
    ) -> Tensor:
        """KL(q(x_s | x_t, x_0) || p(x_s | x_t)) of each pixel, nats, shape (...); where alpha_s is
        1 this is -log p(x_0 | x_t)."""
        q = self.reverse(point(x0, self.levels, r), x_t, alpha_s, alpha_t)
        p = self.reverse(r, x_t, alpha_s, alpha_t)
        ratio = torch.where(q > 0, q, 1.0).log() - torch.where(q > 0, p, 1.0).log()
        return (q * ratio).sum(-1)


def uniform(levels: int) -> Corruption:
    return Corruption(levels, torch.full((levels,), 1 / levels, dtype=torch.float64), True)


def absorbing(levels: int) -> Corruption:
    """State K is the mask."""
    return Corruption(levels, torch.eye(levels + 1, dtype=torch.float64)[levels], False)


CORRUPTIONS: dict[str, Callable[[int], Corruption]] = {"uniform": uniform, "absorbing": absorbing}


def alphas(steps: int) -> Tensor:
    """1 - t / T for t = 0 .. T, (T + 1,): x_T is a draw of pi and says nothing of x_0."""
    return 1 - torch.arange(steps + 1, dtype=torch.float64) / steps


def gumbel(shape: Sequence[int], source: torch.Generator) -> Tensor:
    """Noise -log(-log u), u even in [0, 1), in float64: a float32 u ends at 1 - 2^-24, so that the
    noise ends at 16.6, and what is improbable is drawn too seldom, as by a lower temperature (Zheng
    et al. 2024, arXiv:2409.02908)."""
    u = torch.rand(tuple(shape), generator=source, dtype=torch.float64)
    return -(-u.log()).log()


def categorical(p: Tensor, source: torch.Generator) -> Tensor:
    """A draw of each law p (..., S), by the largest log p + Gumbel noise."""
    return (p.double().log() + gumbel(p.shape, source)).argmax(-1)
