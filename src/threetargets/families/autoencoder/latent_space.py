"""The decoder's mean images over a two-dimensional latent space, for the report."""

from __future__ import annotations

import math

import numpy as np

from threetargets.data.read import load_manifest
from threetargets.families.autoencoder import spec
from threetargets.families.cell import Cell
from threetargets.files import read_json
from threetargets.pipeline.cells import Run
from threetargets.pipeline.paths import run_dir
from threetargets.study.schema import Study

SIDE = 20


def manifolds(study: Study) -> dict[tuple[Cell, int], np.ndarray]:
    """Levels, uint8 (SIDE^2, C, H, W), row by row, of each autoencoder of two latents, for the
    first seed whose weights are there: E p(x | z) at z = Phi^-1(u), u at the middles of SIDE x SIDE
    cells of the unit square (Kingma & Welling 2014, arXiv:1312.6114, Fig. 4). Binary images become
    256 grey levels, others keep their own.

    Raises DataError for damaged weights.
    """
    two = [cell for cell in spec.cells(study) if spec.drawn(study, cell)]
    pictures: dict[tuple[Cell, int], np.ndarray] = {}
    for cell in two:
        for run in (Run(cell, seed) for seed in study.seeds):
            if _trained(study, run):
                pictures[cell, run.seed] = _decoded(study, run)
                break
    return pictures


def _trained(study: Study, run: Run) -> bool:
    path = run_dir(study, run) / "train.json"
    return (
        path.exists()
        and read_json(path)["status"] == "ok"
        and (path.parent / "weights.safetensors").exists()
    )


def _decoded(study: Study, run: Run) -> np.ndarray:
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
