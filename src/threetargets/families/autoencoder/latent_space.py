"""The decoder's mean images over a two-dimensional latent space, for the report."""

from __future__ import annotations

import math

import numpy as np

from threetargets.data.read import load_manifest
from threetargets.pipeline.cells import Run
from threetargets.study.schema import Study

SIDE = 20


def picture(study: Study, run: Run) -> np.ndarray:
    """Grey levels, uint8 (SIDE^2, C, H, W), row by row: E p(x | z) at z = Phi^-1(u), u at the
    middles of SIDE x SIDE cells of the unit square (Kingma & Welling 2014, arXiv:1312.6114, Fig.
    4). Binary images become 256 grey levels, others keep their own.

    Raises DataError for damaged weights.
    """
    import torch

    from threetargets.families.autoencoder.model import Vae
    from threetargets.families.build import load

    manifest = load_manifest(study)
    model = load(study, manifest, run)
    assert isinstance(model, Vae)
    places = torch.special.ndtri((torch.arange(SIDE, dtype=torch.float64) + 0.5) / SIDE).float()
    across, down = torch.meshgrid(places, places, indexing="xy")
    z = torch.stack([across, down], 2)
    levels = torch.cat(
        [model.expected_levels(row) for row in z]
    )  # a row at a time: it takes K times an image's memory
    top = 255 if manifest.levels == 2 else manifest.levels - 1
    scaled = levels * (top / (manifest.levels - 1))
    images: np.ndarray = scaled.round().clamp(0, top).to(torch.uint8).numpy()
    assert len(images) == SIDE**2 and math.prod(images.shape[1:]) == manifest.dims
    return images
