"""Decoders over K grey levels: proper distributions, with a gradient however far the mean lies."""

from __future__ import annotations

import contextlib
import math

import torch
from scipy.special import logsumexp
from scipy.stats import norm
from torch import Tensor

from threetargets.calibration.check_rows import Row, exact
from threetargets.calibration.densities import tensor
from threetargets.likelihood.decoders import DECODERS, Decoder, gaussian_log_mass
from threetargets.streams import generator

SCALES = (1e-4, 1e-2, 1.0, 10.0)
COUNTS = (2, 17, 256)


def _parameters(name: str, count: int, scale: float) -> Tensor:
    """Means on both sides of the pixels' range and one scale; logits where a decoder has none of
    both."""
    channels = DECODERS[name].channels(count)
    if name not in ("gaussian", "logistic"):
        return scale * torch.randn(
            21, channels, 1, generator=generator(0, "calibrate/decoder"), dtype=torch.float64
        )
    mean = torch.linspace(-1.6, 1.6, 21, dtype=torch.float64)
    return torch.stack([mean, torch.full_like(mean, math.log(scale))], 1)[:, :, None]


def _counts(decoder: Decoder) -> list[int]:
    """The numbers of levels that a decoder is for: the others it refuses."""
    counts = []
    for count in COUNTS:
        with contextlib.suppress(ValueError):
            decoder.channels(count)
            counts.append(count)
    return counts


def sums() -> list[Row]:
    """The K probabilities of a pixel add up to 1; the mass and its gradient at 20 deviations
    against scipy."""
    rows = []
    for name, decoder in DECODERS.items():
        for count in _counts(decoder):
            worst = 0.0
            for scale in SCALES:
                parameters = _parameters(name, count, scale)
                log_p = torch.stack(
                    [
                        decoder.log_prob(torch.full((21, 1), k), parameters, count)
                        for k in range(count)
                    ]
                )
                worst = max(worst, float((torch.logsumexp(log_p, 0)).abs().max()))
            what = f"log of the sum over {count} levels, {name}, scales 1e-4 to 10"
            rows.append(
                exact(
                    what, 0.0, worst, 1e-9, "rounding in float64", n=21 * len(SCALES), unit="nats"
                )
            )
    return rows + _far_away()


def _far_away() -> list[Row]:
    """log mass and d log mass / d mean of a middle bin 20 deviations away."""
    std, count, k = 0.01, 17, 8
    low, high = -1 / count, 1 / count
    mean = tensor([low - 20 * std]).requires_grad_(True)
    with torch.enable_grad():
        log_mass = gaussian_log_mass(torch.tensor([k]), mean, tensor(std), count)
        (gradient,) = torch.autograd.grad(log_mass.sum(), mean)
    z = (low - float(mean.detach())) / std, (high - float(mean.detach())) / std
    known = float(logsumexp([norm.logsf(z[0]), norm.logsf(z[1])], b=[1.0, -1.0]))
    slope = (math.exp(norm.logpdf(z[0]) - known) - math.exp(norm.logpdf(z[1]) - known)) / std
    why, origin = "rounding in float64", "scipy.stats.norm"
    return [
        exact(
            "log mass of a bin at 20 σ",
            known,
            log_mass.detach(),
            1e-9 * abs(known),
            why,
            unit="nats",
            origin=origin,
        ),
        exact(
            "its gradient by the mean",
            slope,
            gradient,
            1e-9 * slope,
            why,
            unit="nats per unit",
            origin=origin,
        ),
    ]
