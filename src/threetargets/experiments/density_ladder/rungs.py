"""The digits' densities of one size: each trained, measured in nats, and sampled."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from threetargets.experiments import small_images
from threetargets.experiments.checked_figures import figure, mean_figure
from threetargets.experiments.contract import Tell
from threetargets.experiments.density_ladder import annealed, boltzmann, chain_times, mixtures
from threetargets.experiments.density_ladder.boltzmann import Machine
from threetargets.experiments.density_ladder.mixtures import BernoulliMixture
from threetargets.experiments.density_ladder.nade import Nade
from threetargets.experiments.density_ladder.spec import CHAINS, EXACT, DensityLadder, machines
from threetargets.experiments.digit_sizes import PIXELS, SIDE
from threetargets.experiments.fitting import fitted
from threetargets.pipeline.records import Figure
from threetargets.streams import generator

SHOWN = 6
"""Samples of each model that are kept for the picture."""
LAGS = 60
"""At most so many places of an autocorrelation are kept."""


@dataclass(frozen=True)
class Digits:
    """0 and 1, (N, 64), float32."""

    train: Tensor
    test: Tensor


def digits(block: DensityLadder) -> Digits:
    parts = (small_images.digits(block.split, part) for part in ("train", "test"))
    return Digits(*(small_images.binary(part).flatten(1).float() for part in parts))


@dataclass
class Made:
    """What the rungs of a size give."""

    figures: list[Figure] = field(default_factory=list)
    curves: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def value(self, metric: str, value: float, stderr: float | None = None) -> None:
        self.figures.append(figure(metric, value, None, stderr, ""))

    def nats(self, name: str, own: Digits, of: Callable[[Tensor], Tensor]) -> float:
        """Mean of -log p over both splits, with standard errors over images; the training images'
        is returned."""
        means = {}
        for part, images in (("test", own.test), ("train", own.train)):
            values = of(images).double()
            self.figures.append(mean_figure(f"{name}/{part}", values))
            means[part] = float(values.mean())
        return means["train"]

    def samples(self, name: str, v: Tensor) -> None:
        self.arrays[name] = v[:SHOWN].view(-1, SIDE, SIDE).to(torch.uint8).numpy()


def mixture(block: DensityLadder, images: Tensor, components: int, seed: int) -> BernoulliMixture:
    """The best of some starts."""
    x, own = images.double(), block.mixture

    def start(k: int) -> BernoulliMixture:
        source = generator(seed, "density_ladder/mixture", components, k)
        return mixtures.bernoulli_start(x, components, source)

    maximised = functools.partial(mixtures.bernoulli_maximised, smoothing=own.smoothing)
    return mixtures.best_of(own.starts, start, x, maximised, own.iterations)


def autoregressive(block: DensityLadder, images: Tensor, units: int, seed: int) -> Nade:
    own = block.autoregressive

    def loss(net: nn.Module, step: int) -> Tensor:
        assert isinstance(net, Nade)
        source = generator(seed, "density_ladder/nade", step)
        v = small_images.batch(images, own.training.batch, source)
        return own.decay * net.squared - net.log_prob(v).mean()

    stream = f"density_ladder/nade/{seed}"
    net = fitted(lambda: Nade(PIXELS, units), loss, own.training, stream)
    assert isinstance(net, Nade)
    return net.requires_grad_(False)


def log_partition(
    block: DensityLadder, machine: Machine, images: Tensor, seed: int
) -> tuple[float, float]:
    """By annealed importance sampling from the pixels' own means, with its standard error."""
    base = boltzmann.begun(images, 1, generator(seed, "density_ladder/base")).visible.double()
    source = generator(seed, "density_ladder/annealed")
    own = block.annealing
    return annealed.log_mean(
        annealed.log_weights(machine.double(), base, own.levels, own.runs, source)
    )


def walked(block: DensityLadder, machine: Machine, images: Tensor, seed: int) -> Tensor:
    own, source = block.walking, generator(seed, "density_ladder/walked")
    start = small_images.batch(images, own.chains, source)
    return chain_times.walked(machine, start, own.burn_in, own.sweeps, source)


def points(block: DensityLadder) -> list[int]:
    """Steps at which gradients are compared, more of them early; the ends are among them."""
    loop = block.boltzmann
    return sorted({round(loop.steps * (k / (loop.points - 1)) ** 2) for k in range(loop.points)})


def _boltzmann(
    block: DensityLadder, own: Digits, size: str, how: str, seed: int, made: Made
) -> float:
    """Trains and measures one; gives -log p of the training images."""
    name, at = f"{size}/{how}", points(block)
    source = generator(seed, f"density_ladder/begun/{size}")
    start = boltzmann.begun(own.train, block.hidden.of(size), source)
    cosines = {other: list[float]() for other in CHAINS if other != "pcd"}

    def seen(step: int, machine: Machine) -> None:
        if how != EXACT or step not in at:
            return
        for other, kept in cosines.items():
            stream = generator(seed, f"density_ladder/cosine/{other}", step)
            repeats = block.boltzmann.repeats
            kept.append(boltzmann.cosine(machine, own.train, other, repeats, stream))

    machine = boltzmann.trained(start, own.train, how, block.boltzmann, seed, seen)
    guess, error = log_partition(block, machine, own.train, seed)
    log_z = machine.double().log_partition() if size == "counted" else guess
    if size == "counted":
        made.value(f"{name}/annealed", guess - log_z, error)
    made.value(f"{name}/stderr", error)
    nats = made.nats(name, own, lambda v: machine.double().free_energy(v.double()) + log_z)
    states = walked(block, machine, own.train, seed)
    rho = chain_times.autocorrelation(states)
    sweeps = chain_times.integrated(rho)
    made.value(f"{name}/sweeps", sweeps)
    made.value(f"{name}/log10-sweeps", math.log10(sweeps) if sweeps > 0 else math.nan)
    lags = sorted({round(x) for x in np.geomspace(1, len(rho) - 1, LAGS)})
    made.curves[f"correlation/{name}"] = {"lag": lags, "rho": [float(rho[lag]) for lag in lags]}
    if how == EXACT:
        made.curves["cosine"] = {"step": at, **cosines}
        for other, kept in cosines.items():
            made.value(f"{size}/{other}/cosine", sum(kept) / len(kept))
    made.samples(f"{size}/{how}", states[-1])
    return nats


def measured(block: DensityLadder, own: Digits, size: str, seed: int, tell: Tell) -> Made:
    """Figures <size>/<model>/test and train (nats an image); of Boltzmann machines sweeps and
    log10-sweeps (to a fresh sample), stderr (of log Z by annealing); of counted ones annealed (its
    error), share (of the exact gradient's gain on training images) and cosine (with it)."""
    made, begin = Made(), time.monotonic()
    mix = mixture(block, own.train, block.hidden.components(size), seed)
    made.nats(f"{size}/mixture", own, lambda v: -mixtures.log_density(mix, v.double()))
    made.samples(f"{size}/mixture", mix.draw(SHOWN, generator(seed, "density_ladder/drawn")))
    nats = {how: _boltzmann(block, own, size, how, seed, made) for how in machines(size)}
    if size == "counted":
        source = generator(seed, f"density_ladder/begun/{size}")
        start = boltzmann.begun(own.train, block.hidden.of(size), source).double()
        first = float(start.free_energy(own.train.double()).mean()) + start.log_partition()
        for how in CHAINS:
            made.value(f"{size}/{how}/share", (first - nats[how]) / (first - nats[EXACT]))
    net = autoregressive(block, own.train, block.hidden.units(size), seed)
    made.nats(f"{size}/nade", own, lambda v: -net.log_prob(v))
    made.samples(f"{size}/nade", net.draw(SHOWN, generator(seed, "density_ladder/drawn")))
    tell(f"seed {seed}: digits, {size} ({time.monotonic() - begin:.1f} s)")
    return made
