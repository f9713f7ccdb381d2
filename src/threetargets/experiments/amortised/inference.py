"""q(z | x) = N(mean, L L^T) for each x on its own: its bound, its optimum, and log p(x)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LogLikelihood = Callable[[Tensor], Tensor]
"""log p(x | z), nats, of z (S, N, d), x fixed: (S, N)."""
WIDER = 1.2
"""By which the proposal of importance sampling is wider than q: its weights are then bounded where
the posterior's tails are not much wider."""
CHUNK = 500


@dataclass(frozen=True)
class Q:
    """mean (N, d), root L (N, d, d), lower triangular."""

    mean: Tensor
    root: Tensor

    def draw(self, noise: Tensor) -> Tensor:
        """mean + L noise, noise (S, N, d)."""
        return self.mean + (self.root @ noise[..., None])[..., 0]

    def divergence(self) -> Tensor:
        """KL(q || N(0, I)), nats, (N,)."""
        diagonal = self.root.diagonal(dim1=-2, dim2=-1)
        squares = self.root.square().sum((1, 2)) + self.mean.square().sum(1)
        return 0.5 * (squares - self.mean.shape[1]) - diagonal.log().sum(1)


def bound(log_likelihood: LogLikelihood, q: Q, noise: Tensor) -> Tensor:
    """E_q log p(x | z) - KL(q || p), the first by the draws noise (S, N, d), nats, (N,)."""
    return log_likelihood(q.draw(noise)).mean(0) - q.divergence()


def diagonal(mean: Tensor, std: Tensor) -> Q:
    return Q(mean, torch.diag_embed(std))


@dataclass(frozen=True)
class Search:
    """Adam with its rate falling by half a cosine, so many draws of z in a step, new ones each
    time."""

    steps: int
    draws: int
    learning_rate: float


def optimised(
    log_likelihood: LogLikelihood,
    start: Q,
    full: bool,
    search: Search,
    source: torch.Generator,
    seen: Callable[[int, Q], None] = lambda step, q: None,
) -> Q:
    """The q of each x with the highest bound from `start` on: `full`, or a mean field, which keeps
    to the diagonal. seen(k, q) is called before step k, and after the last."""
    mean = start.mean.detach().clone().requires_grad_(True)
    root = start.root.detach()
    log_std = root.diagonal(dim1=-2, dim2=-1).log().clone().requires_grad_(True)
    lower = root.tril(-1).clone().requires_grad_(full)

    def now() -> Q:
        below = lower.tril(-1) if full else torch.zeros_like(root)
        return Q(mean, torch.diag_embed(log_std.exp()) + below)

    optimizer = torch.optim.Adam([mean, log_std, *([lower] if full else [])])
    for step in range(search.steps):
        seen(step, now())
        for group in optimizer.param_groups:
            rate = 0.5 * (1 + math.cos(math.pi * step / search.steps))
            group["lr"] = search.learning_rate * rate
        noise = torch.randn(search.draws, *mean.shape, generator=source, dtype=mean.dtype)
        optimizer.zero_grad()
        (-bound(log_likelihood, now(), noise).sum()).backward()
        optimizer.step()
    seen(search.steps, now())
    best = now()
    return Q(best.mean.detach(), best.root.detach())


@torch.no_grad()
def log_marginal(
    log_likelihood: LogLikelihood, q: Q, draws: int, source: torch.Generator
) -> Tensor:
    """log 1/K sum_k p(x, z_k) / r(z_k), z_k of r, q widened: below log p(x) on average, and near it
    (Burda et al. 2016, arXiv:1509.00519). nats, (N,)."""
    wide = Q(q.mean, WIDER * q.root)
    log_det = wide.root.diagonal(dim1=-2, dim2=-1).log().sum(1)
    parts = []
    for first in range(0, draws, CHUNK):
        count = min(CHUNK, draws - first)
        noise = torch.randn(count, *q.mean.shape, generator=source, dtype=q.mean.dtype)
        z = wide.draw(noise)
        # The constants of the two normal densities are the same.
        ratio = -0.5 * z.square().sum(-1) + 0.5 * noise.square().sum(-1) + log_det
        parts.append(log_likelihood(z) + ratio)
    return torch.logsumexp(torch.cat(parts), 0) - math.log(draws)
