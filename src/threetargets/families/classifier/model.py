"""The classifiers: the guide p(y | x_i, i), trained on noisy images; the guide that was trained on
clean ones alone, and the independent judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from threetargets.diffusion.kernel import add_noise
from threetargets.diffusion.schedule import Table
from threetargets.diffusion.times import draw, stratified
from threetargets.families.classifier import spec
from threetargets.families.diffusion import spec as diffusion
from threetargets.families.diffusion.process import forward
from threetargets.families.measured import mean_figure
from threetargets.levels import centres
from threetargets.networks.registry import trunk
from threetargets.streams import ALL
from threetargets.streams import generator as stream

if TYPE_CHECKING:
    from threetargets.data.read import Images, Manifest
    from threetargets.pipeline.cells import Run
    from threetargets.pipeline.records import Figure
    from threetargets.study.schema import Study


class Classifier(nn.Module):
    """Logits of the classes given an image and, of one trained on noisy images, its log-SNR."""

    def __init__(self, trunk: nn.Module, width: int, classes: int, count: int, noisy: Table | None):
        super().__init__()
        self.trunk, self.count, self.noisy = trunk, count, noisy
        self.head = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, classes))

    def features(self, x: Tensor, log_snr: Tensor | None = None) -> Tensor:
        """The trunk's output, (B, width), of images in [-1, 1].

        FID is measured here and not after the head's normalisation: nearer to the classes, features
        stop seeing blur and noise.
        """
        features: Tensor = self.trunk(x, log_snr)
        return features

    def logits(self, x: Tensor, log_snr: Tensor | None = None) -> Tensor:
        """(B, classes). `log_snr` is (B,) or (1,) of noisy images and None of clean ones."""
        logits: Tensor = self.head(self.features(x, log_snr))
        return logits

    def log_probability(self, x_t: Tensor, log_snr: Tensor) -> Tensor:
        """log p(y | x_t), (B, classes), at one noise level for the whole batch. A classifier that
        was trained on clean images takes x_t for one, whatever its noise."""
        known = None if self.noisy is None else log_snr.to(x_t.device, torch.float32).view(-1)
        return torch.log_softmax(self.logits(x_t.to(torch.float32), known), 1).to(x_t.dtype)

    def forward(
        self, images: Tensor, labels: Tensor, generator: torch.Generator, share: slice = ALL
    ) -> Tensor:
        return self.loss(images, labels, generator, share)

    def loss(
        self, images: Tensor, labels: Tensor, generator: torch.Generator, share: slice = ALL
    ) -> Tensor:
        """Mean cross-entropy in nats over the share; the guide sees x_i at noise levels drawn
        uniformly from 1..T."""
        x, log_snr = centres(images, self.count), None
        if self.noisy is not None:
            i, _ = draw(self.noisy, "uniform", stratified(len(images), generator))
            log_snr = self.noisy.log_snr.to(i.device)[i]
            x = add_noise(x, torch.randn(x.shape, generator=generator, device=x.device), log_snr)
            log_snr = log_snr.to(torch.float32)[share]
        return nn.functional.cross_entropy(self.logits(x[share], log_snr), labels[share])


def build(study: Study, data: Manifest, run: Run) -> Classifier:
    chosen = spec.block(study)
    noisy = forward(diffusion.block(study)) if run.cell == spec.GUIDE else None
    return Classifier(
        trunk(chosen.body, data.shape, chosen.width), chosen.width, data.classes, data.levels, noisy
    )


def labels(study: Study, data: Manifest, run: Run, labels: Tensor) -> Tensor:
    return labels


def ready(study: Study, model: nn.Module, device: torch.device) -> None:
    """Its table is put on the device. It is trained in float32, as it is."""
    assert isinstance(model, Classifier)
    if model.noisy is not None:
        model.noisy = Table(model.noisy.log_snr.to(device))


def scores(model: nn.Module, splits: Mapping[str, Images], device: torch.device) -> list[Figure]:
    """Accuracy on each split."""
    assert isinstance(model, Classifier)
    return [
        mean_figure(f"accuracy_{name}", _hits(model, split, device), "images", reference=name)
        for name, split in splits.items()
    ]


@torch.no_grad()
def _hits(model: Classifier, split: Images, device: torch.device) -> Tensor:
    """1 where the class is right, else 0; the guide sees each image at one noise level, spread
    evenly over 1..T."""
    x, log_snr, source = centres(split.images, model.count), None, stream(0, "accuracy")
    if model.noisy is not None:
        i, _ = draw(model.noisy, "uniform", stratified(len(x), source))
        noise_level = model.noisy.log_snr[i]
        x = add_noise(x, torch.randn(x.shape, generator=source), noise_level)
        log_snr = noise_level.to(device, torch.float32)
    return (model.logits(x.to(device), log_snr).argmax(1).cpu() == split.labels).double()
