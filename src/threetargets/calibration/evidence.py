"""The evidence lower bound and the importance-weighted bound on linear-Gaussian models, where log p
is known."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from threetargets.calibration.check_rows import Row, drawn, exact
from threetargets.calibration.densities import LATENT, ONE_LEVEL, SEEN
from threetargets.calibration.quadrature import Array
from threetargets.likelihood.gaussian import kl_to_standard
from threetargets.likelihood.importance import log_mean_weights
from threetargets.streams import generator

DRAWS = {1: 40_000, 2: 20_000, 3: 20_000, 5: 20_000, 50: 8_000, 500: 1_500}
"""Repetitions of L_k for each example."""


def sampled(name: str, k: int) -> tuple[Tensor, int]:
    """DRAWS[k] draws of L_k, each the mean over the three examples of a model, shape
    (DRAWS[k],)."""
    model, x, repeats = LATENT[name], SEEN[name], DRAWS[k]
    source = generator(0, f"calibrate/{name}", k)
    many = x.repeat(repeats, 1)
    bounds = log_mean_weights(lambda first, count: model.log_weights(many, count, source), k)
    return bounds.view(repeats, -1).mean(1), repeats


def _error(values: Tensor) -> float:
    return float(values.std()) / math.sqrt(len(values))


def identity() -> list[Row]:
    """log p - ELBO = KL(q(z|x) || p(z|x)), the ELBO in closed form and as the library samples
    it."""
    rows = []
    for name, model in LATENT.items():
        x = SEEN[name]
        log_p, gap = model.log_p(x), model.gap(x)
        rows.append(
            exact(
                f"log p(x) − ELBO, {name}",
                gap.mean(),
                (log_p - model.elbo(x)).mean(),
                1e-9,
                "rounding in float64",
                n=len(x),
                unit="nats",
                origin="KL of two Gaussians, torch.distributions",
            )
        )
        values, n = sampled(name, 1)
        rows.append(
            drawn(
                f"log p(x) − ELBO, {name}, ELBO sampled",
                gap.mean(),
                log_p.mean() - values.mean(),
                _error(values),
                "draws of z",
                n=n,
                unit="nats",
                origin="KL of two Gaussians, torch.distributions",
            )
        )
        top, means = model.inference[-1], model.inference[0]
        if len(model.inference) == 1:
            mean = x @ means.weight.T + means.bias
            rows.append(
                exact(
                    "KL(q(z|x) ‖ N(0, I)), one layer, the VAE's closed form",
                    model.elbo_terms(x)["kl_1"].mean(),
                    kl_to_standard(mean, torch.log(top.std).expand_as(mean)).mean(),
                    1e-12,
                    "rounding in float64",
                    n=len(x),
                    unit="nats",
                )
            )
    return rows


def importance_by_quadrature(k: int, nodes: int) -> float:
    """E log mean_j w_j over the k noises of ONE_LEVEL's latent, by a product rule; mean over the
    examples."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    z_of = torch.from_numpy(points)
    prior = 0.5 * math.log(2 * math.pi)
    generative, inference = ONE_LEVEL.generative[0], ONE_LEVEL.inference[0]
    expected = []
    for x in SEEN["one layer"]:
        mean = float(inference.weight[0, 0] * x[0] + inference.bias[0])
        z = mean + float(inference.std[0]) * z_of
        log_w = generative.log_density(x.expand(nodes, 1), z[:, None]) - 0.5 * z**2 - prior
        log_w = log_w + 0.5 * z_of**2 + math.log(float(inference.std[0])) + prior
        grids = np.meshgrid(*[log_w.numpy()] * k, indexing="ij")
        joint: Array = np.prod(np.meshgrid(*[weights] * k, indexing="ij"), axis=0)
        expected.append(float((joint * (np.logaddexp.reduce(grids, axis=0) - math.log(k))).sum()))
    return float(np.mean(expected))


def bound() -> list[Row]:
    """ELBO <= L_k <= log p, rising with k, and L_k as quadrature has it."""
    rows = []
    for k, nodes in ((1, 20), (2, 80), (3, 40)):
        values, n = sampled("one layer", k)
        rows.append(
            drawn(
                f"IWAE bound, k = {k}, one layer",
                importance_by_quadrature(k, nodes),
                values.mean(),
                _error(values),
                "draws of the bound",
                n=n,
                unit="nats",
                origin="ELBO by quadrature" if k == 1 else "quadrature",
            )
        )
    for name, model in LATENT.items():
        log_p = float(model.log_p(SEEN[name]).mean())
        chain = {k: sampled(name, k) for k in (1, 5, 50, 500)}
        for low, high in pairwise(chain):
            a, b = chain[low][0], chain[high][0]
            rows.append(
                drawn(
                    f"IWAE bound, k = {high}, {name}, above k = {low}",
                    a.mean(),
                    b.mean(),
                    math.hypot(_error(a), _error(b)),
                    "draws of both bounds",
                    n=chain[high][1],
                    unit="nats",
                    origin=f"the bound at k = {low}",
                    relation=">",
                )
            )
        last, n = chain[500]
        rows.append(
            drawn(
                f"log p(x) less IWAE bound, k = 500, {name}, not negative",
                0.0,
                log_p - last.mean(),
                _error(last),
                "draws of the bound",
                n=n,
                unit="nats",
                relation="≥",
            )
        )
    return rows
