"""Networks that predict the noise of 8x8 digits, with and without the means of 2x2 pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from threetargets.diffusion.kernel import add_noise
from threetargets.diffusion.predictor import Predictor, predict
from threetargets.diffusion.schedule import Schedule
from threetargets.diffusion.target import TARGETS, Prediction
from threetargets.diffusion.times import stratified
from threetargets.experiments import small_images
from threetargets.experiments.conditioning import Part
from threetargets.experiments.digit_sizes import SIDE
from threetargets.experiments.fitting import fitted
from threetargets.experiments.no_label import NOBODY
from threetargets.experiments.super_resolution.spec import Learned
from threetargets.networks.mlp import Denoiser
from threetargets.streams import generator

SHAPE = (1, SIDE, SIDE)


def enlarged(part: Part, u: Tensor) -> Tensor:
    """The image (B, D) whose 2x2 pixels are all their mean: R^T u."""
    return u @ part.rows.to(u)


def predictor(net: nn.Module, beside: Tensor | None) -> Predictor:
    """On flat images (B, D), the network's output read as the noise; `beside` (B, D) is a further
    channel of its input."""

    def network(x: Tensor, log_snr: Tensor, labels: Tensor) -> Tensor:
        shown = x if beside is None else torch.cat([x, beside.to(x).view_as(x)], 1)
        out: Tensor = net(shown, log_snr, labels)
        return out

    def of(x: Tensor, log_snr: Tensor) -> Prediction:
        made = predict(network, TARGETS["eps"], x.view(-1, *SHAPE), log_snr, NOBODY)
        return Prediction(*(one.flatten(1) for one in made))

    return of


def trained(
    x0: Tensor, part: Part | None, chosen: Learned, schedule: Schedule, seed: int
) -> nn.Module:
    """By E |eps^ - eps|^2, noise levels even in t, of images x0 (N, D) float32; with `part` the
    network sees R x0, too. Batches and noise are the same with and without."""

    def make() -> nn.Module:
        return Denoiser((1 if part is None else 2, SIDE, SIDE), 1, chosen.hidden, chosen.depth, 1)

    def loss(net: nn.Module, step: int) -> Tensor:
        source = generator(seed, "super_resolution/train", step)
        x = small_images.batch(x0, chosen.training.batch, source)
        log_snr = schedule.log_snr(stratified(len(x), source))
        eps = torch.randn(x.shape, generator=source)
        beside = None if part is None else enlarged(part, part.of(x))
        guess = predictor(net, beside)(add_noise(x, eps, log_snr), log_snr).eps
        return (guess - eps).square().mean()

    net = fitted(make, loss, chosen.training, f"super_resolution/init/{seed}")
    return net.requires_grad_(False)
