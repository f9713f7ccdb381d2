"""Objectives that fit the slope of a log-density to that of the data, without its Z: up to a
constant of the data each is half the squared distance between the two slopes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

LogDensity = Callable[[Tensor], Tensor]
"""log f, up to a constant, of x (N, d): (N,)."""


def _sloped(log_f: LogDensity, x: Tensor) -> tuple[Tensor, Tensor]:
    """x as a leaf, and d log f / dx there, (N, d)."""
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(log_f(x).sum(), x, create_graph=True)
    return x, slope


def hyvarinen(log_f: LogDensity, x: Tensor) -> Tensor:
    """E [|g|^2 / 2 + div g], g = d log f / dx, x (N, d): () (Hyvarinen 2005). d derivatives of
    g."""
    x, slope = _sloped(log_f, x)
    bend = torch.zeros(len(x), dtype=x.dtype)
    for k in range(x.shape[1]):
        (row,) = torch.autograd.grad(slope[:, k].sum(), x, create_graph=True)
        bend = bend + row[:, k]
    return (slope.square().sum(1) / 2 + bend).mean()


def sliced(log_f: LogDensity, x: Tensor, directions: Tensor) -> Tensor:
    """E [|g|^2 / 2 + v dg/dx v], x and directions v (N, d): () (Song et al. 2019, "Sliced score
    matching"). The same on average where E v v^T = I; one derivative of g, whatever d."""
    x, slope = _sloped(log_f, x)
    (turn,) = torch.autograd.grad((slope * directions).sum(), x, create_graph=True)
    return (slope.square().sum(1) / 2 + (turn * directions).sum(1)).mean()
