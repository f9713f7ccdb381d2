"""The kinds of value that a parameter can have, each with what is legal; the names are those of the
registries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from threetargets.study.names import facts, names, one_of, pools, words

if TYPE_CHECKING:
    from threetargets.families.cell import Cell

TARGETS = names("diffusion/target.py", "TARGETS")
WEIGHTINGS = names("diffusion/weighting.py", "WEIGHTINGS")
CLASSES = facts("data/sources.py", "SOURCES", "classes")
LEVELS = facts("data/sources.py", "SOURCES", "levels")
POOLS = pools("data/sources.py", "SOURCES")
GUIDES = words("diffusion/guidance.py", "GUIDANCES", "guide")
"""Of each kind of guidance the classifier that is trained for it, or ""."""
READS = words("diffusion/guidance.py", "GUIDANCES", "reads")
"""Of each kind of guidance the key of `guidance` that it alone reads, or ""."""
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


def no_repeats(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError(f"has a repeated entry in {values}")
    return values


def _gamma(value: float) -> float:
    if math.isnan(value) or math.isinf(value):
        raise ValueError("gamma must be a finite number")
    if value < 0:
        raise ValueError(
            "gamma must be 0 (unconditional), 1 (Bayes) or another number, not negative; found "
            f"{value:g}"
        )
    return value


MetricName = Annotated[str, one_of("metrics/catalogue.py", "SAMPLES")]
SourceName = Annotated[str, one_of("data/sources.py", "SOURCES")]
ScheduleName = Annotated[str, one_of("diffusion/schedule.py", "SCHEDULES")]
Variance = Annotated[str, one_of("likelihood/bound.py", "VARIANCES")]
BoundVariance = Annotated[str, one_of("likelihood/bound.py", "VARIANCES", "FITTED", "LEARNED")]
TargetName = Annotated[str, one_of("diffusion/target.py", "TARGETS")]
Weighting = Annotated[str, one_of("diffusion/weighting.py", "WEIGHTINGS")]
Proposal = Annotated[str, one_of("diffusion/times.py", "PROPOSALS")]
DecoderName = Annotated[str, one_of("likelihood/decoders.py", "DECODERS")]
Activation = Annotated[str, one_of("networks/mlp.py", "ACTIVATIONS")]
Sampler = Annotated[str, one_of("diffusion/sampler.py", "SAMPLERS")]
GuidanceKind = Annotated[str, one_of("diffusion/guidance.py", "GUIDANCES")]
Body = Annotated[str, one_of("networks/registry.py", "TRUNKS")]
Gamma = Annotated[float, AfterValidator(_gamma)]
GammaValues = Annotated[list[Gamma], Field(min_length=1), AfterValidator(no_repeats)]


def _cell(name: str) -> Cell:
    from threetargets import families

    cell = families.parse(name)
    if not families.spec_of(cell).GENERATIVE:
        raise ValueError(f"{name!r} is no model of the grid; it is trained where it is needed")
    return cell


if TYPE_CHECKING:
    CellName = Cell
else:
    CellName = Annotated[str, AfterValidator(_cell)]
CellNames = Annotated[list[CellName], AfterValidator(no_repeats)]
"""Names of cells, parsed."""
