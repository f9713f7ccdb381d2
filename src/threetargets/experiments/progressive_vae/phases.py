"""The trainings: phase one layer by layer, or of all layers at once; phase two; the whole bound.

Step k of each has the same images and the same noise of every layer: with fixed encoders a layer
then sees the same whether it is trained alone or with all others.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from threetargets.experiments import small_images
from threetargets.experiments.digit_sizes import PIXELS
from threetargets.experiments.fitting import Fit, fit
from threetargets.experiments.progressive_vae.layers import Progressive
from threetargets.streams import generator

Draw = Callable[[int], tuple[Tensor, list[Tensor]]]
"""Step -> grey levels (B, D), and noise (B, d_l) of each layer."""


def draws(net: Progressive, images: Tensor, batch: int, seed: int) -> Draw:
    """From grey levels (N, D)."""

    def drawn(step: int) -> tuple[Tensor, list[Tensor]]:
        source = generator(seed, "progressive_vae/train", step)
        grey = small_images.batch(images, batch, source)
        return grey, [torch.randn(batch, d, generator=source) for d in net.latents]

    return drawn


def _mean(values: Tensor) -> Tensor:
    """Nats per pixel of the image, whatever the layer: one scale for all losses."""
    return values.mean() / PIXELS


def phase_one(net: Progressive, place: int, grey: Tensor, noise: list[Tensor]) -> Tensor:
    """E[-log p(z_{l-1} | z_l)] in encoder and decoder of that layer; z_{l-1} is given."""
    with torch.no_grad():
        below = net.below(place, grey, noise)
    z = net[place].encode(below, noise[place])
    return _mean(net.misfit(place, below, z, grey))


def apart(net: Progressive, drawn: Draw, chosen: Fit) -> None:
    """Phase one, layer by layer from the image up."""
    for place in range(len(net.latents)):

        def loss(step: int, place: int = place) -> Tensor:
            return phase_one(net, place, *drawn(step))

        fit(net[place], loss, chosen)


def together(net: Progressive, drawn: Draw, chosen: Fit) -> None:
    """Phase one of all layers at once: shared parameters have all of its losses."""

    def loss(step: int) -> Tensor:
        grey, noise = drawn(step)
        losses = [phase_one(net, place, grey, noise) for place in range(len(net.latents))]
        return torch.stack(losses).sum()

    fit(net.layers, loss, chosen)


def phase_two(net: Progressive, drawn: Draw, chosen: Fit) -> None:
    """E[-log p(z_L)] in the prior alone."""

    def loss(step: int) -> Tensor:
        grey, noise = drawn(step)
        with torch.no_grad():
            top = net.below(len(net.latents), grey, noise)
        return -_mean(net.prior.log_prob(top))

    fit(net.prior, loss, chosen)


def joint(net: Progressive, drawn: Draw, chosen: Fit) -> None:
    """The whole bound in all parameters; the entropies are constants."""

    def loss(step: int) -> Tensor:
        return _mean(torch.stack(list(net.parts(*drawn(step)).values())).sum(0))

    fit(net, loss, chosen)
