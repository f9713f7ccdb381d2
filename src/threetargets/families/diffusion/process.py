"""The forward process of a cell."""

from __future__ import annotations

import math

import torch

from threetargets.diffusion.schedule import SCHEDULES, Schedule, Table, table
from threetargets.families.diffusion.spec import Process


def _schedule(chosen: Process) -> Schedule:
    ends = chosen.schedule
    return SCHEDULES[ends.name](ends.log_snr_max, ends.log_snr_min)


def forward(chosen: Process, steps: int | None = None) -> Table:
    """The forward process with T = `steps`, or as many as it is trained with."""
    return table(_schedule(chosen), steps or chosen.steps)


def refined(chosen: Process, steps: int) -> Table:
    """The same process cut more finely, into T = `steps` between its own first and last noise
    level, so that decoder and prior stay what they are and the number of reverse steps alone
    changes. Fewer steps are some of these: likelihood/denoised.py::Denoised.respaced."""
    t = torch.linspace(1.0 / chosen.steps, 1.0, steps, dtype=torch.float64)
    clean = torch.tensor([math.inf], dtype=torch.float64)
    return Table(torch.cat([clean, _schedule(chosen).log_snr(t)]))
