"""Misprints of the latent variable models: the scale of z, entropy, the reparameterised bound, the
marginal, layers."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.integrate import quad
from scipy.stats import norm

from threetargets.calibration.densities import ONE_LEVEL, SEEN
from threetargets.calibration.misprint import Shown, known, simulated
from threetargets.calibration.quadrature import Array, normal_mean
from threetargets.streams import generator

X = SEEN["one layer"][1:2]
"""The example x = 0.6 of the one-layer model."""


def _posterior() -> tuple[float, float]:
    """Mean and standard deviation of q(z | x)."""
    layer = ONE_LEVEL.inference[0]
    return float(layer.weight[0, 0] * X[0, 0] + layer.bias[0]), float(layer.std[0])


def _log_p(z: Array) -> Array:
    """log p(x, z)."""
    points = torch.from_numpy(np.asarray(z, dtype=np.float64))
    given = ONE_LEVEL.generative[0].log_density(X.expand(len(points), 1), points[:, None])
    return np.asarray(given.numpy() + norm.logpdf(z))


def _elbo() -> float:
    return float(ONE_LEVEL.elbo(X))


def scale_of_z() -> list[Shown]:
    """z = mu + sigma^2 eps: its standard deviation, and the bound that it estimates."""
    mean, std = _posterior()
    n = 100_000
    eps = torch.randn(n, generator=generator(0, "calibrate/errata", 3), dtype=torch.float64)
    values = []
    for scale in (std, std**2):
        spread = float((mean + scale * eps).std())
        values.append((spread, spread / math.sqrt(2 * n)))
    deviation = simulated(
        f"standard deviation of z, σ = {std:g}", std, values[0], values[1], "draws", n=n
    )
    bounds = [
        normal_mean(lambda z: _log_p(z) - norm.logpdf(z, mean, std), mean, scale)
        for scale in (std, std**2)
    ]
    what = "ELBO estimated from these draws, x = 0.6, linear-Gaussian model"
    return [deviation, known(what, _elbo(), bounds[0], bounds[1], 1e-9, "quadrature", unit="nats")]


def entropy() -> list[Shown]:
    """H = integral of q log q, subtracted: the sign of H, and a bound that subtracts the
    entropy."""
    mean, std = _posterior()
    printed = quad(
        lambda z: norm.pdf(z, mean, std) * norm.logpdf(z, mean, std), mean - 12, mean + 12
    )[0]
    right = float(norm(mean, std).entropy())
    sign = known(
        "entropy of q(z|x)",
        right,
        -printed,
        printed,
        1e-8,
        "quadrature",
        unit="nats",
        origin="scipy.stats.norm",
    )
    expected = normal_mean(_log_p, mean, std)
    what = "bound from E log p(x, z) and the entropy"
    return [
        sign,
        known(
            what, _elbo(), expected - printed, expected + printed, 1e-8, "quadrature", unit="nats"
        ),
    ]


def reparameterised_bound() -> list[Shown]:
    """log p_0 of z, p_0 = N(0, 1) the density of the noise, in the place of log q."""
    mean, std = _posterior()
    corrected = normal_mean(
        lambda e: _log_p(mean + std * e) - norm.logpdf(mean + std * e, mean, std)
    )
    printed = normal_mean(lambda e: _log_p(mean + std * e) - norm.logpdf(mean + std * e))
    what = "reparameterised bound, x = 0.6, linear-Gaussian model"
    return [known(what, _elbo(), corrected, printed, 1e-9, "quadrature", unit="nats")]


def marginal() -> list[Shown]:
    """The integral over x in the place of z: it is p(z), whatever x."""
    layer = ONE_LEVEL.generative[0]
    weight, bias, std = (float(v) for v in layer)

    def joint(x: float, z: float) -> float:
        return float(norm.pdf(x, weight * z + bias, std) * norm.pdf(z))

    x = float(X[0, 0])
    corrected = quad(lambda z: joint(x, z), -12, 12, epsabs=1e-12)[0]
    printed = quad(lambda v: joint(v, 0.0), -12, 12, epsabs=1e-12)[0]
    right = math.exp(float(ONE_LEVEL.log_p(X)))
    what = "p(x) at x = 0.6 (as printed a function of z: here z = 0)"
    return [known(what, right, corrected, printed, 1e-8, "quadrature")]


def phase_one() -> list[Shown]:
    """The second layer's decoder, trained on z_0 given z_1 again, where z_1 given z_2 is drawn."""
    n = 100_000
    noise = torch.randn(
        3, n, generator=generator(0, "calibrate/errata", 8), dtype=torch.float64
    ).numpy()
    y = noise[0]
    first = 0.9 * y + 0.4 * noise[1]
    second = 0.6 * first + 0.8 * noise[2]
    # Closed form: variances of z_1 and z_2, and the covariance.
    v_first, covariance = 0.9**2 + 0.4**2, 0.6 * (0.9**2 + 0.4**2)
    conditional = v_first - covariance**2 / (0.36 * v_first + 0.64)
    values = []
    for goal, given in (
        (first, second),
        (y, first),
    ):  # what the decoder is trained on: corrected, printed
        slope = float((goal * given).mean() / (given**2).mean())
        std = float((goal - slope * given).std())
        nats = -norm.logpdf(first, slope * second, std)
        values.append((float(nats.mean()), float(nats.std()) / math.sqrt(n)))
    what = "−E ln P_dec₂(z₁ | z₂) after training, linear-Gaussian chain"
    right = 0.5 * math.log(2 * math.pi * math.e * conditional)
    return [
        simulated(
            what,
            right,
            values[0],
            values[1],
            "draws",
            n=n,
            unit="nats",
            origin="conditional entropy H(z₁ | z₂)",
        )
    ]
