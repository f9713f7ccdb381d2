"""Pixels one after the other: a neural autoregressive distribution estimator (Larochelle & Murray
2011; Uria et al. 2016, arXiv:1605.02226)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

START = 0.1


class Nade(nn.Module):
    """p(v) = prod_d p(v_d | v_<d), logit of the d-th: b_d + V_d sigmoid(c + sum_(i < d) v_i W_i).

    v (N, D) of 0 and 1, in the order of its columns; W and V (D, H). 2 D H + D + H parameters.
    """

    def __init__(self, pixels: int, hidden: int):
        super().__init__()
        self.into = nn.Parameter(START * torch.randn(pixels, hidden))
        self.out = nn.Parameter(START * torch.randn(pixels, hidden))
        self.visible = nn.Parameter(torch.zeros(pixels))
        self.hidden = nn.Parameter(torch.zeros(hidden))

    def logits(self, v: Tensor) -> Tensor:
        """Of every pixel given those before it, (N, D)."""
        earlier = torch.ones(v.shape[1], v.shape[1], dtype=v.dtype).tril(-1)
        before = (v[:, None] * earlier) @ self.into  # (N, D, H)
        return self.visible + (torch.sigmoid(self.hidden + before) * self.out).sum(-1)

    def log_prob(self, v: Tensor) -> Tensor:
        """log p(v), nats, (N,)."""
        logits = self.logits(v)
        return (v * logits - softplus(logits)).sum(1)

    @property
    def squared(self) -> Tensor:
        """Sum of the squared weights, ()."""
        return self.into.square().sum() + self.out.square().sum()

    @torch.no_grad()
    def draw(self, count: int, source: torch.Generator) -> Tensor:
        """(count, D), in one pass: 2 D H operations each."""
        carried, made = self.hidden.expand(count, -1), []
        for into, out, own in zip(self.into, self.out, self.visible, strict=True):
            p = torch.sigmoid(own + torch.sigmoid(carried) @ out)
            v = (torch.rand(count, generator=source) < p).float()
            carried = carried + v[:, None] * into
            made.append(v)
        return torch.stack(made, 1)
