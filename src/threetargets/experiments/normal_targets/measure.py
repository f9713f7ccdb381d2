"""One seed of the normal targets experiment: a network for each target and loss, its bound, and
what is exact of the targets themselves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from threetargets.diffusion.kernel import add_noise, aligned, signal_noise
from threetargets.diffusion.predictor import Predictor, raw
from threetargets.diffusion.schedule import SCHEDULES, Table, table
from threetargets.diffusion.target import TARGETS, Prediction
from threetargets.diffusion.times import draw, stratified
from threetargets.experiments import small_images
from threetargets.experiments.checked_figures import mean_figure
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.digit_sizes import LEVELS, SIDE
from threetargets.experiments.fitting import fitted
from threetargets.experiments.no_label import NOBODY
from threetargets.experiments.normal_targets import decoded_mean
from threetargets.experiments.normal_targets.encodings import (
    Encoding,
    Plain,
    Scores,
    from_normal,
    normal_scores,
    whitened,
)
from threetargets.experiments.normal_targets.spec import (
    CASES,
    DRAWN,
    EPS,
    MADE_NORMAL,
    OWN,
    X0,
    Case,
    NormalTargets,
)
from threetargets.levels import bits_per_dim, centres
from threetargets.likelihood.denoised import Denoised, denoise
from threetargets.likelihood.fitted import fitted_errors
from threetargets.networks.mlp import Denoiser
from threetargets.pipeline.records import Figure
from threetargets.streams import generator
from threetargets.study.values import Section

RIDGE = (2 / LEVELS) ** 2 / 12
"""Added to the covariance that is whitened: the variance within a grey level."""


def levels(block: NormalTargets) -> Table:
    ends = block.process.schedule
    schedule = SCHEDULES[ends.name](ends.log_snr_max, ends.log_snr_min)
    return table(schedule, block.process.steps)


def encodings(train: Tensor, smoothing: float) -> dict[str, Encoding]:
    """Of each target but eps, fitted to levels (N, 1, 8, 8)."""
    scores = normal_scores(train, LEVELS, smoothing)
    white = whitened(centres(train, LEVELS).double(), RIDGE)
    return {X0: Plain(), **dict(zip(MADE_NORMAL, (white, scores), strict=True)), DRAWN: scores}


def read(
    target: str, known: Mapping[str, Encoding], out: Tensor, x_t: Tensor, a: Tensor, s: Tensor
) -> Prediction:
    """What a network's output says of x_t: eps^, or x0^ by the way back from its coordinates."""
    if target == EPS:
        return TARGETS[EPS].decode(out, x_t, a, s)
    return TARGETS[X0].decode(known[target].decode(out), x_t, a, s)


def encoded(
    target: str, known: Mapping[str, Encoding], x0: Tensor, source: torch.Generator
) -> Tensor:
    """What a network of this target is to say of x0 in its own coordinates; `source` draws ties."""
    own = known[target]
    if target == DRAWN:
        assert isinstance(own, Scores)
        return own.drawn(x0, source)
    return own.encode(x0)


def loss(
    net: nn.Module,
    case: Case,
    known: Mapping[str, Encoding],
    path: Table,
    images: Tensor,
    sources: tuple[torch.Generator, torch.Generator],
) -> Tensor:
    """Mean squared error over images (B, 1, 8, 8) and pixels, noise levels even over the table: of
    eps^, which is SNR times that of x0^, or of the output in its own coordinates. The first source
    draws noise, the second ties."""
    x0 = centres(images, LEVELS)
    eps = torch.randn(x0.shape, generator=sources[0])
    i, _ = draw(path, "uniform", stratified(len(x0), sources[0]))
    log_snr = path.log_snr[i]
    x_t = add_noise(x0, eps, log_snr)
    out: Tensor = net(x_t, log_snr.float(), NOBODY)
    if case.loss == OWN:
        return (out - encoded(case.target, known, x0, sources[1])).square().mean()
    a, s = (aligned(v, x0) for v in signal_noise(log_snr))
    return (read(case.target, known, out, x_t, a, s).eps - eps).square().mean()


def trained(
    block: NormalTargets, case: Case, known: Mapping[str, Encoding], images: Tensor, seed: int
) -> nn.Module:
    """Initial weights and the draws of step k are the same for every case."""
    path = levels(block)

    def at(net: nn.Module, step: int) -> Tensor:
        source = generator(seed, "normal-targets/train", step)
        some = small_images.batch(images, block.training.batch, source)
        ties = generator(seed, "normal-targets/ties", step)
        return loss(net, case, known, path, some, (source, ties))

    def make() -> nn.Module:
        return Denoiser((1, SIDE, SIDE), 1, block.width, block.depth)

    return fitted(make, at, block.training, f"normal-targets/init/{seed}")


def predictor(net: nn.Module, target: str, known: Mapping[str, Encoding]) -> Predictor:
    def at(x_t: Tensor, log_snr: Tensor) -> Prediction:
        a, s = (aligned(v, x_t) for v in signal_noise(log_snr))
        return read(target, known, raw(net, x_t, log_snr, NOBODY), x_t, a, s)

    return at


def bound(
    one: Predictor, path: Table, fit: Tensor, test: Tensor, seed: int
) -> tuple[Tensor, Denoised]:
    """Bits/dim of each test image, its reverse variance fitted to other images; and what the
    predictor made of the test images."""
    rows = [(slice(None), one)]
    variances = fitted_errors(denoise(rows, path, fit, LEVELS, seed=seed))
    seen = denoise(rows, path, test, LEVELS, seed=seed)
    return bits_per_dim(seen.bound("optimal", variances).nats, SIDE**2), seen


def _of_targets(known: Mapping[str, Encoding], train: Tensor, path: Table, seed: int) -> Measured:
    """How far each target is from normal, and what decoding a mean costs."""
    x0 = centres(train, LEVELS).double()
    ties, noise = (generator(seed, f"normal-targets/law/{what}") for what in ("ties", "noise"))
    every = {target: encoded(target, known, x0, ties) for target in known}
    every[EPS] = torch.randn(x0.shape, generator=noise, dtype=torch.float64)
    figures = [Figure(f"from_normal/{t}", from_normal(z), n=len(z)) for t, z in every.items()]
    scores = known[DRAWN]
    assert isinstance(scores, Scores)
    lost = decoded_mean.errors(scores, path)
    curve = {"log_snr": path.log_snr[1:].tolist(), "ratio": (lost.decoded / lost.best).tolist()}
    return Measured([*figures, Figure("decoded_mean", lost.bits)], {"decoded_mean": curve})


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures from_normal/<target> (distance of a coordinate from normal), decoded_mean (bits/dim
    that it costs to decode the mean of normal scores, for independent pixels, exact) and
    bound/<target>/<loss> (bits/dim of the test digits); curves: errors of eps^ over log-SNR."""
    assert isinstance(block, NormalTargets)
    path = levels(block)
    train, test = (small_images.digits(block.split, part) for part in ("train", "test"))
    known = encodings(train, block.smoothing)
    own = _of_targets(known, train, path, seed)
    figures, curves = list(own.figures), dict[str, Any](own.curves)
    errors: dict[str, list[float]] = {"log_snr": path.log_snr[1:].tolist()}
    for case in CASES:
        start = time.monotonic()
        one = predictor(trained(block, case, known, train, seed), case.target, known)
        bits, seen = bound(one, path, train[: block.fit_images], test, seed)
        figures.append(mean_figure(f"bound/{case.name}", bits))
        errors[case.name] = seen.eps_mse.tolist()
        mean, took = float(bits.mean()), time.monotonic() - start
        tell(f"seed {seed}: {case.name}: {mean:.3f} bits/dim ({took:.1f} s)")
    return Measured(figures, {**curves, "eps_error": errors})
