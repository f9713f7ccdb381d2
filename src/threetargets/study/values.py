"""The kinds of value that a parameter can have, each with what is legal; the names are those of the
registries."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from threetargets.study.names import facts, names, one_of

TARGETS = names("diffusion/target.py", "TARGETS")
WEIGHTINGS = names("diffusion/weighting.py", "WEIGHTINGS")
CLASSES = facts("data/sources.py", "SOURCES", "classes")
LEVELS = facts("data/sources.py", "SOURCES", "levels")
AUTOENCODERS = ("vae", "hvae")
Positive = Annotated[int, Field(gt=0, le=10**12)]
Count = Annotated[int, Field(ge=0, le=10**12)]
PositiveReal = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """A block of a parameter file: unknown keys are errors, and nothing changes after it was
    read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=())


def kind_of(extractor: str) -> str:
    """`judge` of judge-0123456789abcdef: what an extractor is, without the digest of its
    weights."""
    return extractor.rpartition("-")[0]


def no_repeats(values: list) -> list:
    if len(set(values)) != len(values):
        raise ValueError(f"has a repeated entry in {values}")
    return values


def cell_name(name: str) -> str:
    """A cell of the grid: `vae`, `hvae`, a variant of them as `vae_<name>`, or
    `ddpm_<target>_<weighting>`."""
    parts = name.split("_")
    if parts[0] in AUTOENCODERS and len(parts) <= 2:
        return name if len(parts) == 1 else f"{parts[0]}_{variant_name(parts[1])}"
    if parts[0] != "ddpm" or len(parts) != 3:
        raise ValueError(
            f"unknown model {name!r}; expected vae, hvae, vae_<variant>, hvae_<variant> or "
            "ddpm_<target>_<weighting>"
        )
    if parts[1] not in TARGETS:
        raise ValueError(f"unknown target {parts[1]!r}; expected one of {', '.join(TARGETS)}")
    if parts[2] not in WEIGHTINGS:
        raise ValueError(f"unknown weighting {parts[2]!r}; expected one of {', '.join(WEIGHTINGS)}")
    return name


def variant_name(name: str) -> str:
    """The second half of a cell such as vae_z20."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise ValueError(
            f"{name!r} names a variant; expected lower case letters, digits and hyphens"
        )
    return name


def _gamma(value: float) -> float:
    if math.isnan(value) or math.isinf(value):
        raise ValueError("gamma must be a finite number")
    if value < 0:
        raise ValueError(
            "gamma must be 0 (unconditional), 1 (Bayes) or another number, not negative; found "
            f"{value:g}"
        )
    return value


SourceName = Annotated[str, one_of("data/sources.py", "SOURCES")]
ScheduleName = Annotated[str, one_of("diffusion/schedule.py", "SCHEDULES")]
Variance = Annotated[str, one_of("likelihood/bound.py", "VARIANCES")]
Weighting = Annotated[str, one_of("diffusion/weighting.py", "WEIGHTINGS")]
Proposal = Annotated[str, one_of("diffusion/times.py", "PROPOSALS")]
DecoderName = Annotated[str, one_of("likelihood/decoders.py", "DECODERS")]
Activation = Annotated[str, one_of("networks/mlp.py", "ACTIVATIONS")]
Variant = Annotated[str, AfterValidator(variant_name)]
Sampler = Annotated[str, one_of("diffusion/sampler.py", "SAMPLERS")]
Cell = Annotated[str, AfterValidator(cell_name)]
Gamma = Annotated[float, AfterValidator(_gamma)]
Gammas = Annotated[list[Gamma], Field(min_length=1), AfterValidator(no_repeats)]
