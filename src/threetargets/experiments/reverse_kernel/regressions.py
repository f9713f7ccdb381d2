"""Two regressions with one solution, the mean of p(x_{i-1} | x_i): on x_{i-1} itself, and on its
mean given the clean data."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from threetargets.diffusion.kernel import Posterior, posterior, signal_noise
from threetargets.diffusion.schedule import Table
from threetargets.experiments.line import Line

Mean = Callable[[Tensor, Tensor], Tensor]
"""(x_i (N,), i (N,)) -> mean of x_{i-1} (N,)."""


def constants(table: Table, i: Tensor) -> Posterior:
    """A, B, C of q(x_{i-1} | x_0, x_i)."""
    return posterior(table.log_snr[i - 1], table.log_snr[i])


def drawn(
    data: Line, table: Table, count: int, source: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """i even over 2..T, x_i, x_{i-1} and A x_0 + B x_i, each (count,): a pair of the forward
    process, and the mean of the first given the clean data."""
    x0 = data.draw(count, source)
    i = torch.randint(2, table.steps + 1, (count,), generator=source)
    a, s = signal_noise(table.log_snr[i])
    x = a * x0 + s * torch.randn(count, dtype=torch.float64, generator=source)
    q = constants(table, i)
    mean = q.A * x0 + q.B * x
    before = mean + q.C.sqrt() * torch.randn(count, dtype=torch.float64, generator=source)
    return i, x, before, mean


def read(kind: str, out: Tensor, table: Table, x: Tensor, i: Tensor) -> Tensor:
    """The mean of x_{i-1} that an output (N,) stands for: the output, or A x_0^ + B x_i with x_0^ =
    (x_i - s eps^) / a."""
    if kind == "kernel":
        return out
    a, s = signal_noise(table.log_snr[i])
    q = constants(table, i)
    return q.A * (x - s * out) / a + q.B * x


def exact_mean(data: Line, table: Table) -> Mean:
    """A E[x_0 | x_i] + B x_i, for i that all rows share."""

    def mean(x: Tensor, i: Tensor) -> Tensor:
        q = constants(table, i[:1])
        return q.A * data.mixture.predict(x[:, None], table.log_snr[i[0]]).x0[:, 0] + q.B * x

    return mean


@torch.no_grad()
def excess(data: Line, table: Table, mean: Mean, points: int) -> float:
    """Sum over i = 2..T of E |mean - exact mean|^2 / (2 C_i), nats: by what the bound exceeds that
    of the exact means; x_i at even quantiles."""
    total, best = 0.0, exact_mean(data, table)
    for k in range(2, table.steps + 1):
        a, s = (float(v) for v in signal_noise(table.log_snr[k]))
        x = data.noised(a, s).spread_evenly(points)
        i = torch.full((points,), k)
        squared = (mean(x, i) - best(x, i)).square().mean()
        total += float(squared / (2 * constants(table, i[:1]).C))
    return total
