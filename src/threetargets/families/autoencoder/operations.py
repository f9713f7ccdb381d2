"""Floating-point operations of an autoencoder beyond its training."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from threetargets.data.read import Manifest
from threetargets.families.autoencoder.likelihood import CHUNK
from threetargets.families.autoencoder.model import Vae
from threetargets.families.build import build
from threetargets.families.counted import counted
from threetargets.likelihood.gradients import ESTIMATORS
from threetargets.pipeline.cells import Run
from threetargets.streams import PerSample
from threetargets.study.schema import Study


def _model(study: Study, manifest: Manifest, run: Run) -> Vae:
    model = build(study, manifest, run).eval()
    assert isinstance(model, Vae)
    return model


def sampling(study: Study, manifest: Manifest, run: Run) -> float:
    """Of all sample sets of one run."""
    model = _model(study, manifest, run)
    return study.sampling.images * counted(lambda: model.sample(PerSample(0, "doctor", range(1))))


def likelihood(study: Study, manifest: Manifest, run: Run) -> float:
    """The ELBO of test and as many training images, active units, importance-weighted bounds (which
    encode once for each chunk of samples), and the gradients at the weights of a model of one
    layer."""
    model = _model(study, manifest, run)
    chosen, split = study.likelihood, study.data.split
    images = chosen.images or split.test
    one = torch.zeros(1, *manifest.shape, dtype=torch.uint8)
    latents = [torch.zeros(1, z) for z in model.latents]
    with torch.no_grad():
        encode = counted(lambda: model.encode(one))
        elbo = counted(lambda: model.elbo_terms(one, latents))
    drawn = elbo - encode  # what one importance sample takes beyond the encoding
    total = chosen.draws * (images + min(images, split.train)) * elbo + images * encode
    some = chosen.iwae_images or images
    total += some * sum(math.ceil(k / CHUNK) * encode + k * drawn for k in chosen.iwae)
    if len(model.latents) > 1:
        return total
    gradient, two = chosen.gradients, torch.zeros(2, model.latents[0])

    def reconstruction(z: Tensor) -> Tensor:
        # Copied, since the counter does not follow torch.autograd.grad to an input of a module.
        return model.log_decoder(one.expand(len(z), *one.shape[1:]), z.clone())

    with torch.no_grad():
        each = [
            counted(functools.partial(e, reconstruction, two[:1], two[:1] + 1, two))
            for e in ESTIMATORS.values()
        ]
    return total + gradient.images * (encode + gradient.draws * sum(each) / 2)
