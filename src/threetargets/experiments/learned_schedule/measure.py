"""One seed of the learned schedule experiment: a Gaussian law with its exact denoiser, and digits
with networks."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from threetargets.diffusion.kernel import add_noise
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import SCHEDULES, Schedule
from threetargets.diffusion.times import stratified
from threetargets.experiments import small_images
from threetargets.experiments.checked_figures import figure
from threetargets.experiments.continuous_bound import (
    decoder_of_ends,
    loss,
    per_draw,
    placed,
    prior_of_ends,
    trained,
)
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.digit_sizes import LEVELS, SIDE
from threetargets.experiments.fitting import fit
from threetargets.experiments.learned_schedule.monotone import Monotone
from threetargets.experiments.learned_schedule.optimum import (
    Moments,
    gaussian_bound,
    gaussian_moments,
)
from threetargets.experiments.learned_schedule.spec import FIXED, LEARNED, LearnedSchedule
from threetargets.levels import bits_per_dim, centres
from threetargets.likelihood.gaussian import total
from threetargets.oracles import Gaussian
from threetargets.pipeline.records import Figure
from threetargets.streams import generator
from threetargets.study.values import Section

DIMS = SIDE**2
TAKES = 4
"""Draws of the noise for each test digit at a noise level."""
SHOWN = 101
"""Times at which schedules are drawn."""
EVEN = "log-linear"
"""The schedule under which networks of different schedules are compared."""


@dataclass(frozen=True)
class Estimate:
    """The bound's integral, nats, by t spread evenly over batches, with its standard error; the
    variance of a draw with t at random; and that of a batch's mean with t spread evenly, times its
    size, which would be the same number if t were at random there."""

    mean: float
    stderr: float
    variance: float
    batch: float
    n: int


@torch.no_grad()
def estimated(
    predictor: Predictor, schedule: Schedule, x0: Tensor, batch: int, source: torch.Generator
) -> Estimate:
    """By each x0 (N, ...) once, in order, but for an incomplete last batch."""
    alone, means = list[Tensor](), list[Tensor]()
    for first in range(0, len(x0) - batch + 1, batch):
        part = x0[first : first + batch]
        eps = torch.randn(part.shape, generator=source, dtype=part.dtype)
        at_random = torch.rand(batch, generator=source, dtype=torch.float64)
        values = []
        for t in (at_random, stratified(batch, source)):
            at = (v.detach() for v in placed(schedule, t))
            values.append(per_draw(predictor, part, eps, *at).double())
        alone.append(values[0])
        means.append(values[1].mean())
    each, over = torch.cat(alone), torch.stack(means)
    return Estimate(
        float(over.mean()),
        float(over.std()) / math.sqrt(len(over)),
        float(each.var()),
        batch * float(over.var()),
        len(each),
    )


def fixed(block: LearnedSchedule) -> dict[str, Schedule]:
    ends = block.ends
    return {name: SCHEDULES[name](ends.log_snr_max, ends.log_snr_min) for name in FIXED}


def learner(block: LearnedSchedule) -> Monotone:
    return Monotone(block.ends.log_snr_max, block.ends.log_snr_min, block.pieces)


def _of_estimates(
    part: str, every: dict[str, Estimate], scale: float = 1.0, aside: float = 0.0
) -> list[Figure]:
    """Lengths times `scale`; `aside`: what the bound has beside the integral, scaled already."""
    figures = []
    for name, one in every.items():
        mean, error = scale * one.mean + aside, scale * one.stderr
        figures.append(figure(f"{part}/bound/{name}", mean, one.n, error, "batches"))
        figures.append(figure(f"{part}/variance/{name}", scale**2 * one.variance, one.n))
        figures.append(figure(f"{part}/batch/{name}", scale**2 * one.batch, one.n))
    return figures


def _left(moments: Moments, learned: Schedule, even: Schedule) -> float:
    """What is left of the variance above the least, of that which log-SNR linear in t has."""
    own, other = (moments.variance(one) - moments.least for one in (learned, even))
    return own / other


def _drawn(every: dict[str, Schedule]) -> dict[str, list[float]]:
    t = torch.linspace(0, 1, SHOWN, dtype=torch.float64)
    return {name: one.log_snr(t).tolist() for name, one in every.items()}


def of_gaussian(block: LearnedSchedule, seed: int) -> tuple[list[Figure], dict[str, Any]]:
    own, ends = block.gaussian, (block.ends.log_snr_max, block.ends.log_snr_min)
    u = torch.rand(own.size, generator=generator(seed, "schedule/law"), dtype=torch.float64)
    variances = own.least**u
    law = Gaussian(torch.zeros(own.size), torch.diag(variances))
    schedule = learner(block)

    def at(step: int) -> Tensor:
        source = generator(seed, "schedule/gaussian", step)
        x0 = law.draw(own.training.batch, source)
        eps = torch.randn(x0.shape, generator=source, dtype=torch.float64)
        return loss(law.predict, schedule, x0, eps, stratified(len(x0), source))

    fit(schedule, at, own.training)
    every = {**fixed(block), LEARNED: schedule}
    x0 = law.draw(block.measuring.gaussian, generator(seed, "schedule/draws"))
    seen = {
        name: estimated(
            law.predict, one, x0, block.measuring.batch, generator(seed, "schedule/measure")
        )
        for name, one in every.items()
    }
    moments = gaussian_moments(variances, *ends)
    figures = _of_estimates("gaussian", seen)
    figures.append(figure("gaussian/bound/exact", gaussian_bound(variances, *ends)))
    figures.append(figure("gaussian/variance/optimal", moments.least))
    figures.append(figure("gaussian/left", _left(moments, schedule, every[EVEN])))
    with torch.no_grad():
        return figures, _drawn({**every, "optimal": moments.optimal()})


@torch.no_grad()
def moments_of(block: LearnedSchedule, predictor: Predictor, x0: Tensor, seed: int) -> Moments:
    """Of a network, by draws at noise levels from end to end."""
    ends = block.ends
    at = torch.linspace(
        ends.log_snr_min, ends.log_snr_max, block.measuring.levels, dtype=torch.float64
    )
    first, second = [], []
    for k, log_snr in enumerate(at):
        source, many = generator(seed, "schedule/moments", k), x0.repeat(TAKES, 1, 1, 1)
        eps = torch.randn(many.shape, generator=source, dtype=many.dtype)
        error = eps - predictor(add_noise(many, eps, log_snr), log_snr).eps
        g = 0.5 * total(error.square())
        first.append(g.mean())
        second.append(g.square().mean())
    return Moments(at, torch.stack(first), torch.stack(second))


def of_digits(block: LearnedSchedule, seed: int, tell: Tell) -> tuple[list[Figure], dict[str, Any]]:
    train, test = (small_images.digits(block.split, part) for part in ("train", "test"))
    schedule, taken = learner(block), block.measuring
    every = {**fixed(block), LEARNED: schedule}
    x0 = centres(test, LEVELS).double()
    order = torch.randperm(taken.digits * len(x0), generator=generator(seed, "schedule/order"))
    many = x0[order % len(x0)]
    noise = torch.randn(x0.shape, generator=generator(seed, "schedule/ends"), dtype=torch.float64)
    scale = bits_per_dim(1.0, DIMS)
    ends = prior_of_ends(schedule, x0) + decoder_of_ends(schedule, test, noise, LEVELS)
    aside = scale * float(ends.mean())
    figures = [figure("digits/ends", aside, len(test))]

    def seen(predictor: Predictor, under: Schedule) -> Estimate:
        stream = generator(seed, "schedule/measure")
        return estimated(predictor, under, many, taken.batch, stream)

    predictor: Predictor | None = None
    for name, under in every.items():
        start = time.monotonic()
        predictor = trained(block.digits, train, LEVELS, under, seed, "schedule")
        one = seen(predictor, every[EVEN])
        mean, error = scale * one.mean + aside, scale * one.stderr
        figures.append(figure(f"digits/trained/{name}", mean, one.n, error, "batches"))
        seconds = time.monotonic() - start
        tell(f"seed {seed}: trained under {name}: {mean:.3f} bits/dim ({seconds:.1f} s)")
    assert predictor is not None  # the last one, trained with the schedule that learns
    estimates = {name: seen(predictor, under) for name, under in every.items()}
    moments = moments_of(block, predictor, x0, seed)
    figures += _of_estimates("digits", estimates, scale, aside)
    figures.append(figure("digits/variance/optimal", scale**2 * moments.least))
    figures.append(figure("digits/left", _left(moments, schedule, every[EVEN])))
    with torch.no_grad():
        return figures, _drawn({**every, "optimal": moments.optimal()})


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures <gaussian|digits>/bound/<schedule> (nats of the integral; bits/dim of the whole
    bound), /variance/<schedule> and /batch/<schedule> (the same, squared), of one denoiser;
    gaussian/bound/exact, /variance/optimal and /left; digits/trained/<schedule> (bits/dim, a
    network each). Curves: log-SNR over t."""
    assert isinstance(block, LearnedSchedule)
    start = time.monotonic()
    figures, curves = of_gaussian(block, seed)
    tell(f"seed {seed}: Gaussian ({time.monotonic() - start:.1f} s)")
    more, others = of_digits(block, seed, tell)
    tell(f"seed {seed}: digits ({time.monotonic() - start:.1f} s)")
    return Measured([*figures, *more], {"gaussian": curves, "digits": others})
