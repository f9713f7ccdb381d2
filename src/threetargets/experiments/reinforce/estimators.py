"""Functions whose gradient is, on average, that of the bound E_q [f], f = log p(x, z) - log q(z |
x)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def score(log_p: Tensor, log_q: Tensor, baseline: Tensor | float = 0.0) -> Tensor:
    """mean of log p(x, z) + (f - b) log q(z | x), f and b held fixed, of z that are draws of q (the
    gradient of 001, 12.2.4; Williams 1992). b may depend on anything but its own z."""
    f = (log_p - log_q).detach()
    return (log_p + (f - baseline) * log_q).mean()


def leave_one_out(log_p: Tensor, log_q: Tensor) -> Tensor:
    """The same with two draws of z for each x, (2, B): each has the other's f as its baseline."""
    return score(log_p, log_q, (log_p - log_q).detach().flip(0))


class RunningMean:
    """b: an average of f over past steps, 0 before the first."""

    def __init__(self, keep: float = 0.9):
        self.keep, self.value = keep, 0.0

    def __call__(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        made = score(log_p, log_q, self.value)
        now = float((log_p - log_q).detach().mean())
        self.value = self.keep * self.value + (1 - self.keep) * now
        return made


def gradients(draw: Callable[[int], Tensor], some: list[nn.Parameter], repeats: int) -> Tensor:
    """The gradient of draw(0), draw(1), .. by some parameters, flat, (repeats, P), float64."""
    rows = []
    for k in range(repeats):
        parts = torch.autograd.grad(draw(k), some, allow_unused=True)
        flat = [torch.zeros_like(p) if g is None else g for p, g in zip(some, parts, strict=True)]
        rows.append(torch.cat([g.double().flatten() for g in flat]))
    return torch.stack(rows)


def spread(rows: Tensor) -> float:
    """The variance of a gradient, summed over its coordinates, of draws (R, P)."""
    return float(rows.var(0).sum())


def squared_bias(rows: Tensor, exact: Tensor) -> float:
    """|mean of draws - exact|^2 less what the number of draws adds to it: unbiased, hence sometimes
    below 0."""
    return float((rows.mean(0) - exact).square().sum()) - spread(rows) / len(rows)


def ascend(
    model: nn.Module,
    objective: Callable[[int], Tensor],
    steps: int,
    rate: float,
    seen: Callable[[int], None],
) -> None:
    """Adam upwards; seen(k) is called before step k, and after the last."""
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for step in range(steps):
        seen(step)
        optimizer.zero_grad()
        (-objective(step)).backward()
        optimizer.step()
    seen(steps)
