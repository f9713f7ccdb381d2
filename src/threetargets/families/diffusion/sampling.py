"""Samples of a diffusion model, as it was trained or guided."""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn

from threetargets.data.read import Manifest
from threetargets.diffusion.guidance import GUIDANCES, Ends, Parts, conditional
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
from threetargets.study.values import READS


def sampler(
    study: Study, manifest: Manifest, run: Run, guidance: str, device: torch.device
) -> Draw:
    """The sampler of a run under one guidance, its model and its guide loaded."""
    model = load(study, manifest, run, device)
    assert isinstance(model, Ddpm)
    guide = guide_for(study, manifest, run, guidance, device)
    if device.type == "cuda":
        # A sweep over gamma earns the compiler's half minute back, one set of samples does not.
        compiled = study.compile and guidance != "none"
        quick(model, model.net, compiled)
        if isinstance(guide, Classifier):
            quick(guide, guide.trunk, compiled)
        elif isinstance(guide, Ddpm):
            quick(guide, guide.net, compiled)
    return drawing(study, manifest, run, model, guide, guidance, device)


def guide_for(
    study: Study, manifest: Manifest, run: Run, guidance: str, device: torch.device
) -> nn.Module | None:
    """What guides the run: the classifier of its seed, or the model itself at an earlier moment of
    its training."""
    if weakened(guidance):
        return load(study, manifest, run, device, spec.weak_step(study, run.cell))
    by = guide_of(run, guidance)
    return load(study, manifest, by, device) if by else None


def weakened(guidance: str) -> bool:
    """Whether a weaker state of the model guides it."""
    return READS.get(guidance) == "weak_at"


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
    """The sampler of a model that is loaded. With `precision: bf16` the networks, and the
    classifier's gradient, run in bfloat16; the state is float64 all the same."""
    step, grid, ends = step_of(study, run), grid_of(study, run), ends_of(study)
    half = study.precision == "bf16"

    def draw(gamma: float, indices: range) -> Tensor:
        streams = PerSample(run.seed, "sample", indices, device)
        labels = asked_labels(indices, manifest.classes).to(device)
        predictor = guided(model, guide, labels, guidance, gamma, ends)
        if study.sampling.clip:
            predictor = clipped(predictor)
        noise = functools.partial(streams.normal, *manifest.shape)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            images = sample(predictor, step, grid, noise(), noise)
        return nearest(images, manifest.levels).cpu()

    return draw


def ends_of(study: Study) -> Ends | None:
    """Of the interval that the study guides within, where it does."""
    return study.guidance.interval.ends if study.guidance.interval else None


def guided(
    model: Ddpm,
    guide: nn.Module | None,
    labels: Tensor,
    guidance: str,
    gamma: float,
    ends: Ends | None = None,
) -> Predictor:
    """The predictor of a guidance at gamma. The null label's branch is the unconditional model of
    every kind that has one."""
    if guidance == "none":
        return conditional(model.conditional, labels)
    parts = Parts(
        model=model.conditional,
        null=model.null,
        labels=labels,
        gamma=gamma,
        classifier=guide.log_probability if isinstance(guide, Classifier) else None,
        weak=guide.conditional if isinstance(guide, Ddpm) else None,
        ends=ends,
    )
    return GUIDANCES[guidance].build(parts)


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
