"""The networks by their names in a parameter file."""

from __future__ import annotations

from torch import nn

from threetargets.networks import mlp, unet
from threetargets.networks.parameters import NetworkBlock

DENOISERS: dict[str, type[nn.Module]] = {"mlp": mlp.Denoiser, "unet": unet.Denoiser}
TRUNKS: dict[str, type[nn.Module]] = {"mlp": mlp.Trunk, "conv": unet.Trunk}
"""Bodies of classifiers."""


def denoiser(block: NetworkBlock, shape: tuple[int, ...], classes: int) -> nn.Module:
    """(x_t (B, C, H, W), log_snr (B,), labels (B,)) -> (B, C, H, W)."""
    return DENOISERS[block.name](shape, classes, **block.model_dump(exclude={"name"}))


def trunk(body: str, shape: tuple[int, ...], width: int) -> nn.Module:
    """(x (B, C, H, W), log_snr (B,) or None) -> (B, width)."""
    return TRUNKS[body](shape, width)
