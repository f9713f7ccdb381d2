"""Time to quality: what the peer's training reaches in a fixed time, and how long ours takes.

Both train in one process, in turn, a slice of time each, with the same images, noise levels, loss
(the mean squared error of eps), learning rate and share of dropped labels; networks, steps and
averages of the weights are their own. After every slice the averages are measured by the same code,
off the clock: the bound on test images in bits/dim, and FID on the features of a classifier of the
same data. A time is the first at which a figure is as low as the peer's lowest, by a straight line
between two measurements; on a CPU it is processor time, so that what runs beside does not count.
"""

from __future__ import annotations

import contextlib
import functools
import math
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import ours, peers
from benchmarks.rows import ROOT, Options, clock, network_of, spread
from threetargets import memory, study
from threetargets.data import read
from threetargets.diffusion.guidance import conditional
from threetargets.diffusion.schedule import Table
from threetargets.families import training_of
from threetargets.families.build import build, load
from threetargets.families.diffusion.model import Ddpm
from threetargets.families.diffusion.sampling import drawing
from threetargets.levels import bits_per_dim, centres
from threetargets.likelihood.denoised import denoise
from threetargets.metrics import extractor, fidelity, frechet
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.cells import Run
from threetargets.stages import prepare, train
from threetargets.study.schema import Study
from threetargets.training.ema import Ema
from threetargets.training.step import Parts, adamw

SLICES, SEEDS, LEVELS, BOUND, SAMPLED = 10, 3, 50, 200, 300
"""Measurements in the peer's time; repetitions; noise levels and images of a bound; of a FID."""
PATIENCE = 2
"""Ours is given so many times the peer's time."""
FIGURES = ("bound", "FID")


@dataclass
class Curve:
    """Seconds of training, and the figures at them."""

    seconds: list[float] = field(default_factory=list)
    figures: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in FIGURES})


def reached(seconds: list[float], values: list[float], target: float) -> float:
    """When the line through (seconds, values) first is as low as the target; infinity where it
    never is."""
    for k, value in enumerate(values):
        if value <= target:
            if k == 0:
                return seconds[0]
            share = (values[k - 1] - target) / (values[k - 1] - value)
            return seconds[k - 1] + share * (seconds[k] - seconds[k - 1])
    return math.inf


class ByNumber(nn.Module):
    """The peer's network, which takes the number of a noise level, called as ours are: by its
    log-SNR, between two levels in proportion."""

    def __init__(self, net: nn.Module, table: Table):
        super().__init__()
        self.net = net
        self.register_buffer("levels", table.log_snr[1:].clone(), persistent=False)

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor) -> Tensor:
        levels: Any = self.levels
        at = log_snr.to(levels).clamp(levels[-1], levels[0])
        right = torch.searchsorted(-levels, -at).clamp(1, len(levels) - 1)
        share = (levels[right - 1] - at) / (levels[right - 1] - levels[right])
        number = (right - 1 + share).to(torch.float32)
        out: Tensor = self.net(x, number, class_labels=labels).sample
        return out


@dataclass(frozen=True)
class Bench:
    """The data and the judge of the study behind the comparison, in a folder of its own."""

    options: Options
    study: Study
    manifest: read.Manifest
    training: read.Images
    test: read.Images
    judge: str

    @functools.cached_property
    def reference(self) -> fidelity.Reference:
        seen = extractor.see(self.judge, self.test.images, self.manifest.levels)
        return fidelity.Reference(seen.features, "test")

    def model(self, seed: int) -> Ddpm:
        model = build(self.study, self.manifest, Run(ours.RUN.cell, seed))
        assert isinstance(model, Ddpm)
        return model

    def measure(self, model: Ddpm, seed: int) -> dict[str, float]:
        """The figures of a model in evaluation mode."""
        device = torch.device(self.options.device)
        steps = model.table.steps
        at = torch.linspace(0, steps, min(LEVELS, steps) + 1).round().long()
        table = Table(model.table.log_snr.cpu()[at])
        images = self.test.images[:BOUND].to(device)
        null = torch.full((1,), model.null, device=device)
        predictors = [(slice(0, len(images)), conditional(model.conditional, null))]
        squares = denoise(predictors, table, images, self.manifest.levels, seed=seed)
        bound = float(squares.bound("fixed-large").nats.mean())
        run = Run(ours.RUN.cell, seed)
        draw = drawing(self.study, self.manifest, run, model, None, "none", device)
        features = extractor.see(self.judge, draw(1.0, range(SAMPLED)), self.manifest.levels)
        mean, covariance = self.reference.features.mean(0), self.reference.features.T.cov()
        distances = frechet.Distances(features.features, mean, covariance, frechet.root(covariance))
        fid = distances.of(torch.arange(len(features)))
        return {"bound": bits_per_dim(bound, self.manifest.dims), "FID": fid}


def studied(options: Options) -> Study:
    """The digits on a CPU, MNIST on a GPU, with the U-Net of the other rows."""
    file = "config/mnist-h100.yaml" if options.gpu else "params.yaml"
    values = study.load(ROOT / file).model_dump(mode="json")
    values |= {"study": "benchmark", "device": options.device, "processes": 1}
    values["cells"], values["seeds"] = [ours.RUN.cell], [0]
    values["network"] = network_of(options)
    values["guidance"]["cells"] = []
    values["sampling"] |= {"sampler": "ddim", "eta": 0.0, "steps": 25, "images": SAMPLED}
    return study.parse(values, "benchmarks")


def bench(options: Options) -> Bench:
    """In the current folder: the data, and a judge that is trained on them. Raises UserError where
    the data are neither here nor to be had."""
    chosen = studied(options)
    prepare.run(chosen)
    (judge,) = jobs.judge_runs(chosen)
    train.run(chosen, judge, params="", threads=options.threads)
    manifest = read.load_manifest(chosen)
    name = extractor.name_of(paths.run_dir(chosen, judge) / "weights.safetensors")
    extractor.register(name, load(chosen, manifest, judge))
    splits = [read.load_split(chosen, split) for split in ("train", "test")]
    return Bench(options, chosen, manifest, splits[0], splits[1], name)


Trainer = tuple[Callable[[], object], Callable[[], Ddpm]]
"""Takes a step; gives the model with its averaged weights, to be measured."""


def our_trainer(of: Bench, seed: int) -> Trainer:
    """The loop's step. Its learning rate falls so slowly that it is as constant as the peer's."""
    options, device, model = of.options, torch.device(of.options.device), of.model(seed)
    settings = training_of(of.study, ours.RUN.cell).model_copy(
        update={"batch": options.batch, "steps": 10**5}
    )
    ours.readied(options, model)
    average = Ema(model, settings.ema_halflife_images)
    images, labels = of.training.images.to(device), of.training.labels.to(device)
    optimizer = adamw(model, settings, device)
    step = ours.step_of(options, Parts(model, optimizer, average, images, labels, settings, seed))
    steps = iter(range(settings.steps))

    def averaged() -> Ddpm:
        plain = of.model(seed).to(device).eval()
        plain.load_state_dict(average.state)
        return plain

    return lambda: step(next(steps)), averaged


def their_schedule(table: Table) -> Any:
    """diffusers' scheduler with the noise levels 1..T of a table, which it calls 0..T-1."""
    from diffusers import DDPMScheduler

    alpha_bar = torch.sigmoid(table.log_snr)
    betas = 1 - alpha_bar[1:] / alpha_bar[:-1]
    return DDPMScheduler(len(betas), trained_betas=betas.float().numpy())


def their_trainer(of: Bench, seed: int) -> Trainer:
    torch.manual_seed(seed)
    options, like = of.options, of.model(seed)
    schedule = their_schedule(like.table)
    net = peers.unet(options, of.manifest.shape)
    settings = training_of(of.study, ours.RUN.cell)
    images, labels = of.training.images.to(options.device), of.training.labels.to(options.device)
    step = peers.Step(
        options,
        peers.ready(options, net),
        schedule,
        images,
        labels,
        scaled=lambda levels: centres(levels, of.manifest.levels),
        dropout=like.label_dropout,
        rate=settings.learning_rate,
        warmup=settings.warmup_steps,
    )

    def averaged() -> Ddpm:
        copy = peers.unet(options, of.manifest.shape).to(options.device)
        step.average.copy_to(copy.parameters())
        like.net = ByNumber(copy, like.table)
        return like.to(options.device).eval()

    return step, averaged


def race(of: Bench, seed: int) -> tuple[Curve, Curve]:
    """The curves of the peer and of ours, a slice each in turn; ours goes on where it has to."""
    whole, curves = of.options.quality, (Curve(), Curve())
    trainers = their_trainer(of, seed), our_trainer(of, seed)
    for number in range(1, PATIENCE * SLICES + 1):
        peer_done = number > SLICES
        if peer_done and all(math.isfinite(one) for one, _ in times(*curves).values()):
            break
        for (step, averaged), curve in zip(trainers, curves, strict=True):
            if peer_done and curve is curves[0]:
                continue
            spent = curve.seconds[-1] if curve.seconds else 0.0
            start = clock(of.options)
            while spent + clock(of.options) - start < whole * number / SLICES:
                step()
            curve.seconds.append(spent + clock(of.options) - start)
            for name, value in of.measure(averaged(), seed).items():
                curve.figures[name].append(value)
    return curves


def times(peer: Curve, own: Curve) -> dict[str, tuple[float, float]]:
    """Of each figure: when ours and when the peer first were as low as the peer's lowest."""
    targets = {name: min(peer.figures[name]) for name in FIGURES}
    return {
        name: (
            reached(own.seconds, own.figures[name], target),
            reached(peer.seconds, peer.figures[name], target),
        )
        for name, target in targets.items()
    }


def time_to_quality(options: Options) -> dict[str, dict[str, str]]:
    """A row for each figure: medians over seeds."""
    torch.set_num_threads(options.threads)
    memory.keep()  # of ours and of the peer's
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(Path(folder)):
        of = bench(options)
        races = [race(of, seed) for seed in range(options.repeats or SEEDS)]
    rows = {}
    for name in FIGURES:
        own, peer = zip(*(times(*curves)[name] for curves in races), strict=True)
        targets = [min(theirs.figures[name]) for theirs, _ in races]
        middle = statistics.median(own)
        row = {"unit": "s", "peer_name": "diffusers", "peer": f"{statistics.median(peer):.1f}"}
        row["peer_spread"] = spread(list(peer))
        unit = " bits/dim" if name == "bound" else ""
        row["note"] = f"to {statistics.median(targets):.3g}{unit}, {of.manifest.name}"
        row["note"] += f", {len(races)} seeds"
        if math.isfinite(middle):
            ratios = [mine / theirs for mine, theirs in zip(own, peer, strict=True)]
            row |= {"ours": f"{middle:.1f}", "ours_spread": spread(list(own))}
            row["ratio_to_peer"] = f"{statistics.median(ratios):.2f}"
        else:
            row["note"] += f"; ours not in {PATIENCE * options.quality:g} s"
        rows[f"time to the peer's {name}"] = row
    return rows
