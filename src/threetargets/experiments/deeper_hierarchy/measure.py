"""One seed of the deeper hierarchy experiment: the bounds of every rung over the number of levels;
the last rung against the study's own diffusion bound; Gaussian data, where all is known."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from threetargets.diffusion.predictor import predict
from threetargets.diffusion.schedule import SCHEDULES, Table, table
from threetargets.diffusion.target import Prediction
from threetargets.experiments import linear_chain, small_images
from threetargets.experiments.checked_figures import figure, mean_figure
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.deeper_hierarchy import known_bounds
from threetargets.experiments.deeper_hierarchy.rung import TARGET, Ladder, Rung
from threetargets.experiments.deeper_hierarchy.spec import FIXED, LEARNED, RUNGS, DeeperHierarchy
from threetargets.experiments.digit_sizes import LEVELS, PIXELS
from threetargets.experiments.fitting import Fit, fitted
from threetargets.experiments.no_label import NOBODY
from threetargets.levels import bits_per_dim, centres
from threetargets.likelihood.denoised import denoise
from threetargets.pipeline.records import Figure
from threetargets.streams import generator
from threetargets.study.values import Section


def process(block: DeeperHierarchy, rung: str, levels: int) -> Table:
    """Of the fixed encoder of that rung: all noise levels, or those that end early."""
    chosen = block.schedule
    last = block.early if rung == "encoder" else chosen.log_snr_min
    return table(SCHEDULES[chosen.name](chosen.log_snr_max, last), levels)


def learned(block: DeeperHierarchy, rung: str, levels: int, images: Tensor, seed: int) -> Ladder:
    """One hierarchy with a learned encoder, trained on grey levels (N, D)."""
    chosen = block.digits

    def loss(net: nn.Module, step: int) -> Tensor:
        assert isinstance(net, Ladder)
        source = generator(seed, "deeper_hierarchy/train", step)
        return _loss(net[0], images, chosen.training.batch, source)

    return _fitted(block, [rung], [levels], images, loss, chosen.training, seed)


def fixed(block: DeeperHierarchy, images: Tensor, seed: int) -> Ladder:
    """All hierarchies with a fixed encoder, rung by rung: one network, each step on the bound of
    one of them, of so many images that the network has as much to do."""
    chosen = block.digits.denoising

    def loss(net: nn.Module, step: int) -> Tensor:
        assert isinstance(net, Ladder)
        source = generator(seed, "deeper_hierarchy/denoising", step)
        own = net[int(torch.randint(len(net.rungs), (), generator=source))]
        return _loss(own, images, chosen.batch // own.levels, source)

    return _fitted(block, FIXED, block.levels, images, loss, chosen, seed)


def _loss(own: Rung, images: Tensor, count: int, source: torch.Generator) -> Tensor:
    """Its bound on images drawn from these, nats per dimension, shape ()."""
    grey = small_images.batch(images, count, source)
    noise = torch.randn(own.levels, count, own.dims, generator=source)
    return torch.stack(list(own.parts(grey, noise).values())).sum(0).mean() / PIXELS


def _fitted(
    block: DeeperHierarchy,
    rungs: Sequence[str],
    levels: Sequence[int],
    images: Tensor,
    loss: Callable[[nn.Module, int], Tensor],
    chosen: Fit,
    seed: int,
) -> Ladder:
    std = float(centres(images, LEVELS).std())
    tables = [(rung, process(block, rung, number)) for rung in rungs for number in levels]
    stream = f"deeper_hierarchy/{seed}"
    made = fitted(lambda: Ladder(block.digits, std, tables), loss, chosen, stream)
    assert isinstance(made, Ladder)
    return made


def drawn_noise(count: int, dims: int, levels: int, seed: int) -> Tensor:
    """(L, N, d), float64: the draws of likelihood.denoised, whose first d numbers are taken."""
    shape = (count, 1, 8, 8)
    sources = [generator(seed, "bound", i, 0) for i in range(1, levels + 1)]
    every = [torch.randn(shape, generator=source) for source in sources]
    return torch.stack(every).flatten(2)[..., :dims].double()


def house_bound(own: Rung, grey: Tensor, seed: int) -> Tensor:
    """The diffusion bound of likelihood/bound.py on -log p(x), nats (N,), of the same network and
    reverse variances."""
    images, q = grey.view(-1, 1, 8, 8), own.chain.posterior
    error = (torch.exp(2 * own.log_std.double()) - q.C) / q.A**2

    def predictor(x_t: Tensor, log_snr: Tensor) -> Prediction:
        return predict(own.read, TARGET, x_t, log_snr, NOBODY)

    seen = denoise([(slice(None), predictor)], own.table, images, LEVELS, seed=seed)
    return seen.bound("optimal", error).nats


@dataclass(frozen=True)
class Images:
    """Grey levels (N, D) of both splits."""

    train: Tensor
    test: Tensor


@torch.no_grad()
def bounds(own: Rung, rung: str, data: Images, deepest: bool, seed: int) -> list[Figure]:
    """Of one trained hierarchy; of the deepest also its parts, and the bound on training images."""
    levels, noise = own.levels, drawn_noise(len(data.test), own.dims, own.levels, seed)
    parts = own.parts(data.test, noise)
    nats = torch.stack(list(parts.values())).sum(0)
    figures = [mean_figure(f"bound/{rung}/L{levels}", bits_per_dim(nats, PIXELS))]
    if deepest:
        figures += [mean_figure(f"{k}/{rung}", bits_per_dim(v, PIXELS)) for k, v in parts.items()]
        some = data.train[: len(data.test)]
        seen = torch.stack(list(own.parts(some, noise[:, : len(some)]).values())).sum(0)
        figures.append(mean_figure(f"train/{rung}", bits_per_dim(seen, PIXELS)))
    return figures + (_held(own, nats, data.test, noise, seed) if rung == RUNGS[-1] else [])


def _held(own: Rung, nats: Tensor, grey: Tensor, noise: Tensor, seed: int) -> list[Figure]:
    """The last rung's bound against the study's own, the largest difference over images; and
    against that along the chain, the mean difference in standard errors."""
    apart = float((nats - house_bound(own, grey, seed)).abs().max())
    along = torch.stack(list(own.walked(grey, noise).values())).sum(0) - nats
    far = float(along.mean() / along.std()) * math.sqrt(len(nats))
    figures = {f"identity/L{own.levels}": apart, f"walked/L{own.levels}": far}
    return [figure(k, v, len(nats)) for k, v in figures.items()]


def _known(block: DeeperHierarchy, seed: int) -> list[Figure]:
    """What the best of each rung lacks on Gaussian data, nats; and the last rung's by draws."""
    chosen, figures = block.known, list[Figure]()
    data = linear_chain.covariance(chosen.size, generator(seed, "deeper_hierarchy/law"))
    for levels in block.levels:
        for rung in RUNGS:
            value = known_bounds.gap(rung, data, chosen.latent, process(block, rung, levels))
            figures.append(Figure(f"gap/{rung}/L{levels}", value))
        source = generator(seed, "deeper_hierarchy/known", levels)
        steps = process(block, RUNGS[-1], levels)
        drawn = known_bounds.drawn_gap(data, steps, chosen.draws, source)
        figures.append(mean_figure(f"drawn/L{levels}", drawn))
    return figures


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures bound/<rung>/L<L>, and of the deepest <part>/<rung> and train/<rung> (bits/dim),
    trained/<rung> (numbers); identity/L<L>, by what the last rung's bound differs from that of
    likelihood/bound.py at most (nats); walked/L<L>, from that along the chain (standard errors);
    gap/<rung>/L<L> and drawn/L<L> (nats, Gaussian data)."""
    assert isinstance(block, DeeperHierarchy)
    figures, start = _known(block, seed), time.monotonic()
    data = Images(*(small_images.digits(block.split, p).flatten(1) for p in ("train", "test")))
    shared, many = fixed(block, data.train, seed), len(block.levels)
    tell(f"seed {seed}: fixed encoders ({time.monotonic() - start:.1f} s)")
    for rung in RUNGS:
        start, values = time.monotonic(), list[str]()
        for number, levels in enumerate(block.levels):
            net, place = shared, number + many * (FIXED.index(rung) if rung in FIXED else 0)
            if rung in LEARNED:
                net, place = learned(block, rung, levels, data.train, seed), 0
            deepest = levels == block.levels[-1]
            more = bounds(net[place], rung, data, deepest, seed)
            value = more[0].value
            values.append("diverged" if value is None else f"{value:.3f}")
            figures += more
            if deepest:
                figures.append(Figure(f"trained/{rung}", net.size(place)))
        took = time.monotonic() - start
        tell(f"seed {seed}: {rung}: {', '.join(values)} bits/dim ({took:.1f} s)")
    return Measured(figures)
