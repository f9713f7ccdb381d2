"""The networks by their names in a parameter file."""

from __future__ import annotations

from torch import nn

from threetargets.errors import ConfigError
from threetargets.networks import mlp, unet, vit
from threetargets.networks.parameters import NetworkBlock
from threetargets.networks.skip import InputSkip

DENOISERS: dict[str, type[nn.Module]] = {
    "mlp": mlp.Denoiser,
    "unet": unet.Denoiser,
    "vit": vit.Denoiser,
}
TRUNKS: dict[str, type[nn.Module]] = {"mlp": mlp.Trunk, "conv": unet.Trunk}
"""Bodies of classifiers."""


def denoiser(
    block: NetworkBlock, shape: tuple[int, ...], classes: int, outputs: int | None = None
) -> nn.Module:
    """(x_t (B, C, H, W), log_snr (B,) or (1,), labels likewise) -> (B, `outputs` or C, H, W).
    Raises ConfigError where the network cannot take images of that shape."""
    if wrong := block.unfit(*shape[1:]):
        raise ConfigError(f"network.{wrong}")
    own = block.model_dump(exclude=set(NetworkBlock.model_fields))
    net = DENOISERS[block.name](shape, classes, **own, outputs=outputs)
    return InputSkip(net) if block.input_skip else net


def trunk(body: str, shape: tuple[int, ...], width: int) -> nn.Module:
    """(x (B, C, H, W), log_snr (B,) or (1,) or None) -> (B, width)."""
    return TRUNKS[body](shape, width)
