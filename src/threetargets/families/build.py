"""Models of every family, built and loaded by their runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from threetargets.errors import Diverged
from threetargets.families.cell import Cell
from threetargets.families.protocol import (
    LikelihoodPart,
    ModelPart,
    OperationsPart,
    SamplingPart,
)
from threetargets.files import need, read_json
from threetargets.pipeline.cells import Run
from threetargets.pipeline.paths import run_dir
from threetargets.streams import key
from threetargets.study.schema import Study
from threetargets.weights import read_weights

if TYPE_CHECKING:
    from threetargets.data.read import Manifest


# Loaded by name, when they are needed; pipeline/digest.py follows them in its own way.
def model_part(cell: Cell) -> ModelPart:
    return cast(ModelPart, import_module(f"threetargets.families.{cell.family}.model"))


def sampling_part(cell: Cell) -> SamplingPart:
    return cast(SamplingPart, import_module(f"threetargets.families.{cell.family}.sampling"))


def likelihood_part(cell: Cell) -> LikelihoodPart:
    return cast(LikelihoodPart, import_module(f"threetargets.families.{cell.family}.likelihood"))


def operations_part(cell: Cell) -> OperationsPart:
    return cast(OperationsPart, import_module(f"threetargets.families.{cell.family}.operations"))


def build(study: Study, data: Manifest, run: Run) -> nn.Module:
    """The untrained model of a run, its weights drawn from the stream (seed, "init")."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(run.seed, "init"))
        return model_part(run.cell).build(study, data, run)


def load(
    study: Study,
    data: Manifest,
    run: Run,
    device: torch.device | str = "cpu",
    step: int | None = None,
) -> nn.Module:
    """The trained model of a run, in evaluation mode; with the weights that its training kept after
    `step`, where one is named. Raises MissingInput, DataError, or Diverged for a failed cell."""
    folder = run_dir(study, run)
    record = read_json(folder / "train.json")
    if record["status"] != "ok":
        raise Diverged(f"{folder}: training failed ({record['reason']})")
    model = build(study, data, run)
    read_weights(need(folder / "weights.safetensors"), model, step)
    return model.to(device).eval()


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())
