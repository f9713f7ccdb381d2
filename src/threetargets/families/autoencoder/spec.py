"""The parameters of the autoencoders: a block for each family, and variants of it, each a cell of
its own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from threetargets.study.complaint import complaint
from threetargets.study.values import Activation, DecoderName, Positive, Section, Variant

TRAINING = "training"


class Autoencoder(Section):
    """One model: widths of its latents (bottom level first), its networks, its decoder, and the
    bound that it is trained on."""

    latents: Annotated[list[Positive], Field(min_length=1)]
    width: Positive
    depth: Positive
    activation: Activation = "silu"
    decoder: DecoderName
    kl: Literal["closed-form", "monte-carlo"]
    samples: Positive

    @model_validator(mode="after")
    def _sampled_ratios(self) -> Autoencoder:
        if self.samples > 1 and self.kl == "closed-form":
            raise ValueError(
                f"samples is {self.samples} and kl is closed-form: the importance-weighted "
                "bound takes sampled log ratios, with a closed-form KL it is no bound; write "
                "kl: monte-carlo"
            )
        return self


class Family(Autoencoder):
    """The cell `vae` (or `hvae`), and its variants: `z20: {latents: [20]}` is the cell `vae_z20`,
    which differs in the keys that it names; under `training` in those of the family's training
    block."""

    variants: dict[Variant, dict[str, Any]] = Field(default={})

    @model_validator(mode="after")
    def _whole_variants(self) -> Family:
        for name in self.variants:
            self.of(name)
        return self

    def of(self, variant: str) -> Autoencoder:
        """The parameters of a variant; those of the family itself for "". Raises KeyError, and
        ValueError in one line for a variant that is none."""
        own = self.model_dump(exclude={"variants"})
        changes = {
            k: v for k, v in (self.variants[variant] if variant else {}).items() if k != TRAINING
        }
        try:
            return Autoencoder.model_validate({**own, **changes})
        except ValidationError as error:
            raise ValueError(
                f"variants.{variant}.{complaint(error, Autoencoder, (TRAINING,))}"
            ) from None
