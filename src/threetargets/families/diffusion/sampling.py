"""Samples of a diffusion model, as it was trained or guided."""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn

from threetargets.data.read import Manifest
from threetargets.diffusion.guidance import by_classifier, classifier_free, conditional
from threetargets.diffusion.predictor import Predictor, clipped
from threetargets.diffusion.sampler import SAMPLERS, Step, sample
from threetargets.diffusion.schedule import Table
from threetargets.families.asked import asked_labels
from threetargets.families.build import load
from threetargets.families.classifier.model import Classifier
from threetargets.families.diffusion import spec
from threetargets.families.diffusion.model import Ddpm
from threetargets.families.diffusion.process import forward
from threetargets.families.protocol import Draw
from threetargets.levels import nearest
from threetargets.pipeline.cells import Run
from threetargets.pipeline.jobs import guide_of
from threetargets.streams import PerSample
from threetargets.study.schema import Study


def sampler(
    study: Study, manifest: Manifest, run: Run, guidance: str, device: torch.device
) -> Draw:
    """The sampler of a run under one guidance, its model and its guide loaded."""
    model = load(study, manifest, run, device)
    assert isinstance(model, Ddpm)
    by = guide_of(run, guidance)
    guide = load(study, manifest, by, device) if by else None
    if device.type == "cuda":
        # A sweep over gamma earns the compiler's half minute back, one set of samples does not.
        compiled = study.compile and guidance != "none"
        quick(model, model.net, compiled)
        if isinstance(guide, Classifier):
            quick(guide, guide.trunk, compiled)
    return drawing(study, manifest, run, model, guide, guidance, device)


def quick(model: nn.Module, network: nn.Module, compiled: bool) -> None:
    """For a GPU: channels last, and the model's network compiled. No graph over the steps: at
    thousands of images a batch the host is far ahead of the device anyway. No gradients of weights,
    which the compiler would else compute beside that of a guide's image."""
    model.requires_grad_(False).to(memory_format=torch.channels_last)
    if compiled:
        network.compile(dynamic=False)


def drawing(
    study: Study,
    manifest: Manifest,
    run: Run,
    model: Ddpm,
    guide: nn.Module | None,
    guidance: str,
    device: torch.device,
) -> Draw:
    """The sampler of a model that is loaded."""
    step, grid = step_of(study, run), grid_of(study, run)

    def draw(gamma: float, indices: range) -> Tensor:
        streams = PerSample(run.seed, "sample", indices, device)
        labels = asked_labels(indices, manifest.classes).to(device)
        predictor = guided(model, guide, labels, guidance, gamma)
        if study.sampling.clip:
            predictor = clipped(predictor)
        noise = functools.partial(streams.normal, *manifest.shape)
        return nearest(sample(predictor, step, grid, noise(), noise), manifest.levels).cpu()

    return draw


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


def step_of(study: Study, run: Run) -> Step:
    """A step of the study's sampler."""
    chosen = study.sampling
    if chosen.sampler == "ancestral":
        small = spec.process(study, run.cell).variance == "fixed-small"
        return SAMPLERS["ancestral"]("fixed-small" if small else "fixed-large")
    return SAMPLERS["ddim"](chosen.eta) if chosen.sampler == "ddim" else SAMPLERS[chosen.sampler]()


def grid_of(study: Study, run: Run) -> Table:
    """The process with as many noise levels as the sampler takes steps."""
    return forward(spec.process(study, run.cell), study.sampling.steps)
