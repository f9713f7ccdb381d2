"""Three ways to follow a score from noise: the probability flow and Langevin dynamics, whose noise
levels fall, and ascent of the finest density, which stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.sampler import heun
from threetargets.diffusion.schedule import Table

Draw = Callable[[], Tensor]


class Move(NamedTuple):
    """One step: from and to, both (N, 2) as points of the noise level `log_snr`."""

    before: Tensor
    after: Tensor
    log_snr: Tensor


def score(predictor: Predictor, x: Tensor, log_snr: Tensor) -> Tensor:
    """-eps / s (N, 2)."""
    return -predictor(x, log_snr).eps / signal_noise(log_snr)[1]


def falling(table: Table) -> Iterator[tuple[Tensor, Tensor]]:
    """Neighbouring noise levels, from the coarsest to the finest that is not clean."""
    return pairwise(table.log_snr[1:].flip(0))


def flow(predictor: Predictor, table: Table, x: Tensor) -> Iterator[Move]:
    """In y = x / a and sigma = s / a it is dy = sigma grad log p(y; sigma) (-d sigma), uphill on a
    density that sharpens. A point's own place on the next level is that of the same y."""
    step, none = heun(), torch.zeros_like(x)
    for l_t, l_s in falling(table):
        same = x * signal_noise(l_s)[0] / signal_noise(l_t)[0]
        x = step(predictor, x, l_t, l_s, lambda: none)
        yield Move(same, x, l_s)


def langevin(
    predictor: Predictor, table: Table, x: Tensor, rate: float, steps: int, noise: Draw
) -> Iterator[Move]:
    """x + w grad log p + sqrt(2 w) z with w = rate s^2, so many steps at every level; from one to
    the next y = x / a stays."""
    for l_t, l_s in falling(table):
        x = x * signal_noise(l_s)[0] / signal_noise(l_t)[0]
        width = rate * signal_noise(l_s)[1] ** 2
        for _ in range(steps):
            before = x
            x = x + width * score(predictor, x, l_s) + (2 * width).sqrt() * noise()
            yield Move(before, x, l_s)


def ascent(
    predictor: Predictor, log_snr: Tensor, x: Tensor, rate: float, variance: float, steps: int
) -> Iterator[Move]:
    """x + rate variance grad log p of one noise level."""
    for _ in range(steps):
        before = x
        x = x + rate * variance * score(predictor, x, log_snr)
        yield Move(before, x, log_snr)
