"""Draw the samples of one run under one guidance: a file of levels for each gamma, all with the
same noise."""

from __future__ import annotations

import functools
import sys
import time

import numpy as np
import torch
from torch import Tensor, nn

from threetargets.data.store import Manifest, load_manifest
from threetargets.diffusion.guidance import by_classifier, classifier_free, conditional
from threetargets.diffusion.predictor import Predictor, clipped
from threetargets.diffusion.sampler import SAMPLERS, Step, sample
from threetargets.diffusion.schedule import Table
from threetargets.errors import ConfigError
from threetargets.families.autoencoder.model import Vae
from threetargets.families.build import load, process
from threetargets.families.classifier.model import Classifier
from threetargets.families.diffusion.model import Ddpm
from threetargets.files import write_arrays, write_json
from threetargets.levels import nearest
from threetargets.pipeline.cells import Run
from threetargets.pipeline.jobs import gammas, guidances
from threetargets.pipeline.paths import sample_dir
from threetargets.pipeline.records import Figure
from threetargets.stages.common import Clock, device_of, failure_of
from threetargets.streams import PerSample
from threetargets.study.schema import Study


def asked_labels(count: int, classes: int) -> Tensor:
    """The class that sample j is asked for: j mod classes."""
    return torch.arange(count) % classes


def run(study: Study, run: Run, guidance: str, *, params: str, threads: int) -> None:
    """Write gamma<g>.npz for every gamma of the guidance, and sample.json. Of a failed run: files
    without images."""
    check(study, run, guidance)
    manifest = load_manifest(study)
    clock = Clock("sample", study, run, params, manifest, threads, guidance)
    folder = sample_dir(study, run, guidance)
    reason = why_none(study, run, guidance)
    if reason:
        for gamma in gammas(study, guidance):
            empty = np.zeros((0, *manifest.shape), np.uint8)
            write_arrays(folder / f"gamma{gamma}.npz", levels=empty, labels=np.zeros(0, np.int64))
        write_json(folder / "sample.json", clock.failed(reason).json())
        return
    device = device_of(study)
    model, guide = load_with_guide(study, manifest, run, guidance, device)
    figures = []
    for gamma in gammas(study, guidance):
        start = time.monotonic()
        levels = draw(study, manifest, run, model, guide, guidance, float(gamma), device)
        seconds = time.monotonic() - start
        count = study.sampling.images
        labels = labels_of(run, range(count), manifest.classes)
        write_arrays(folder / f"gamma{gamma}.npz", levels=levels.numpy(), labels=labels.numpy())
        print(
            f"{run.cell} seed {run.seed}: {guidance} gamma {gamma}: {count} images, "
            f"{count / seconds:.0f}/s",
            file=sys.stderr,
        )
        figures += speed(run, guidance, gamma, count, seconds)
    write_json(folder / "sample.json", clock.done(figures).json())


def check(study: Study, run: Run, guidance: str) -> None:
    """Raises ConfigError where the run has no such guidance."""
    if guidance not in guidances(study, run):
        raise ConfigError(
            f"--guidance {guidance}: {run.cell} is sampled with {', '.join(guidances(study, run))}"
        )


def why_none(study: Study, run: Run, guidance: str) -> str:
    """Why there is nothing to sample: the training of the model, or of its guide, failed. Else an
    empty string."""
    return failure_of(study, run) or (
        failure_of(study, Run("guide", run.seed)) if guidance == "classifier" else ""
    )


def load_with_guide(
    study: Study, manifest: Manifest, run: Run, guidance: str, device: torch.device
) -> tuple[nn.Module, nn.Module | None]:
    guide = (
        load(study, manifest, Run("guide", run.seed), device) if guidance == "classifier" else None
    )
    return load(study, manifest, run, device), guide


def labels_of(run: Run, indices: range, classes: int) -> Tensor:
    """The classes that these samples are asked for; -1 from a model that knows none."""
    asked = run.model == "ddpm"
    return (
        asked_labels(indices.stop, classes)[indices.start :]
        if asked
        else torch.full((len(indices),), -1)
    )


def speed(run: Run, guidance: str, gamma: str, count: int, seconds: float) -> list[Figure]:
    label = gamma if run.model == "ddpm" else ""
    return [
        Figure("sample_seconds", seconds, n=count, guidance=guidance, gamma=label),
        Figure(
            "sample_images_per_second", count / seconds, n=count, guidance=guidance, gamma=label
        ),
    ]


def draw(
    study: Study,
    manifest: Manifest,
    run: Run,
    model: nn.Module,
    guide: nn.Module | None,
    guidance: str,
    gamma: float,
    device: torch.device,
    images: range | None = None,
) -> Tensor:
    """Levels, uint8 (N, C, H, W), of the samples `images`, all of them unless said.

    The noise of sample j depends on (seed, j) alone, however many are drawn at a time; float32 sums
    may depend on the batch that j is in, so a range that starts at a whole batch gives the bits
    that all in one go would.
    """
    images = range(study.sampling.images) if images is None else images
    parts = []
    for start in images[:: study.sampling.batch]:
        indices = range(start, min(start + study.sampling.batch, images.stop))
        streams = PerSample(run.seed, "sample", indices, device)
        if isinstance(model, Vae):
            parts.append(model.sample(streams).cpu())
            continue
        assert isinstance(model, Ddpm)
        labels = asked_labels(indices.stop, manifest.classes)[start:].to(device)
        predictor = guided(model, guide, labels, guidance, gamma)
        if study.sampling.clip:
            predictor = clipped(predictor)
        x = streams.normal(*manifest.shape)
        noise = functools.partial(streams.normal, *manifest.shape)
        x = sample(predictor, step_of(study), grid_of(study), x, noise)
        parts.append(nearest(x, manifest.levels).cpu())
    return torch.cat(parts)


def guided(
    model: Ddpm, guide: nn.Module | None, labels: Tensor, guidance: str, gamma: float
) -> Predictor:
    """The predictor of a guidance at gamma. The null label's branch is the unconditional model of
    both kinds."""
    if guidance == "none":
        return conditional(model.conditional, labels)
    if guidance == "classifier-free":
        return classifier_free(model.conditional, labels, model.null, gamma)
    assert isinstance(guide, Classifier)
    return by_classifier(model.conditional, guide.log_probability, labels, model.null, gamma)


def step_of(study: Study) -> Step:
    chosen = study.sampling
    if chosen.sampler == "ancestral":
        return SAMPLERS["ancestral"](
            "fixed-small" if study.diffusion.variance == "fixed-small" else "fixed-large"
        )
    return SAMPLERS["ddim"](chosen.eta) if chosen.sampler == "ddim" else SAMPLERS[chosen.sampler]()


def grid_of(study: Study) -> Table:
    """The process with as many levels as the sampler takes steps."""
    return process(study, study.sampling.steps)
