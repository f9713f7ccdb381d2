"""Batches of a split, and means over its images as figures."""

from __future__ import annotations

import math
from dataclasses import replace

from torch import Tensor

from threetargets.data.read import Manifest
from threetargets.levels import bits_per_dim
from threetargets.pipeline.records import Figure
from threetargets.units import BITS, unit

ABSURD = 100.0
"""A likelihood so many times that of guessing every level alike is a fault and no result."""
OVER_IMAGES = {
    "test": "test images",
    "train": "training images",
    "validation": "validation images",
}


def batches(count: int, batch: int) -> list[slice]:
    return [slice(start, min(start + batch, count)) for start in range(0, count, batch)]


def in_unit(manifest: Manifest, nats: Tensor) -> Tensor:
    """nats per example, of any shape, in the unit of the data, float64 on the CPU."""
    values = nats.double().cpu()
    if unit(manifest.levels) == BITS:
        values = bits_per_dim(values, manifest.dims)
    return values


def likelihood_figure(
    manifest: Manifest, metric: str, nats: Tensor, reference: str = "test"
) -> Figure:
    """`metric`_bpd or `metric`_nats: the mean over images of nats (N,), with its standard error; a
    failed figure where it cannot be right."""
    shown = unit(manifest.levels)
    name = f"{metric}_{shown.suffix}"
    values, over = in_unit(manifest, nats), OVER_IMAGES[reference]
    figure = mean_figure(name, values, over, reference=reference, quantity=metric)
    return held_against_a_guess(manifest, figure, float(nats.double().mean()))


def held_against_a_guess(manifest: Manifest, figure: Figure, nats: float) -> Figure:
    """The figure of a likelihood, nats per example; a failed one where it is not finite, or so far
    from guessing every level alike that it cannot be right."""
    assert figure.value is not None
    guess, size = math.log2(manifest.levels), bits_per_dim(nats, manifest.dims)
    if math.isfinite(size) and abs(size) <= ABSURD * guess:
        return figure
    reason = (
        f"{figure.value:.3g} {unit(manifest.levels).name} is no likelihood of {manifest.levels} "
        f"levels: a guess gives {guess:.3g} bits/dim"
    )
    return replace(figure, value=None, stderr=None, reason=reason)


def bound_by_image(manifest: Manifest, nats: Tensor) -> dict[str, list[float]]:
    """The bound of every test image, to six digits, in the unit of the data: the curve `images` of
    a likelihood record, by which models are compared image by image."""
    return {"bound": [float(f"{value:.6g}") for value in in_unit(manifest, nats).tolist()]}


def mean_figure(metric: str, values: Tensor, spread: str, **more: str) -> Figure:
    """The mean of independent values with its standard error."""
    n = len(values)
    stderr = float(values.double().std(unbiased=True)) / math.sqrt(n) if n > 1 else None
    return Figure(metric, float(values.double().mean()), stderr, n, spread, **more)
