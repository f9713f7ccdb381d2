"""A small U-Net, and the convolutional body of a classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, silu

from threetargets.networks.embedding import Condition, LogSnrFeatures


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(next(g for g in (8, 4, 2, 1) if channels % g == 0), channels)


class ConvBlock(nn.Module):
    """Two 3x3 convolutions with group normalisation, scaled and shifted by the condition, and a
    skip."""

    def __init__(self, inputs: int, outputs: int, condition: int):
        super().__init__()
        self.norm_1, self.norm_2 = _norm(inputs), _norm(outputs)
        self.conv_1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv_2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(condition, 2 * outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.modulation(condition)[:, :, None, None].chunk(2, 1)
        h = self.conv_1(silu(self.norm_1(x)))
        h = self.conv_2(silu(self.norm_2(h) * (1 + scale) + shift))
        return self.skip(x) + h


class Denoiser(nn.Module):
    """(x_t (B, C, H, W), log_snr (B,), labels (B,)) -> (B, `outputs` or C, H, W): three
    resolutions, `depth` blocks at each."""

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        width: int,
        depth: int,
        outputs: int | None = None,
    ):
        super().__init__()
        channels, embedding = [width, 2 * width, 2 * width], 4 * width
        self.condition = Condition(embedding, classes)
        self.first = nn.Conv2d(shape[0], width, 3, padding=1)
        self.down, self.pool, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        now = width
        for resolution, across in enumerate(channels):
            if resolution:
                self.pool.append(nn.Conv2d(now, now, 3, stride=2, padding=1))
            self.down.append(
                nn.ModuleList(
                    ConvBlock(now if b == 0 else across, across, embedding) for b in range(depth)
                )
            )
            now = across
        self.middle = ConvBlock(now, now, embedding)
        for across in reversed(channels):
            self.up.append(
                nn.ModuleList(
                    ConvBlock(now + across if b == 0 else across, across, embedding)
                    for b in range(depth)
                )
            )
            now = across
        self.norm, self.last = _norm(now), nn.Conv2d(now, outputs or shape[0], 3, padding=1)
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor) -> Tensor:
        condition = self.condition(log_snr, labels)
        h, kept = self.first(x), []
        for resolution, blocks in enumerate(self.down):
            if resolution:
                h = self.pool[resolution - 1](h)
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, condition)
            kept.append(h)
        h = self.middle(h, condition)
        for resolution, blocks in enumerate(self.up):
            skip = kept.pop()
            if resolution:
                h = interpolate(h, size=skip.shape[-2:], mode="nearest")
            h = torch.cat([h, skip], 1)
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, condition)
        # In float32 whatever the rest is in: eight bits would round an image that is nearly clean
        # to half a grey level.
        with torch.autocast(h.device.type, enabled=False):
            return self.last(silu(self.norm(h.float())))


class Trunk(nn.Module):
    """The body of a classifier: (x (B, C, H, W), log_snr (B,) or None for clean images) -> (B,
    `width`), pooled over pixels."""

    def __init__(self, shape: tuple[int, ...], width: int):
        super().__init__()
        self.width = width
        self.noise_features = LogSnrFeatures()
        self.noise_level = nn.Linear(self.noise_features.width, width)
        self.first = nn.Conv2d(shape[0], width // 2, 3, padding=1)
        self.pool = nn.Conv2d(width // 2, width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(
            [ConvBlock(width // 2, width // 2, width), ConvBlock(width, width, width)]
        )

    def forward(self, x: Tensor, log_snr: Tensor | None) -> Tensor:
        condition = (
            x.new_zeros(len(x), self.width)
            if log_snr is None
            else silu(self.noise_level(self.noise_features(log_snr)))
        )
        h = self.blocks[0](self.first(x), condition)
        return self.blocks[1](self.pool(h), condition).mean((2, 3))
