"""Floating-point operations of a call."""

from __future__ import annotations

from collections.abc import Callable

from torch.utils.flop_counter import FlopCounterMode


def counted(call: Callable[[], object]) -> float:
    """FLOP of a call, backward passes within it included."""
    with FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())
