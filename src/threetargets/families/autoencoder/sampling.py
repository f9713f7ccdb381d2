"""Samples of an autoencoder: from the prior down the layers, and a draw from the decoder."""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.data.read import Manifest
from threetargets.families.autoencoder.model import Vae
from threetargets.families.build import load
from threetargets.families.protocol import Draw
from threetargets.pipeline.cells import Run
from threetargets.streams import PerSample
from threetargets.study.schema import Study


def sampler(
    study: Study, manifest: Manifest, run: Run, guidance: str, device: torch.device
) -> Draw:
    """It knows no labels: gamma changes nothing."""
    model = load(study, manifest, run, device)
    assert isinstance(model, Vae)

    def draw(gamma: float, indices: range) -> Tensor:
        return model.sample(PerSample(run.seed, "sample", indices, device)).cpu()

    return draw
