"""The parameters of each network, read without torch; networks/registry.py makes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import Field, model_validator

from threetargets.study.values import Positive, Section


class NetworkBlock(Section):
    """What every network says of itself; the keys besides these two are its constructor's."""

    name: str
    input_skip: bool = False
    """Whether the noisy image also reaches the output by a gate: networks/skip.py."""

    def unfit(self, height: int, width: int) -> str:
        """Why it cannot take images of these sides: key, what was found and what was expected;
        empty where it can."""
        return ""


class Mlp(NetworkBlock):
    """A residual perceptron, for very small images."""

    name: Literal["mlp"]
    width: Positive
    depth: Positive


class UNet(NetworkBlock):
    """A U-Net of three resolutions, each half of the one before."""

    name: Literal["unet"]
    width: Positive
    depth: Positive


class Vit(NetworkBlock):
    """A plain image transformer, for images whose sides are multiples of `patch`, in pixels."""

    name: Literal["vit"]
    patch: Positive
    width: Positive
    depth: Positive
    heads: Positive

    @model_validator(mode="after")
    def _whole_heads(self) -> Vit:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        return self

    def unfit(self, height: int, width: int) -> str:
        if height % self.patch == 0 and width % self.patch == 0:
            return ""
        return f"patch: {self.patch} does not divide the sides {height} and {width} of the images"


NETWORKS: dict[str, type[NetworkBlock]] = {"mlp": Mlp, "unet": UNet, "vit": Vit}
Network: Any = Annotated[Union[tuple(NETWORKS.values())], Field(discriminator="name")]  # noqa: UP007
"""The block `network` of a parameter file."""
