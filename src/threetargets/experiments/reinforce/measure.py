"""One seed of the reinforce experiment: trainings by each gradient, and their variances."""

from __future__ import annotations

import copy
import math
import time
from typing import Any

import torch
from torch import Tensor

from threetargets.experiments import small_images
from threetargets.experiments.checked_figures import figure
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.reinforce import binary_vae, gaussian_vae
from threetargets.experiments.reinforce.binary_vae import BinaryVae
from threetargets.experiments.reinforce.estimators import (
    RunningMean,
    ascend,
    gradients,
    spread,
    squared_bias,
)
from threetargets.experiments.reinforce.gaussian_vae import Law, LinearVae
from threetargets.experiments.reinforce.spec import BINARY, GAUSSIAN, Loop, Reinforce
from threetargets.pipeline.records import Figure
from threetargets.streams import generator
from threetargets.study.values import Section


def points(loop: Loop) -> list[int]:
    """Steps at which the bound is taken: evenly, both ends included."""
    last = loop.points - 1
    return sorted({round(k * loop.steps / last) for k in range(loop.points)})


def _trained_linear(
    block: Reinforce, law: Law, how: str, seed: int
) -> tuple[list[float], dict[int, LinearVae]]:
    """Bounds at the points, and the models there."""
    chosen, at = block.gaussian, points(block.gaussian.training)
    model = LinearVae(chosen.size, chosen.latent, seed)
    running = RunningMean() if how == "running-mean" else None
    bounds, kept = list[float](), dict[int, LinearVae]()

    def seen(step: int) -> None:
        if step in at:
            bounds.append(float(model.elbo(law.covariance).detach()))
            kept[step] = copy.deepcopy(model)

    def one(step: int) -> Tensor:
        source = generator(seed, "reinforce/train", step)
        return gaussian_vae.objective(model, law, how, chosen.training.draws, source, running)

    ascend(model, one, chosen.training.steps, chosen.training.learning_rate, seen)
    return bounds, kept


def _variance_at(block: Reinforce, law: Law, model: LinearVae, how: str, seed: int) -> float:
    """Of the gradient by the encoder's parameters; the running mean has come to its limit."""
    running = RunningMean(1.0) if how == "running-mean" else None
    if running:
        running.value = float(model.elbo(law.covariance).detach())

    def draw(k: int) -> Tensor:
        source = generator(seed, "reinforce/variance", k)
        draws = block.gaussian.training.draws
        return gaussian_vae.objective(model, law, how, draws, source, running)

    return spread(gradients(draw, [model.encoder, model.log_s], block.repeats))


def _gaussian(block: Reinforce, seed: int) -> tuple[list[Figure], dict[str, Any]]:
    chosen = block.gaussian
    law = Law(chosen.size, chosen.latent, chosen.noise, seed)
    figures, at = list[Figure](), points(chosen.training)
    gaps, variances, models = {}, {}, dict[int, LinearVae]()
    for how in GAUSSIAN:
        bounds, kept = _trained_linear(block, law, how, seed)
        models = models or kept
        gaps[how] = [law.best - bound for bound in bounds]
        variances[how] = [_variance_at(block, law, models[k], how, seed) for k in at]
        start, end = gaps[how][0], gaps[how][-1]
        figures += [
            figure(f"gaussian/gap_{how}", end),
            figure(f"gaussian/closed_{how}", (start - end) / start),
            figure(
                f"gaussian/log10-variance_{how}",
                sum(math.log10(v) for v in variances[how]) / len(at),
                block.repeats,
            ),
        ]
    return figures, {"step": at, "gap": gaps, "variance": variances}


def _quality(block: Reinforce, model: BinaryVae, x: Tensor, seed: int) -> list[Figure]:
    """Squared bias and variance of each gradient by the encoder, over the square of the exact one
    of the whole batch; the bias of leave one out is from the exact one of its half."""
    chosen, figures = block.binary, list[Figure]()
    some = list(model.encoder.parameters())
    size = float(gradients(lambda k: model.elbo(x).mean(), some, 1).square().sum())
    for how in BINARY[1:]:
        mine = x[: len(x) // 2] if how == "leave-one-out" else x

        def whole(k: int, mine: Tensor = mine) -> Tensor:
            return model.elbo(mine).mean()

        def draw(k: int, how: str = how) -> Tensor:
            source = generator(seed, "reinforce/quality", k)
            return binary_vae.objective(model, x, how, chosen.temperature, source)

        (exact,), rows = gradients(whole, some, 1), gradients(draw, some, block.repeats)
        figures += [
            figure(f"binary/variance_{how}", spread(rows) / size, block.repeats),
            figure(f"binary/log10-variance_{how}", math.log10(spread(rows) / size), block.repeats),
            figure(f"binary/bias_{how}", squared_bias(rows, exact) / size, block.repeats),
        ]
    return figures


def _binary(block: Reinforce, seed: int) -> tuple[list[Figure], dict[str, Any]]:
    chosen, loop = block.binary, block.binary.training
    train, test = (
        small_images.binary(small_images.digits(chosen.split, part)).flatten(1).float()
        for part in ("train", "test")
    )
    figures, at, bounds = list[Figure](), points(loop), dict[str, list[float]]()
    for how in BINARY:
        model, curve = BinaryVae(train.shape[1], chosen.latent, chosen.hidden, seed), list[float]()

        def seen(
            step: int, model: BinaryVae = model, curve: list[float] = curve, how: str = how
        ) -> None:
            if step not in at:
                return
            with torch.no_grad():
                curve.append(float(model.elbo(test).mean()))
            if how == "exact" and step == at[len(at) // 2]:
                source = generator(seed, "reinforce/quality")
                batch = small_images.batch(train, loop.draws, source)
                figures.extend(_quality(block, model, batch, seed))

        def one(step: int, model: BinaryVae = model, how: str = how) -> Tensor:
            source = generator(seed, "reinforce/digits", step)
            x = small_images.batch(train, loop.draws, source)
            return binary_vae.objective(model, x, how, chosen.temperature, source)

        ascend(model, one, loop.steps, loop.learning_rate, seen)
        bounds[how] = curve
        figures.append(figure(f"binary/bound_{how}", curve[-1], len(test)))
        with torch.no_grad():
            value = float(model.log_marginal(test).mean())
        figures.append(figure(f"binary/log-p_{how}", value, len(test)))
    return figures, {"step": at, "bound": bounds}


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures gaussian/gap_<how> (nats below the best bound), closed_ (of the first gap) and
    log10-variance_ (mean over training); binary/bound_<how> and log-p_ (nats, test digits),
    variance_ and bias_ of the encoder's gradient, over the square of the exact one."""
    assert isinstance(block, Reinforce)
    start = time.monotonic()
    figures, gaussian = _gaussian(block, seed)
    tell(f"seed {seed}: Gaussian latents ({time.monotonic() - start:.1f} s)")
    start = time.monotonic()
    more, binary = _binary(block, seed)
    tell(f"seed {seed}: binary latents ({time.monotonic() - start:.1f} s)")
    return Measured([*figures, *more], {"gaussian": gaussian, "binary": binary})
