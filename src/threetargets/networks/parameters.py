"""The parameters of each network, read without torch; networks/registry.py makes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import Field

from threetargets.study.values import Positive, Section


class NetworkBlock(Section):
    """What every network says of itself; the keys besides `name` are its constructor's."""

    name: str


class Mlp(NetworkBlock):
    """A residual perceptron, for very small images."""

    name: Literal["mlp"]
    width: Positive
    depth: Positive


class UNet(NetworkBlock):
    """A U-Net of three resolutions, for images whose sides are multiples of 4."""

    name: Literal["unet"]
    width: Positive
    depth: Positive


NETWORKS: dict[str, type[NetworkBlock]] = {"mlp": Mlp, "unet": UNet}
Network: Any = Annotated[Union[tuple(NETWORKS.values())], Field(discriminator="name")]  # noqa: UP007
"""The block `network` of a parameter file."""
