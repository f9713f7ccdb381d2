"""Questions that need no grid of cells, a folder each; a further one is a further folder and its
name here.

    experiments/<name>/spec.py      its block of parameters, what it takes; imports no torch
    experiments/<name>/measure.py   one seed of it: figures, curves, and arrays for pictures
    report/topics/of_experiments/<name>.py   its picture, its table and its claim

What the first two hold is in contract.py. In paths and commands an experiment stands where a cell
does; it is measured once for each seed of the study.
"""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from threetargets.experiments.contract import MeasurePart, Spec
    from threetargets.study.schema import Study
    from threetargets.study.values import Section

EXPERIMENTS = (
    "manifold",
    "score_sde",
    "langevin_density",
    "gradient_flow",
    "reverse_kernel",
    "normal_targets",
    "discrete",
    "inpainting",
    "super_resolution",
    "reinforce",
    "amortised",
    "deeper_hierarchy",
    "density_ladder",
    "learned_schedule",
    "detectors",
    "progressive_vae",
)


@functools.cache
def spec_of(name: str) -> Spec:
    """What an experiment says of itself, without torch."""
    return cast("Spec", import_module(f"threetargets.experiments.{name}.spec"))


def measure_part(name: str) -> MeasurePart:
    """What measures it. Loaded by name, when it is needed; pipeline/identity.py follows it."""
    return cast("MeasurePart", import_module(f"threetargets.experiments.{name}.measure"))


def of(study: Study) -> dict[str, Section]:
    """The experiments that the study names, with their blocks of parameters."""
    blocks = {name: getattr(study.experiments, name) for name in EXPERIMENTS}
    return {name: block for name, block in blocks.items() if block is not None}


def sources_of(study: Study) -> list[str]:
    """The data sets that these read."""
    taken = (spec_of(name).choices(block).get("SOURCES", ()) for name, block in of(study).items())
    return sorted({source for some in taken for source in some})
