"""Discrete diffusion counted out: every x_0, every x_t, every order of a few pixels."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from threetargets.experiments.discrete.corruption import Corruption

Denoise = Callable[[Tensor, Tensor], Tensor]
"""(x_t (N, D), alpha ()) -> r (N, D, K): of each pixel, the law of its x_0 by the others."""


def grid(states: int, pixels: int) -> Tensor:
    """Every x of so many pixels, (states^D, D), int64; the last pixel changes fastest."""
    return torch.cartesian_prod(*[torch.arange(states)] * pixels).view(-1, pixels)


def entropy(law: Tensor) -> float:
    """nats."""
    return float(torch.special.entr(law).sum())


def likelihoods(process: Corruption, pixels: int, alpha: Tensor) -> Tensor:
    """q(x_t^i | x_0^i) of every x_0, x_t and pixel: (K^D, S^D, D), float64."""
    one = process.marginal(torch.eye(process.levels, dtype=torch.float64), alpha)
    x0, x_t = grid(process.levels, pixels), grid(process.states, pixels)
    return one[x0[:, None], x_t[None]]


def denoiser(process: Corruption, law: Tensor, pixels: int) -> Denoise:
    """The exact r of the law (K^D,): p(x_0^i | the pixels of x_t but the i-th)."""
    x0 = torch.nn.functional.one_hot(grid(process.levels, pixels), process.levels).double()

    def exact(x_t: Tensor, alpha: Tensor) -> Tensor:
        one = process.marginal(torch.eye(process.levels, dtype=torch.float64), alpha)
        by_pixel = one[grid(process.levels, pixels)[:, None], x_t[None]]
        r = []
        for i in range(pixels):
            others = by_pixel[:, :, [j for j in range(pixels) if j != i]].prod(-1)
            joint = (law[:, None] * others).T @ x0[:, i]
            total = joint.sum(-1, keepdim=True)
            r.append(torch.where(total > 0, joint / total, 1 / process.levels))
        return torch.stack(r, 1)

    return exact


def bound(process: Corruption, law: Tensor, pixels: int, alphas: Tensor, denoise: Denoise) -> float:
    """sum_t E KL(q(x_s | x_t, x_0) || prod_i p(x_s^i | x_t)), nats: the variational bound of a
    reverse step that treats the pixels apart, its expectations summed out."""
    x0, x_t = grid(process.levels, pixels), grid(process.states, pixels)
    total = 0.0
    for alpha_s, alpha_t in itertools.pairwise(alphas):
        q = likelihoods(process, pixels, alpha_t).prod(-1) * law[:, None]
        r = denoise(x_t, alpha_t).double()[None]
        shape = (len(x0), len(x_t), pixels)
        one = (x0[:, None].expand(shape), r.expand(*shape, -1), x_t[None].expand(shape))
        apart = process.divergence(*one, alpha_s, alpha_t).sum(-1)
        total += float((q * torch.where(q > 0, apart, 0.0)).sum())
    return total


def joint_bound(process: Corruption, law: Tensor, pixels: int, alphas: Tensor) -> float:
    """The same of the true reverse step p(x_s | x_t), which does not treat the pixels apart."""
    total = 0.0
    for alpha_s, alpha_t in itertools.pairwise(alphas):
        q_s = likelihoods(process, pixels, alpha_s).prod(-1)  # (x_0, x_s)
        q_t = likelihoods(process, pixels, alpha_t).prod(-1)
        kept = process.marginal(torch.eye(process.levels, dtype=torch.float64), alpha_t / alpha_s)
        rows = kept if process.states == process.levels else torch.cat([kept, process.law[None]])
        step = functools.reduce(torch.kron, [rows.contiguous()] * pixels)  # (x_s, x_t)
        joint = q_s[:, :, None] * step  # q(x_s, x_t | x_0)
        given = joint / torch.where(q_t > 0, q_t, 1.0)[:, None]
        both = (law[:, None, None] * joint).sum(0)
        marginal = both.sum(0)
        true = both / torch.where(marginal > 0, marginal, 1.0)
        ratio = torch.where(joint > 0, given, 1.0).log() - torch.where(joint > 0, true, 1.0).log()
        total += float((law[:, None, None] * joint * ratio).sum())
    return total


class Masks:
    """-log r_i(x_0^i | the pixels of x_0 outside M) of every x_0 and every set M of masked pixels
    that has i: `surprise` (K^D, 2^D, D), 0 where i is not in M. Set m has pixel i where bit i of m
    is set."""

    def __init__(self, process: Corruption, law: Tensor, pixels: int, denoise: Denoise):
        self.law, self.pixels = law, pixels
        x0 = grid(process.levels, pixels)
        sets = torch.arange(2**pixels)
        self.masked = (sets[:, None] >> torch.arange(pixels) & 1).bool()
        x_t = torch.where(self.masked[None], process.levels, x0[:, None])
        r = denoise(x_t.reshape(-1, pixels), torch.tensor(0.5, dtype=torch.float64)).double()
        own = r.view(*x_t.shape, -1).gather(-1, x0[:, None, :, None].expand(*x_t.shape, 1))
        self.surprise = -own[..., 0].log() * self.masked

    def over_orders(self) -> np.ndarray:
        """-E log of the autoregressive model in each of the D! orders, nats, (D!,)."""
        mean = (self.law[:, None, None] * self.surprise).sum(0).numpy()
        full = 2**self.pixels - 1
        values = []
        for order in itertools.permutations(range(self.pixels)):
            left, total = full, 0.0
            for i in order:
                total += mean[left, i]
                left -= 1 << i
            values.append(total)
        return np.array(values)

    def continuous(self) -> float:
        """The absorbing bound for T to infinity, int_0^1 du / u E sum_{i in M} surprise_i with each
        pixel masked with probability u: a polynomial of degree D - 1, hence exact by Gauss."""
        nodes, weights = np.polynomial.legendre.leggauss(self.pixels)
        size = self.masked.double().sum(1)
        each = (self.law[:, None, None] * self.surprise).sum((0, 2))
        total = 0.0
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            chance = node**size * (1 - node) ** (self.pixels - size)
            total += weight * float((chance * each).sum()) / node
        return total
