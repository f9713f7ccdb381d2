"""Pictures of the weights of models, for the report."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from threetargets.families import spec_of
from threetargets.families.cell import Cell
from threetargets.files import read_json
from threetargets.pipeline.cells import Run
from threetargets.pipeline.paths import run_dir
from threetargets.study.schema import Study

if TYPE_CHECKING:
    import numpy as np

    from threetargets.families.protocol import PicturePart


def pictures(study: Study) -> dict[tuple[Cell, int], np.ndarray]:
    """One of each cell that is drawn, of the first seed whose weights are there. Raises DataError
    for damaged weights."""
    made: dict[tuple[Cell, int], np.ndarray] = {}
    for cell in study.cells:
        name = spec_of(cell).drawn(study, cell)
        run = next((r for r in (Run(cell, s) for s in study.seeds) if _trained(study, r)), None)
        if name and run is not None:
            # By name, as the files of every family are; pipeline/identity.py follows it.
            part = import_module(f"threetargets.families.{cell.family}.{name}")
            made[cell, run.seed] = cast("PicturePart", part).picture(study, run)
    return made


def _trained(study: Study, run: Run) -> bool:
    record, weights = (run_dir(study, run) / name for name in ("train.json", "weights.safetensors"))
    return record.exists() and read_json(record)["status"] == "ok" and weights.exists()
