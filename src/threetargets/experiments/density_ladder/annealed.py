"""log Z of a Boltzmann machine by annealed importance sampling (Neal 2001; Salakhutdinov & Murray
2008)."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from threetargets.experiments.density_ladder.boltzmann import Machine, coins


def log_weights(
    machine: Machine, base: Tensor, levels: int, runs: int, source: torch.Generator
) -> Tensor:
    """log w of each run, nats, (runs,): E w = Z.

    From independent pixels with logits `base` (D,), Z_0 = 2^H prod (1 + exp base), over `levels`
    even steps of t to the machine: sum_h of exp(((1 - t) base + t b) v + t (c h + h W v)), whose
    ratio at a step is taken before a sweep of the later one.
    """
    start = len(machine.hidden) * math.log(2) + float(softplus(base).sum())
    total = torch.full((runs,), start, dtype=base.dtype)
    v = coins(torch.sigmoid(base).expand(runs, -1), source)
    times = [k / levels for k in range(levels + 1)]
    apart = machine.visible - base
    for before, after in itertools.pairwise(times):
        inner = machine.hidden + v @ machine.weight.T
        total += (after - before) * (v @ apart)
        total += (softplus(after * inner) - softplus(before * inner)).sum(1)
        h = coins(torch.sigmoid(after * inner), source)
        v = coins(torch.sigmoid(base + after * (apart + h @ machine.weight)), source)
    return total


def log_mean(log_w: Tensor) -> tuple[float, float]:
    """log of the mean of w, and its standard error by sd(w) / (mean(w) sqrt(runs))."""
    most = log_w.max()
    w = (log_w - most).exp()
    mean = float(w.mean())
    return float(most) + math.log(mean), float(w.std()) / mean / math.sqrt(len(w))
