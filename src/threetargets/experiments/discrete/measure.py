"""One seed of the discrete experiment: what is counted out, a patch of digits, whole digits, and
binarised MNIST where it is asked for."""

from __future__ import annotations

import itertools
import math
import time

import torch
from torch import Tensor, nn

from threetargets.diffusion.times import stratified
from threetargets.experiments import small_images
from threetargets.experiments.checked_figures import mean_figure
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.digit_sizes import LEVELS
from threetargets.experiments.discrete import any_order, enumeration
from threetargets.experiments.discrete.corruption import (
    CORRUPTIONS,
    Corruption,
    absorbing,
    alphas,
    categorical,
    point,
)
from threetargets.experiments.discrete.spec import MNIST_SIDE, Binary, Discrete
from threetargets.experiments.fitting import Fit, fit
from threetargets.experiments.no_label import NOBODY
from threetargets.networks.mlp import Denoiser
from threetargets.pipeline.records import Figure
from threetargets.streams import generator, key
from threetargets.study.values import Section

SHOWN = 16
"""Samples of each corruption that are kept for the picture."""
CLOCK = 12.0
"""log(alpha / (1 - alpha)), which the network reads as its noise level, is cut at this."""


def network(
    process: Corruption, shape: tuple[int, int], hidden: int, depth: int, seed: int
) -> nn.Module:
    """Its initial weights depend on the seed and the shapes alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(seed, "discrete/init"))
        made: nn.Module = Denoiser((process.states, *shape), 1, hidden, depth, process.levels)
    return made


def read(process: Corruption, net: nn.Module, x_t: Tensor, alpha: Tensor) -> Tensor:
    """r (B, H, W, K): softmax of the network's output at x_t (B, H, W), alpha () or (B,)."""
    alpha = alpha.double().reshape(-1)
    clock = torch.logit(alpha).clamp(-CLOCK, CLOCK) if process.clock else torch.zeros(1)
    hot = point(x_t, process.states, clock.float()).permute(0, 3, 1, 2)
    out: Tensor = net(hot, clock.float(), NOBODY)
    return torch.softmax(out.permute(0, 2, 3, 1), -1)


def loss(
    process: Corruption, net: nn.Module, x0: Tensor, steps: int, source: torch.Generator
) -> Tensor:
    """T KL_t of one t for each x_0 (B, H, W), t even over 1 .. T: mean over the batch, nats."""
    path = alphas(steps)
    t = (stratified(len(x0), source) * steps).long() + 1
    before, after = (path[i].view(-1, 1, 1).float() for i in (t - 1, t))
    x_t = process.corrupt(x0, after, source)
    r = read(process, net, x_t, after)
    apart = process.divergence(x0, r, x_t, before[..., None], after[..., None])
    return steps * apart.sum((1, 2)).mean()


def trained(
    process: Corruption, net: nn.Module, images: Tensor, steps: int, chosen: Fit, seed: int
) -> nn.Module:
    def one(step: int) -> Tensor:
        source = generator(seed, "discrete/train", step)
        x0 = small_images.batch(images, chosen.batch, source).long()
        return loss(process, net, x0, steps, source)

    return fit(net, one, chosen)


@torch.no_grad()
def bound(process: Corruption, net: nn.Module, x0: Tensor, steps: int, seed: int) -> Tensor:
    """The variational bound of each image (N, H, W), nats, (N,): one draw of x_t for every t."""
    total = torch.zeros(len(x0), dtype=torch.float64)
    for t, (before, after) in enumerate(itertools.pairwise(alphas(steps)), 1):
        x_t = process.corrupt(x0, after, generator(seed, "discrete/bound", t))
        r = read(process, net, x_t, after).double()
        total += process.divergence(x0, r, x_t, before, after).sum((1, 2))
    return total


@torch.no_grad()
def samples(
    process: Corruption, net: nn.Module, count: int, side: int, steps: int, seed: int
) -> Tensor:
    """(count, side, side), levels."""
    source = generator(seed, "discrete/sample")
    x = categorical(process.law.expand(count, side, side, -1), source)
    for after, before in itertools.pairwise(alphas(steps).flip(0)):
        r = read(process, net, x, after).double()
        x = categorical(process.reverse(r, x, before, after), source)
    return x


def _toy(block: Discrete, seed: int) -> list[Figure]:
    """By what the bound exceeds the entropy of a law drawn at random, for the exact posterior:
    taken jointly, and pixel by pixel at some T."""
    toy, figures = block.toy, []
    draws = torch.rand(toy.levels**toy.pixels, generator=generator(seed, "discrete/law"))
    law = torch.softmax(2 * torch.special.ndtri(draws.double().clamp(1e-6, 1 - 1e-6)), 0)
    least = enumeration.entropy(law)
    for name, make in CORRUPTIONS.items():
        process = make(toy.levels)
        joint = enumeration.joint_bound(process, law, toy.pixels, alphas(max(toy.steps)))
        figures.append(Figure(f"gap/{name}_joint", joint - least))
        exact = enumeration.denoiser(process, law, toy.pixels)
        for steps in toy.steps:
            apart = enumeration.bound(process, law, toy.pixels, alphas(steps), exact)
            figures.append(Figure(f"gap/{name}_T{steps}", apart - least))
    return figures


def _patch(block: Discrete, seed: int) -> list[Figure]:
    """An absorbing network for a few binary pixels, its bounds and its likelihoods by every order,
    of the law of the training images."""
    chosen, process = block.patch, absorbing(2)
    images = small_images.binary(small_images.digits(block.split, "train"))[:, 0]
    down = slice(chosen.top, chosen.top + chosen.height)
    images = images[:, down, chosen.left : chosen.left + chosen.width]
    shape = (chosen.height, chosen.width)
    pixels, longest = chosen.height * chosen.width, max(chosen.steps)
    net = network(process, shape, chosen.hidden, chosen.depth, seed)
    net = trained(process, net, images, longest, chosen.training, seed)
    place = images.flatten(1) @ 2 ** torch.arange(pixels - 1, -1, -1)
    law = torch.bincount(place, minlength=2**pixels).double() / len(images)

    @torch.no_grad()
    def denoise(x_t: Tensor, alpha: Tensor) -> Tensor:
        return read(process, net, x_t.view(-1, *shape), alpha).view(len(x_t), pixels, -1)

    masks = enumeration.Masks(process, law, pixels, denoise)
    orders = masks.over_orders()
    figures = [
        Figure("orders/mean", float(orders.mean()), n=len(orders)),
        Figure("orders/least", float(orders.min()), n=len(orders)),
        Figure("orders/most", float(orders.max()), n=len(orders)),
        Figure("orders/continuous", masks.continuous()),
        Figure("orders/entropy", enumeration.entropy(law)),
    ]
    for steps in chosen.steps:
        value = enumeration.bound(process, law, pixels, alphas(steps), denoise)
        figures.append(Figure(f"orders/T{steps}", value))
    return figures


def histogram(train: Tensor, test: Tensor, levels: int) -> Tensor:
    """-log p of each test image by each pixel's own counts in training, one added to each level,
    nats, (N,)."""
    counts = torch.stack([(train == k).sum(0) for k in range(levels)], -1).double() + 1
    table = -(counts / counts.sum(-1, keepdim=True)).log()
    seen = table.expand(*test.shape, levels).gather(-1, test[..., None].long())
    return seen.flatten(1).sum(1)


def _mnist(chosen: Binary, seed: int, tell: Tell) -> tuple[list[Figure], dict[str, Tensor]]:
    """Bounds of the test images, nats, and samples beside images."""
    start, process, had = time.monotonic(), absorbing(2), any_order.images(chosen.split)
    net = any_order.network(process.states, process.levels, chosen, seed)
    net = trained(process, net, had["train"], chosen.steps, chosen.training, seed)
    tell(f"seed {seed}: MNIST trained ({time.monotonic() - start:.1f} s)")
    start, none = time.monotonic(), torch.tensor(0.5, dtype=torch.float64)
    values = any_order.bound(
        lambda x_t: read(process, net, x_t, none), process.levels, had["test"], chosen.draws, seed
    )
    tell(f"seed {seed}: MNIST {float(values.mean()):.2f} nats ({time.monotonic() - start:.1f} s)")
    counted = histogram(had["train"], had["test"], process.levels)
    figures = [mean_figure("mnist/absorbing", values), mean_figure("mnist/histogram", counted)]
    drawn = samples(process, net, SHOWN, MNIST_SIDE, chosen.steps, seed)
    return figures, {"mnist": drawn, "mnist_data": had["test"][:SHOWN]}


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures gap/<corruption>_T<T> and _joint (nats above the entropy), orders/.. (nats of the
    patch), bound/<corruption> and bound/histogram (bits/dim of the test digits), mnist/absorbing
    and mnist/histogram (nats of test images)."""
    assert isinstance(block, Discrete)
    start = time.monotonic()
    figures = _toy(block, seed) + _patch(block, seed)
    tell(f"seed {seed}: counted out ({time.monotonic() - start:.1f} s)")
    chosen, arrays = block.digits, {}
    train, test = (small_images.digits(block.split, part)[:, 0] for part in ("train", "test"))
    bit = test[0].numel() * math.log(2)
    counted = float(histogram(train, test, LEVELS).mean()) / bit
    figures.append(Figure("bound/histogram", counted, n=len(test)))
    for name, make in CORRUPTIONS.items():
        start, process = time.monotonic(), make(LEVELS)
        net = network(process, (8, 8), chosen.hidden, chosen.depth, seed)
        net = trained(process, net, train, chosen.steps, chosen.training, seed)
        bits = bound(process, net, test, chosen.steps, seed) / bit
        figures.append(mean_figure(f"bound/{name}", bits))
        drawn = samples(process, net, SHOWN, 8, chosen.steps, seed)
        arrays[name] = drawn.to(torch.uint8).numpy()
        spent = time.monotonic() - start
        tell(f"seed {seed}: {name}: {float(bits.mean()):.3f} bits/dim ({spent:.1f} s)")
    arrays["data"] = test[:SHOWN].to(torch.uint8).numpy()
    if block.mnist:
        more, shown = _mnist(block.mnist, seed, tell)
        figures += more
        arrays |= {name: one.to(torch.uint8).numpy() for name, one in shown.items()}
    return Measured(figures, {}, arrays)
