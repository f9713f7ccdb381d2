"""Misprints of Langevin dynamics: a drift of 2 g with a noise of sqrt(dt) has exp(4 score) as its
density, and its diffusion flow is -1/2 grad p."""

from __future__ import annotations

import math

import torch
from scipy.integrate import quad
from scipy.stats import norm

from threetargets.calibration.check_rows import written
from threetargets.calibration.densities import tensor
from threetargets.calibration.misprint import Shown, known, simulated
from threetargets.oracles import Gaussian
from threetargets.streams import generator

CHAINS, STEPS, WIDTH = 20_000, 800, 0.005
TARGET = Gaussian(torch.zeros(1), torch.eye(1))
"""score(y) = -y^2 / 2: exp(score) is N(0, 1), exp(4 score) is N(0, 1/4)."""


def stationary(drift: float, diffusion: float) -> tuple[float, float]:
    """Variance after many steps y + drift g dt + eps sqrt(diffusion dt), started at N(0, 4), and
    its standard error."""
    source = generator(0, "calibrate/errata", 6)
    y = 2.0 * TARGET.draw(CHAINS, source)
    for _ in range(STEPS):
        noise = torch.randn(y.shape, generator=source, dtype=torch.float64)
        y = y + drift * WIDTH * TARGET.score(y) + math.sqrt(diffusion * WIDTH) * noise
    return float((y**2).mean()), float((y**2).std()) / math.sqrt(CHAINS)


def langevin() -> list[Shown]:
    """The variance that the chains arrive at, for the density exp(score) = N(0, 1)."""
    what = f"stationary variance for the density N(0, 1), Δt = {WIDTH:g}, {STEPS} steps"
    return [
        simulated(
            what,
            1.0,
            stationary(1.0, 2.0),
            stationary(2.0, 1.0),
            "chains",
            n=CHAINS,
            origin="exp(score)",
        )
    ]


def _carried(y: float, width: float) -> float:
    """The flow through y that noise of variance `width` makes in that time, from N(0, 1): the
    probability that it carries to the right, less that to the left, over the time."""
    root = math.sqrt(width)
    over = [
        quad(lambda u, s=sign: norm.pdf(y - s * u) * norm.sf(u / root), 0, 12 * root, epsabs=1e-15)[
            0
        ]
        for sign in (1, -1)
    ]
    return (over[0] - over[1]) / width


def diffusion_flow() -> list[Shown]:
    """Noise of variance dt in a time dt is a flow of -1/2 grad p, as Fick has it. With -2 grad p it
    would have variance 4 dt."""
    shown, width = [], 1e-4
    for y in (1.0, -0.5):
        at = tensor([[y]])
        gradient = float(TARGET.log_density(at).exp() * TARGET.score(at))
        what = f"diffusion flow of the printed step through y = {written(y)}, density N(0, 1)"
        right = _carried(y, width)
        origin = f"what ε √Δt carries over y, Δt = {width:g}, quadrature"
        shown.append(
            known(what, right, -gradient / 2, -2 * gradient, 1e-4, "Δt is not 0", origin=origin)
        )
    return shown
