"""The bound over training: with the averaged weights that a training kept on its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from threetargets.data.read import Images, Manifest
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import Table
from threetargets.families.build import load
from threetargets.families.diffusion import spec
from threetargets.families.diffusion.model import Ddpm
from threetargets.families.measured import batches, in_unit, likelihood_figure
from threetargets.likelihood.bound import LEARNED
from threetargets.likelihood.denoised import Denoised, denoise, spaced
from threetargets.likelihood.fitted import fitted_errors
from threetargets.pipeline.cells import Run
from threetargets.pipeline.records import Figure
from threetargets.study.schema import Study

Made = Callable[[Ddpm, Tensor], Predictor]
"""(model, labels) -> its conditional predictor, counted for the progress line."""


def calls(study: Study, run: Run) -> int:
    """Network calls of `over_training`."""
    curve, size = study.likelihood.curve, study.likelihood.batch
    if curve is None:
        return 0
    rows = len(batches(curve.images, size)) + len(batches(study.likelihood.fit_images, size))
    return (len(spec.curve_steps(study, run.cell)) + 1) * curve.steps * rows


def over_training(
    study: Study, manifest: Manifest, run: Run, test: Images, fit: Tensor, made: Made
) -> tuple[list[Figure], dict[str, list[float]]]:
    """The bound without labels after each number of training images that the study names, and at
    the end: of the first test images and at `curve.steps` of the noise levels, all of it the bound
    of that shorter process; its fitted variance is fitted anew each time, to `fit`. A network's own
    variance is not used: it is `optimal` there."""
    curve = study.likelihood.curve
    if curve is None:
        return [], {}
    levels, training = test.images[: curve.images], spec.training(study, run.cell)
    chosen = spec.process(study, run.cell).bound_variance
    variance = "optimal" if chosen in LEARNED else chosen
    figures, rows = list[Figure](), dict[str, list[float]](images=[], bound=[], stderr=[])
    for step in (*spec.curve_steps(study, run.cell), None):
        model = cast(Ddpm, load(study, manifest, run, levels.device, step))
        table = spaced(model.table, curve.steps)
        mse = fitted_errors(_seen(study, manifest, run, model, table, fit, made))
        seen = _seen(study, manifest, run, model, table, levels, made)
        nats = seen.bound(variance, mse).nats
        images = (step or training.steps) * training.batch
        figures.append(likelihood_figure(manifest, f"bound_after_{images}", nats))
        values = in_unit(manifest, nats)
        rows["images"].append(images)
        rows["bound"].append(float(values.mean()))
        rows["stderr"].append(float(values.std() / len(values) ** 0.5))
    return figures, rows


def _seen(
    study: Study,
    manifest: Manifest,
    run: Run,
    model: Ddpm,
    table: Table,
    levels: Tensor,
    made: Made,
) -> Denoised:
    predictor = made(model, torch.full((1,), model.null, device=levels.device))
    predictors = [(rows, predictor) for rows in batches(len(levels), study.likelihood.batch)]
    return denoise(predictors, table, levels, manifest.levels, seed=run.seed)
