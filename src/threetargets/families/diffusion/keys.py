"""The keys of diffusion models in a parameter file: the process, and its variants."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from threetargets.families import variants
from threetargets.families.variants import TRAINING, Variants
from threetargets.study.blocks import Schedule
from threetargets.study.names import names
from threetargets.study.values import BoundVariance, Proposal, Section, Variance, Weighting

LEARNED = names("likelihood/bound.py", "LEARNED")
NETWORK = "network"


class Process(Section):
    """The forward process, how it is trained, and the variance of the reverse steps: `variance`
    of samples and of the decoder in the elbo loss, `bound_variance` of the bound that is
    reported."""

    steps: Annotated[int, Field(ge=2)]
    schedule: Schedule
    variance: Variance
    bound_variance: BoundVariance = "optimal"
    learned_variance: bool = False
    """Whether the network has a head of the reverse variance: likelihood/learned.py."""
    label_dropout: Annotated[float, Field(ge=0, lt=1)]
    label_noise: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the training labels in whose place a class is drawn: noisy_labels.py."""
    time_sampling: dict[Weighting, Proposal]

    @model_validator(mode="after")
    def _learned(self) -> Process:
        if self.bound_variance in LEARNED and not self.learned_variance:
            raise ValueError(
                f"bound_variance is {self.bound_variance}, but learned_variance is false: the "
                "network has no head for it"
            )
        return self


class Diffusion(Process):
    """The process of the cells without a variant, and variants of it: `long: {steps: 1000}` is the
    last part of cells such as `ddpm_eps_elbo_long`, which differ in the keys that it names; under
    `network` and `training` in those of these blocks."""

    variants: Variants

    @model_validator(mode="after")
    def _whole_variants(self) -> Diffusion:
        own = self.of("")
        for name in self.variants:
            self._changed(own, name)
        return self

    def of(self, variant: str) -> Process:
        """The process of a variant; of no variant for "". Raises KeyError, ValueError."""
        own = Process.model_validate(self.model_dump(exclude={"variants"}))
        return self._changed(own, variant) if variant else own

    def _changed(self, own: Process, variant: str) -> Process:
        changes = variants.without(self.variants[variant], TRAINING, NETWORK)
        return variants.changed(own, changes, f"variants.{variant}", (TRAINING, NETWORK))
