"""Batches of a split, and a likelihood over its images as a figure."""

from __future__ import annotations

from torch import Tensor

from threetargets.data.store import Manifest
from threetargets.levels import bits_per_dim
from threetargets.pipeline.records import Figure
from threetargets.stages.common import mean_figure
from threetargets.units import BITS, unit

OVER_IMAGES = {"test": "test images", "train": "training images"}


def batches(count: int, batch: int) -> list[slice]:
    return [slice(start, min(start + batch, count)) for start in range(0, count, batch)]


def told(manifest: Manifest, nats: Tensor) -> Tensor:
    """nats per example, of any shape, in the unit of the data, float64 on the CPU."""
    values = nats.double().cpu()
    told = bits_per_dim(values, manifest.dims) if unit(manifest.levels) == BITS else values
    assert isinstance(told, Tensor)
    return told


def likelihood_figure(
    manifest: Manifest, metric: str, nats: Tensor, reference: str = "test"
) -> Figure:
    """`metric`_bpd or `metric`_nats: the mean over images of nats (N,), with its standard error."""
    name = f"{metric}_{unit(manifest.levels).suffix}"
    return mean_figure(name, told(manifest, nats), OVER_IMAGES[reference], reference=reference)
