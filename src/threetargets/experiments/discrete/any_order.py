"""Absorption of binarised MNIST: its images, its network, and the bound by masks of every size."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from threetargets.data import sources, splits
from threetargets.diffusion.times import stratified
from threetargets.experiments.discrete.spec import MNIST, MNIST_SIDE, Binary
from threetargets.networks.unet import Denoiser
from threetargets.streams import generator, key
from threetargets.study.blocks import Split

BATCH, PATCH = 500, 2
Denoise = Callable[[Tensor], Tensor]
"""x_t (B, H, W) of pixels and masks -> r (B, H, W, K), the law of each pixel by the others."""


def images(split: Split) -> dict[str, Tensor]:
    """Of training and test, 0 and 1, uint8, (N, 28, 28). Raises MissingInput where the files are
    nowhere to be had, DataError where they are not those that are known."""
    source = sources.find(MNIST)
    had, index = sources.read(source).images[:, 0], splits.split_indices(source, split)
    return {part: torch.from_numpy(had[index[part]]) for part in ("train", "test")}


class Patched(nn.Module):
    """A U-Net on patches of 2x2 pixels, each a place of as many channels: (x (B, S, 28, 28),
    log_snr, labels) -> (B, K, 28, 28), at a quarter of the cost of one on pixels."""

    def __init__(self, states: int, levels: int, width: int, depth: int):
        super().__init__()
        side = MNIST_SIDE // PATCH
        shape, outputs = (states * PATCH**2, side, side), levels * PATCH**2
        self.inner = Denoiser(shape, 1, width, depth, outputs)

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor) -> Tensor:
        out: Tensor = self.inner(pixel_unshuffle(x, PATCH), log_snr, labels)
        return pixel_shuffle(out, PATCH)


def network(states: int, levels: int, chosen: Binary, seed: int) -> nn.Module:
    """Its initial weights depend on the seed and the shapes alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(seed, "discrete/mnist-init"))
        return Patched(states, levels, chosen.width, chosen.depth)


def sizes(count: int, draws: int, pixels: int, source: torch.Generator) -> Tensor:
    """Numbers of masked pixels, each even over 1 .. D, (count, draws): spread evenly over the draws
    of an image, and over images."""
    first = stratified(count, source)[torch.randperm(count, generator=source)]
    places = (first[:, None] + torch.arange(draws, dtype=torch.float64) / draws) % 1
    return (places * pixels).long() + 1


@torch.no_grad()
def bound(denoise: Denoise, levels: int, x0: Tensor, draws: int, seed: int) -> Tensor:
    """The absorbing bound for T to infinity of each image x0 (N, H, W), nats, (N,): D E_m 1/m sum_M
    -log r_i(x_0^i), m even over 1 .. D, M any m of the D pixels, which are masked.

    It is the mean over all orders of the autoregressive -log p (Hoogeboom et al. 2022,
    arXiv:2110.02037). State K is the mask.
    """
    pixels = x0[0].numel()
    source = generator(seed, "discrete/any-order")
    counts = sizes(len(x0), draws, pixels, source)
    total = torch.zeros(len(x0), dtype=torch.float64)
    for first in range(0, len(x0), BATCH):
        x = x0[first : first + BATCH].long()
        for size in counts[first : first + BATCH].T:
            place = torch.rand(len(x), pixels, generator=source).argsort(1).argsort(1)
            masked = (place < size[:, None]).view(x.shape)
            r = denoise(torch.where(masked, levels, x)).double()
            surprise = -r.gather(-1, x[..., None])[..., 0].log() * masked
            part = surprise.flatten(1).sum(1) * pixels / size
            total[first : first + BATCH] += part / draws
    return total
