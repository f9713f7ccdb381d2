"""The importance-weighted bound (Burda et al. 2016, arXiv:1509.00519): L_k = E log (1/k) sum_j w_j
<= log p(x)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def log_mean_weights(log_weights: Callable[[int, int], Tensor], k: int, chunk: int = 100) -> Tensor:
    """log (1/k) sum_{j<k} exp(log w_j), nats per example, shape (B,).

    `log_weights(first, count)` gives samples first .. first + count - 1 as (count, B) SAMPLED log
    ratios log p(x, z) - log q(z | x): a closed-form KL in them would not be a bound for k > 1. The
    mean is taken of weights, not of logarithms, over all chunks together.
    """
    if k < 1:
        raise ValueError("k must be 1 or more")
    running: Tensor | None = None
    for first in range(0, k, chunk):
        part = torch.logsumexp(log_weights(first, min(chunk, k - first)).double(), 0)
        running = part if running is None else torch.logaddexp(running, part)
    assert running is not None
    return running - math.log(k)
