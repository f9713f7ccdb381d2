"""Estimators of d/d mean E f(z), z ~ N(mean, std^2), one draw at a time: reparameterised and
score-function.

reparameterised: f'(mean + std eps) (Kingma & Welling 2014, arXiv:1312.6114); score-function: (f(z)
- b)(z - mean) / std^2 with a baseline b (Williams 1992; Mohamed et al. 2020, arXiv:1906.10652). All
are unbiased; they differ in
variance: for f = z^2 and z ~ N(mu, 1) by the factor (mu^4 + 14 mu^2 + 15) / 4, which is 21.75 at mu
= 2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Objective = Callable[[Tensor], Tensor]
"""f: (N, d) -> (N,)."""


def reparameterised(f: Objective, mean: Tensor, std: Tensor, eps: Tensor) -> Tensor:
    """Gradients (N, d) with respect to the mean, one for each row of eps (N, d)."""
    with torch.enable_grad():
        z = (mean + std * eps).detach().requires_grad_(True)
        return torch.autograd.grad(f(z).sum(), z)[0]


def score_function(f: Objective, mean: Tensor, std: Tensor, eps: Tensor) -> Tensor:
    """Gradients (N, d) without a baseline."""
    return f(mean + std * eps)[:, None] * eps / std


def score_function_baseline(f: Objective, mean: Tensor, std: Tensor, eps: Tensor) -> Tensor:
    """Gradients (N, d) with the mean of f over the OTHER rows as baseline, which leaves each of
    them unbiased."""
    values = f(mean + std * eps)
    others = (values.sum() - values) / (len(values) - 1)
    return (values - others)[:, None] * eps / std


ESTIMATORS: dict[str, Callable[[Objective, Tensor, Tensor, Tensor], Tensor]] = {
    "reparameterised": reparameterised,
    "score-function": score_function,
    "score-function-baseline": score_function_baseline,
}
