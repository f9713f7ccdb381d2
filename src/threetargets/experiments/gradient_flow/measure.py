"""One seed of the gradient flow experiment: a learned score, and where three ways along it end."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.predictor import Predictor, predict
from threetargets.diffusion.schedule import SCHEDULES, Schedule, Table, table
from threetargets.diffusion.target import TARGETS
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.fitting import fitted
from threetargets.experiments.gradient_flow import moves
from threetargets.experiments.gradient_flow.moves import Move
from threetargets.experiments.gradient_flow.spec import FIELDS, WAYS, GradientFlow
from threetargets.experiments.manifold.distances import sliced_wasserstein
from threetargets.experiments.manifold.measure import Space, loss
from threetargets.experiments.manifold.perceptron import Narrow
from threetargets.experiments.manifold.ring import Ring, exact
from threetargets.experiments.manifold.spec import Case
from threetargets.experiments.no_label import NOBODY
from threetargets.oracles import Mixture
from threetargets.pipeline.records import Figure
from threetargets.streams import generator, key
from threetargets.study.values import Section

PATHS, PLACES, FINE = 24, 150, 1.0
"""Paths of the picture, and places kept of each; those of Langevin dynamics from this log-SNR on,
before which they are all over the plane."""
STILL = 1e-9
"""What rounding takes from the log density of a point at rest."""
ARROWS, REACH = 13, 2.4
SHOWN = (-1.0, 3.0)
"""log-SNRs at which the picture shows the arrows."""


def schedule(block: GradientFlow) -> Schedule:
    ends = block.process.schedule
    return SCHEDULES[ends.name](ends.log_snr_max, ends.log_snr_min)


def path(block: GradientFlow) -> Table:
    """The noise levels that points come through, both ends of the process among them."""
    t = torch.linspace(0, 1, block.moves.levels, dtype=torch.float64)
    return Table(torch.cat([torch.tensor([math.inf]).double(), schedule(block).log_snr(t)]))


def learned(block: GradientFlow, seed: int) -> Predictor:
    """A perceptron whose output is eps, under the squared error of eps, as in the manifold
    experiment with D = 2."""
    own, ring = block.network, Ring(block.data.modes, block.data.spread)
    case = Case("eps", "eps-equivalent", 2, own.width)
    place = Space(
        ring, torch.eye(2, dtype=torch.float64), table(schedule(block), block.process.steps)
    )

    def at(net: nn.Module, step: int) -> Tensor:
        return loss(
            net, case, place, own.training.batch, generator(seed, "gradient-flow/train", step)
        )

    stream = f"gradient-flow/init/{key(seed, 'flow/init')}"
    net = fitted(lambda: Narrow(2, own.width, own.depth), at, own.training, stream)
    return lambda x_t, log_snr: predict(net, TARGETS["eps"], x_t, log_snr, NOBODY)


def way(
    block: GradientFlow, kind: str, predictor: Predictor, start: Tensor, source: torch.Generator
) -> Iterator[Move]:
    own = block.moves
    if kind == "flow":
        return moves.flow(predictor, path(block), start)
    if kind == "langevin":
        return moves.langevin(
            predictor,
            path(block),
            start,
            own.rate,
            own.langevin_steps,
            lambda: torch.randn(start.shape, dtype=torch.float64, generator=source),
        )
    finest = path(block).log_snr[1]
    a, s = signal_noise(finest)
    variance = float((a * block.data.spread) ** 2 + s**2)
    return moves.ascent(predictor, finest, start, own.rate, variance, own.ascent_steps)


@torch.no_grad()
def followed(
    block: GradientFlow, kind: str, predictor: Predictor, law: Mixture, seed: int
) -> tuple[Tensor, float, np.ndarray]:
    """Where the points end, as y = x / a; the share of steps after which the exact log density of
    the step's own level is not lower; and some paths (PATHS, places, 2)."""
    source = generator(seed, "gradient-flow/start")
    start = torch.randn(block.moves.samples, 2, dtype=torch.float64, generator=source)
    x, uphill = start, []
    places = [start[:PATHS]] if kind != "langevin" else []
    log_snr = path(block).log_snr[1]
    for move in way(block, kind, predictor, start, source):
        x, log_snr = move.after, move.log_snr
        gained = law.log_density(move.after, log_snr) - law.log_density(move.before, log_snr)
        uphill.append(float((gained > -STILL).double().mean()))
        if kind != "langevin" or float(log_snr) >= FINE:
            places.append(x[:PATHS])
    kept = np.linspace(0, len(places) - 1, min(PLACES, len(places))).round().astype(int)
    tracks = torch.stack([places[k] for k in kept], 1).float().numpy()
    return x / signal_noise(log_snr)[0], sum(uphill) / len(uphill), tracks


@torch.no_grad()
def cosines(block: GradientFlow, predictors: dict[str, Predictor], seed: int) -> dict[str, float]:
    """Mean cosine of learned and exact score by noise level, at draws of x_t."""
    ring, values = Ring(block.data.modes, block.data.spread), {}
    for k, log_snr in enumerate(path(block).log_snr[1:]):
        source = generator(seed, "gradient-flow/cosine", k)
        a, s = signal_noise(log_snr)
        x0 = ring.draw(block.moves.samples, source).double()
        x = a * x0 + s * torch.randn(x0.shape, dtype=torch.float64, generator=source)
        one, other = (moves.score(predictors[name], x, log_snr) for name in FIELDS)
        values[f"{float(log_snr):.2f}"] = float(torch.cosine_similarity(one, other).mean())
    return values


@torch.no_grad()
def arrows(predictors: dict[str, Predictor], law: Mixture) -> dict[str, np.ndarray]:
    """The scores, and the exact density, on a square, at the levels that are shown."""
    line = torch.linspace(-REACH, REACH, ARROWS, dtype=torch.float64)
    fine = torch.linspace(-REACH, REACH, 61, dtype=torch.float64)
    x, dense = torch.cartesian_prod(line, line), torch.cartesian_prod(fine, fine)
    kept = {"at": x, "dense": dense}
    for level in SHOWN:
        log_snr = torch.tensor(level, dtype=torch.float64)
        kept[f"density_{level:g}"] = law.log_density(dense, log_snr).exp()
        for name, predictor in predictors.items():
            kept[f"arrows_{name}_{level:g}"] = moves.score(predictor, x, log_snr)
    return {name: values.float().numpy() for name, values in kept.items()}


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures distance/<way>/<field> (sliced Wasserstein-1 of where points end, in standard
    deviations of a coordinate of the data), uphill/<way>/<field> (share of steps), distance/data
    (draws of the law), cosine/<log_snr> and cosine (their mean)."""
    assert isinstance(block, GradientFlow)
    begun, own = time.monotonic(), block.moves
    ring = Ring(block.data.modes, block.data.spread)
    law = ring.mixture()
    predictors = {
        "exact": exact(ring, torch.eye(2, dtype=torch.float64)),
        "learned": learned(block, seed),
    }
    tell(f"seed {seed}: learned ({time.monotonic() - begun:.1f} s)")
    figures, pictures = [], arrows(predictors, law)
    for kind in WAYS:
        for name, predictor in predictors.items():
            ends, uphill, tracks = followed(block, kind, predictor, law, seed)
            far = sliced_wasserstein(ends, ring, own.directions)
            figures.append(Figure(f"distance/{kind}/{name}", far, n=own.samples))
            figures.append(Figure(f"uphill/{kind}/{name}", uphill, n=own.samples))
            pictures[f"path_{kind}_{name}"] = tracks
    real = ring.draw(own.samples, generator(seed, "gradient-flow/data"))
    floor = sliced_wasserstein(real, ring, own.directions)
    figures.append(Figure("distance/data", floor, n=own.samples))
    values = cosines(block, predictors, seed)
    figures += [Figure(f"cosine/{level}", value) for level, value in values.items()]
    figures.append(Figure("cosine", sum(values.values()) / len(values)))
    tell(f"seed {seed}: followed ({time.monotonic() - begun:.1f} s)")
    return Measured(figures, {}, pictures)
