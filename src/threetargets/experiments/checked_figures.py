"""Numbers of experiments as figures. One that is not finite, or whose standard error is not, has
failed: it has no value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from threetargets.pipeline.records import Figure

if TYPE_CHECKING:
    from torch import Tensor


def figure(
    metric: str,
    value: float,
    n: int | None = None,
    stderr: float | None = None,
    spread: str = "images",
) -> Figure:
    """A number; `spread` is what its standard error is over, where it has one."""
    if not (math.isfinite(value) and (stderr is None or math.isfinite(stderr))):
        return Figure(metric, None, n=n)
    return Figure(metric, value, stderr, n, spread if stderr is not None else "")


def mean_figure(metric: str, values: Tensor) -> Figure:
    """The mean of values (N,) of N images, with its standard error."""
    n = len(values)
    return figure(metric, float(values.mean()), n, float(values.std()) / math.sqrt(n))
