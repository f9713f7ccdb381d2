"""The misprint of Langevin dynamics: a drift of 2 g with a noise of sqrt(dt) has exp(4 score) as
its density."""

from __future__ import annotations

import math

import torch

from threetargets.calibration.misprint import Shown, simulated
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
