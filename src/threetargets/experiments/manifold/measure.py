"""One seed of the manifold experiment: train each case, draw its samples, and hold both against
what is known."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from threetargets.diffusion.kernel import add_noise, aligned, signal_noise
from threetargets.diffusion.predictor import Predictor, predict
from threetargets.diffusion.sampler import SAMPLERS, sample
from threetargets.diffusion.schedule import SCHEDULES, Table, table
from threetargets.diffusion.target import TARGETS
from threetargets.diffusion.times import draw, stratified
from threetargets.diffusion.weighting import WEIGHTINGS
from threetargets.experiments.checked_figures import figure
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.fitting import fit
from threetargets.experiments.manifold.distances import off_plane, sliced_wasserstein
from threetargets.experiments.manifold.perceptron import Narrow
from threetargets.experiments.manifold.ring import Ring, embedding, exact
from threetargets.experiments.manifold.spec import Case, Manifold, cases, dimensions
from threetargets.experiments.no_label import NOBODY
from threetargets.networks.skip import InputSkip
from threetargets.pipeline.records import Figure
from threetargets.streams import PerSample, generator, key
from threetargets.study.values import Section

SHOWN = 500
"""Samples of each case that are kept for the picture."""
OPTIMUM, FLOOR = "exact", "data"
"""Beside the cases: the exact denoiser under the same sampler, and draws of the law itself."""


@dataclass(frozen=True)
class Space:
    """The data at one dimension: their law, the map P (D, 2) in float64, and the process."""

    ring: Ring
    basis: Tensor
    table: Table


def space(block: Manifold, dimension: int) -> Space:
    ring = Ring(block.data.modes, block.data.spread)
    return Space(ring, embedding(dimension, block.data.embedding_seed), levels(block))


def levels(block: Manifold, steps: int | None = None) -> Table:
    """The process in so many steps, its own number unless said."""
    chosen = block.process
    ends = chosen.schedule
    return table(SCHEDULES[ends.name](ends.log_snr_max, ends.log_snr_min), steps or chosen.steps)


def loss(net: nn.Module, case: Case, place: Space, batch: int, source: torch.Generator) -> Tensor:
    """The mean over `batch` fresh draws of lambda(i) |eps - eps^|^2, a sum over coordinates, i even
    over the levels; computed in the target's own space, as lambda / eps_scale^2 times its error."""
    x0 = place.ring.draw(batch, source) @ place.basis.T.float()
    eps = torch.randn(x0.shape, generator=source)
    i, drawn = draw(place.table, "uniform", stratified(batch, source))
    log_snr, target = place.table.log_snr[i], TARGETS[case.target]
    a, s = signal_noise(log_snr)
    a_, s_ = aligned(a, x0), aligned(s, x0)
    out = target.scale(a_, s_).float() * net(add_noise(x0, eps, log_snr), log_snr.float(), NOBODY)
    squared = (out - target.encode(x0, eps, a_, s_)).square().sum(1)
    weight = WEIGHTINGS[case.weighting](target, place.table, i) / target.eps_scale(a, s) ** 2
    return (drawn * weight * squared).mean()


def trained(block: Manifold, case: Case, place: Space, seed: int) -> nn.Module:
    """The network with its averaged weights. Initial weights and the draws of step k depend on
    (seed, k) and the shapes alone: targets, losses and skips are paired."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(seed, "manifold/init"))
        net: nn.Module = Narrow(case.dimension, case.width, block.depth)
        net = InputSkip(net) if case.input_skip else net
    batch = block.training.batch

    def at(step: int) -> Tensor:
        return loss(net, case, place, batch, generator(seed, "manifold/train", step))

    return fit(net, at, block.training)


def samples(block: Manifold, predictor: Predictor, dimension: int, seed: int) -> Tensor:
    """(N, D), float64: sample j begins at its own noise, the same for every predictor."""
    start = PerSample(seed, "manifold/sample", range(block.sampling.samples))
    path = levels(block, block.sampling.steps)
    step = SAMPLERS[block.sampling.sampler]()
    return sample(predictor, step, path, start.normal(dimension), lambda: start.normal(dimension))


@torch.no_grad()
def excess(
    block: Manifold, predictor: Predictor, place: Space, seed: int
) -> dict[str, list[float]]:
    """E |eps^ - E[eps | x_t]|^2 / D at noise levels evenly over the table, by what the eps-loss
    exceeds the least that it can be; with its standard error over draws, paired over predictors."""
    best, dimension = exact(place.ring, place.basis), len(place.basis)
    curve: dict[str, list[float]] = {"log_snr": [], "value": [], "stderr": []}
    for i in torch.linspace(1, place.table.steps, block.excess.levels).round().long():
        source = generator(seed, "manifold/excess", int(i))
        log_snr = place.table.log_snr[i]
        a, s = signal_noise(log_snr)
        x0 = place.ring.draw(block.excess.draws, source).double() @ place.basis.T
        x = a * x0 + s * torch.randn(x0.shape, generator=source)
        squared = (predictor(x, log_snr).eps - best(x, log_snr).eps).square().sum(1) / dimension
        curve["log_snr"].append(float(log_snr))
        curve["value"].append(float(squared.mean()))
        curve["stderr"].append(float(squared.std()) / math.sqrt(len(squared)))
    return curve


def _of_samples(block: Manifold, place: Space, x: Tensor, name: str) -> list[Figure]:
    n, off = len(x), off_plane(x, place.basis)
    within = sliced_wasserstein(x @ place.basis, place.ring, block.sampling.directions)
    return [
        figure(f"off_plane/{name}", off[0], n, off[1], "samples"),
        figure(f"in_plane/{name}", within, n),
    ]


def _shown(x: Tensor, basis: Tensor) -> np.ndarray:
    kept: np.ndarray = (x[:SHOWN].double() @ basis).float().numpy()
    return kept


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures off_plane/<case> (root mean square distance of samples from the plane), in_plane/
    <case> (sliced Wasserstein distance of their projections to the law) and eps_excess/<case>
    (mean over noise levels); the first two also of the exact denoiser at each D (`exact_D<D>`), the
    second of fresh draws (`data`). Lengths are in standard deviations of a coordinate in the
    plane."""
    assert isinstance(block, Manifold)
    every = cases(block)
    figures: list[Figure] = []
    arrays: dict[str, np.ndarray] = {}
    curves: dict[str, dict[str, list[float]]] = {}
    spaces = {d: space(block, d) for d in dimensions(every)}
    count, first = block.sampling.samples, next(iter(spaces.values()))
    real = first.ring.draw(count, generator(seed, "manifold/data"))
    floor = sliced_wasserstein(real, first.ring, block.sampling.directions)
    figures.append(figure(f"in_plane/{FLOOR}", floor, count))
    arrays[FLOOR] = real[:SHOWN].numpy()
    for dimension, place in spaces.items():
        x = samples(block, exact(place.ring, place.basis), dimension, seed)
        figures += _of_samples(block, place, x, f"{OPTIMUM}_D{dimension}")
        arrays[f"{OPTIMUM}_D{dimension}"] = _shown(x, place.basis)
    for number, case in enumerate(every, 1):
        start, place = time.monotonic(), spaces[case.dimension]
        predictor = _predictor(trained(block, case, place, seed), case)
        x = samples(block, predictor, case.dimension, seed)
        curve = excess(block, predictor, place, seed)
        mean = sum(curve["value"]) / len(curve["value"])
        error = math.sqrt(sum(e**2 for e in curve["stderr"])) / len(curve["stderr"])
        figures += _of_samples(block, place, x, case.name)
        figures.append(
            figure(f"eps_excess/{case.name}", mean, block.excess.draws, error, "samples")
        )
        arrays[case.name], curves[case.name] = _shown(x, place.basis), curve
        values = ", ".join(f"{f.metric.split('/')[0]} {_told(f.value)}" for f in figures[-3:])
        seconds = time.monotonic() - start
        tell(f"seed {seed}, {number}/{len(every)}: {case.name}: {values} ({seconds:.1f} s)")
    return Measured(figures, {"eps_excess": curves}, arrays)


def _told(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4g}"


def _predictor(net: nn.Module, case: Case) -> Predictor:
    return lambda x_t, log_snr: predict(net, TARGETS[case.target], x_t, log_snr, NOBODY)
