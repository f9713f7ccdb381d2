"""The same work by diffusers' U-Net of the same widths and by denoising-diffusion-pytorch's, each
as their examples have it, at its best: compiled and channels last on a GPU, fused AdamW."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.rows import MNIST, Options, Row, data, forward_operations, network_of
from threetargets.families.counted import counted

STEPS = 500
"""Noise levels of their schedules."""
NULL = 10
"""The label that says nothing."""


def unet(options: Options, shape: tuple[int, int, int] = MNIST.shape) -> nn.Module:
    """diffusers' U-Net, conditional on a class."""
    from diffusers import UNet2DModel

    sizes = network_of(options)
    channels = (sizes["width"], 2 * sizes["width"], 2 * sizes["width"])
    return UNet2DModel(
        sample_size=shape[-1],
        in_channels=shape[0],
        out_channels=shape[0],
        layers_per_block=sizes["depth"],
        block_out_channels=channels,
        down_block_types=("DownBlock2D",) * 3,
        up_block_types=("UpBlock2D",) * 3,
        norm_num_groups=8,
        num_class_embeds=NULL + 1,
        add_attention=False,
    )


def ready(options: Options, net: nn.Module) -> nn.Module:
    if options.gpu:
        net = net.to(options.device, memory_format=torch.channels_last)
        net.compile(dynamic=False)
    return net


def _autocast(options: Options) -> torch.autocast:
    return torch.autocast(options.device, torch.bfloat16, enabled=options.gpu)


class Step:
    """diffusers: a training step as its examples have it, with its schedule and its average of the
    weights; the learning rate is constant after its warm-up."""

    def __init__(
        self,
        options: Options,
        net: nn.Module,
        schedule: Any,
        images: Tensor,
        labels: Tensor,
        *,
        scaled: Callable[[Tensor], Tensor],
        dropout: float = 0.0,
        rate: float = 5e-4,
        warmup: int = 0,
    ):
        from diffusers.optimization import get_constant_schedule_with_warmup
        from diffusers.training_utils import EMAModel

        self.options, self.net, self.schedule = options, net, schedule
        self.images, self.labels, self.scaled, self.dropout = images, labels, scaled, dropout
        self.average = EMAModel(net.parameters(), use_ema_warmup=True, power=0.75, foreach=True)
        self.optimizer = torch.optim.AdamW(net.parameters(), lr=rate, fused=True)
        self.rates = get_constant_schedule_with_warmup(self.optimizer, warmup) if warmup else None

    def __call__(self) -> None:
        batch, device = self.options.batch, self.options.device
        rows = torch.randint(0, len(self.images), (batch,), device=device)
        x, labels = self.scaled(self.images[rows]), self.labels[rows]
        if self.dropout:
            dropped = torch.rand(batch, device=device) < self.dropout
            labels = labels.masked_fill(dropped, NULL)
        noise = torch.randn_like(x)
        t = torch.randint(0, len(self.schedule.timesteps), (batch,), device=device)
        noisy = self.schedule.add_noise(x, noise, t)
        with _autocast(self.options):
            guess = self.net(noisy, t, class_labels=labels).sample
        loss = nn.functional.mse_loss(guess.float(), noise)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.rates:
            self.rates.step()
        self.average.step(self.net.parameters())


def training(options: Options) -> Row:
    from diffusers import DDPMScheduler

    net = unet(options)
    operations = 3 * forward_operations(net)
    schedule = DDPMScheduler(num_train_timesteps=STEPS)
    images, labels = data(options)
    step = Step(
        options,
        ready(options, net),
        schedule,
        images,
        labels,
        scaled=lambda levels: levels.float() / 127.5 - 1,
    )
    return Row(step, options.batch, operations)


def sampling(options: Options) -> Row:
    """diffusers: ten DDIM steps, classifier-free, both halves in one batch."""
    from diffusers import DDIMScheduler

    net, device = unet(options).eval().requires_grad_(False), options.device
    operations = 2 * 10 * forward_operations(net)
    net = ready(options, net)
    schedule = DDIMScheduler(num_train_timesteps=STEPS)
    schedule.set_timesteps(10)
    labels = torch.arange(options.sampled, device=device) % 10
    both = torch.cat([labels, torch.full_like(labels, NULL)])

    @torch.no_grad()
    def work() -> None:
        x = torch.randn(options.sampled, *MNIST.shape, device=device)
        for t in schedule.timesteps:
            with _autocast(options):
                guess = net(torch.cat([x, x]), t, class_labels=both).sample.float()
            c, u = guess.chunk(2)
            x = schedule.step(u + 2.0 * (c - u), t, x).prev_sample

    return Row(work, options.sampled, operations)


def likelihood(options: Options) -> Row:
    """diffusers has no likelihood: its network over ten noise levels, and the Gaussian terms of the
    bound in float32, as one would write them around it."""
    from diffusers import DDPMScheduler

    net, device = unet(options).eval().requires_grad_(False), options.device
    operations = 10 * forward_operations(net)
    net = ready(options, net)
    schedule = DDPMScheduler(num_train_timesteps=STEPS)
    abar = schedule.alphas_cumprod.to(device)
    x = data(options)[0][: options.sampled].float() / 127.5 - 1
    null = torch.full((options.sampled,), NULL, device=device)

    @torch.no_grad()
    def work() -> float:
        total = torch.zeros(options.sampled, device=device)
        for t in torch.linspace(1, STEPS - 1, 10).long():
            noise, a, before = torch.randn_like(x), abar[t], abar[t - 1]
            noisy = schedule.add_noise(x, noise, t.to(device))
            guess = net(noisy, t, class_labels=null).sample.float()
            x0 = (noisy - (1 - a).sqrt() * guess) / a.sqrt()
            weight = 0.5 * (before / (1 - before) - a / (1 - a))
            total += weight * (x - x0).square().flatten(1).sum(1)
        return float(total.mean())

    return Row(work, options.sampled, operations)


def lucidrains_training(options: Options) -> Row:
    """denoising-diffusion-pytorch: a step of its network and schedule, without labels. Its U-Net
    has attention, and takes sides that are multiples of 8: images of 32x32."""
    from denoising_diffusion_pytorch import GaussianDiffusion, Unet

    width = network_of(options)["width"]
    net = Unet(dim=width, dim_mults=(1, 2, 2), channels=1)
    x = torch.zeros(1, 1, 32, 32)
    operations = 3 * counted(lambda: net(x, torch.zeros(1)))
    diffusion = GaussianDiffusion(ready(options, net), image_size=32, timesteps=STEPS)
    diffusion = diffusion.to(options.device)
    optimizer = torch.optim.AdamW(diffusion.parameters(), lr=5e-4, fused=True)
    images: Tensor = nn.functional.pad(data(options)[0], (2, 2, 2, 2))

    def work() -> None:
        rows = torch.randint(0, len(images), (options.batch,), device=options.device)
        with _autocast(options):
            loss = diffusion(images[rows].float() / 255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return Row(work, options.batch, operations)


def product(options: Options, size: int = 0) -> Row:
    """What the machine multiplies at: one product, bfloat16 on a GPU and float32 on a CPU."""
    n = size or (8192 if options.gpu else 1024)
    kind = torch.bfloat16 if options.gpu else torch.float32
    a = torch.randn(n, n, dtype=kind, device=options.device)
    return Row(lambda: a @ a, 1, 2.0 * n**3)


def convolution(options: Options) -> Row:
    """What it convolves at: 3x3, channels last, as wide as the network."""
    width = network_of(options)["width"]
    kind = torch.bfloat16 if options.gpu else torch.float32
    layer = nn.Conv2d(width, width, 3, padding=1).to(options.device, kind)
    layer = layer.requires_grad_(False).to(memory_format=torch.channels_last)
    x = torch.randn(options.batch, width, 28, 28, device=options.device, dtype=kind)
    x = x.to(memory_format=torch.channels_last)
    return Row(functools.partial(layer, x), options.batch, 2.0 * 9 * width**2 * 28 * 28)
