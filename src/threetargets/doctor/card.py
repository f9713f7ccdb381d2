"""Whether one job at a time leaves most of a GPU idle."""

from __future__ import annotations

from pathlib import Path

import torch
import yaml

from threetargets.data.sources import Source
from threetargets.doctor import estimate, rates, slurm, work
from threetargets.doctor.finding import Finding
from threetargets.doctor.machine import CONTEXT
from threetargets.sizes import amount
from threetargets.study.schema import Study

FILLS = 6.5e11
"""FLOP of a training step that keeps an H100 busy: 10 ms at the rate of rates.GPU. A step of 1.1e12
(a U-Net of 731 MFLOP, batch 512) reached 6.5e13 FLOP/s there, one of 3e11 (195 MFLOP) 9.3e12, and
eight of these side by side 1.9e13."""
MOST = 8
"""Jobs side by side, beyond which nothing was measured."""


def needed(study: Study, source: Source) -> int:
    """Bytes of a card that the study's largest training takes, with the driver's own."""
    return estimate.training_memory(study, source)[1] + CONTEXT


def shares(gres: str) -> bool:
    """Whether a generic resource is a part of a card."""
    return gres.split(":")[0] in ("shard", "mps")


def shared_by_slurm(folder: Path = slurm.PROFILE) -> bool:
    """Whether the trainings of the Slurm profile ask for a part of a card."""
    for path in (folder / "profile.yaml", folder / "config.yaml"):
        if path.exists():
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            of_train = (values.get("set-resources") or {}).get("train") or {}
            return shares(str(of_train.get("gres", "")).strip("'\""))
    return False


def check(study: Study, source: Source, by_slurm: bool) -> list[Finding]:
    """Nothing of a study without a GPU."""
    if not rates.on_gpu(study, by_slurm):
        return []
    cell, flop = work.largest_step(study, source)
    milliseconds = 1000 * flop / rates.GPU.train
    size = f"{flop:.1e}".replace("e+", "e")
    facts = f"the largest training step ({cell}) is {size} FLOP, {milliseconds:.1f} ms of an H100"
    if flop >= FILLS:
        return [Finding("card", "ok", f"{facts}: one job at a time fills it")]
    if by_slurm and shared_by_slurm():
        return [Finding("card", "ok", f"{facts}; jobs share a card (gres in {slurm.PROFILE})")]
    facts += ": a job alone leaves most of the card idle"
    if by_slurm:
        todo = "ask for shards or MPS where the site has them: docs/cluster.md, Sharing a card"
        return [Finding("card", "warning", facts, todo)]
    need, count = needed(study, source), MOST
    if torch.cuda.is_available():
        count = max(1, min(MOST, torch.cuda.mem_get_info()[1] // need))
    if count == 1:
        return [Finding("card", "ok", f"{facts}, and it has memory for one job")]
    todo = f"snakemake --resources gpu={count}: so many jobs side by side, of {amount(need)} each"
    return [Finding("card", "warning", facts, todo)]
