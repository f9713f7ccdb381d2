"""Batches of a split, and a figure in bits/dim over its images."""

from __future__ import annotations

from torch import Tensor

from threetargets.data.store import Manifest
from threetargets.levels import bits_per_dim
from threetargets.records import Figure
from threetargets.stages.common import mean_figure

OVER_IMAGES = "test images"


def batches(count: int, batch: int) -> list[slice]:
    return [slice(start, min(start + batch, count)) for start in range(0, count, batch)]


def bpd_figure(manifest: Manifest, metric: str, nats: Tensor) -> Figure:
    """`metric`_bpd: the mean over test images of nats (N,), with its standard error."""
    values = bits_per_dim(nats.double().cpu(), manifest.dims)
    assert isinstance(values, Tensor)
    return mean_figure(f"{metric}_bpd", values, OVER_IMAGES, reference="test")
