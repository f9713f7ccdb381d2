"""Laws of 64 pixels whose law given the means of 2x2 of them is a closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.experiments.conditioning import Part
from threetargets.experiments.digit_sizes import SIDE
from threetargets.experiments.super_resolution.spec import FACTOR
from threetargets.oracles import Gaussian, Mixture

LEAST = 1e-12
"""A component that is less probable given what is seen is left out."""


def means() -> Part:
    """u = R x, R (16, 64): FACTOR times the mean of each 2x2 pixels. The rows share no pixel and
    have length 1."""
    across = torch.kron(torch.eye(SIDE // FACTOR), torch.full((1, FACTOR), FACTOR**-0.5))
    return Part(torch.kron(across, across).double())


def law_of(x: Tensor, groups: Tensor, noise: float) -> Mixture:
    """A Gaussian for each group, with its share, mean and covariance in x (N, D), and noise^2 I
    more; groups (N,), int64."""
    shares, components = list[float](), list[Gaussian]()
    for group in groups.unique():
        own = x[groups == group].double()
        floor = noise**2 * torch.eye(x.shape[1], dtype=torch.float64)
        components.append(Gaussian(own.mean(0), torch.cov(own.T, correction=0) + floor))
        shares.append(len(own) / len(x))
    return Mixture(torch.tensor(shares, dtype=torch.float64), components)


def given(law: Mixture, part: Part, u: Tensor) -> Mixture:
    """p(x | R x = u) for one u (k,).

    Component j keeps N(m + G (u - R m), C - G R C), G = C R^T (R C R^T)^-1, and has the weight w_j
    N(u; R m, R C R^T).
    """
    rows = part.rows
    log_weights, components = list[Tensor](), list[Gaussian]()
    for weight, one in zip(law.weights, law.components, strict=True):
        seen = Gaussian(rows @ one.mean, rows @ one.covariance @ rows.T)
        gain = torch.linalg.solve(seen.covariance, rows @ one.covariance).T
        left = one.covariance - gain @ rows @ one.covariance
        components.append(Gaussian(one.mean + gain @ (u - seen.mean), (left + left.T) / 2))
        log_weights.append(weight.log() + seen.log_density(u[None])[0])
    weights = torch.softmax(torch.stack(log_weights), 0)
    kept = [k for k, weight in enumerate(weights) if weight > LEAST]
    return Mixture(weights[kept] / weights[kept].sum(), [components[k] for k in kept])


def moments(law: Mixture) -> tuple[Tensor, Tensor]:
    """Mean (D,) and covariance (D, D)."""
    centres = torch.stack([one.mean for one in law.components])
    within = torch.stack([one.covariance for one in law.components])
    mean = law.weights @ centres
    off = centres - mean
    between = (law.weights[:, None] * off).T @ off
    return mean, (law.weights[:, None, None] * within).sum(0) + between


def deviation(covariance: Tensor, part: Part) -> float:
    """Root mean square of the standard deviations of R x."""
    return float((part.rows @ covariance @ part.rows.T).diagonal().mean().sqrt())
