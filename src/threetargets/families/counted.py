"""Floating-point operations of a call."""

from __future__ import annotations

from collections.abc import Callable

from torch.utils.flop_counter import FlopCounterMode


def counted(call: Callable[[], object]) -> float:
    """FLOP of a call, backward passes within it included."""
    with FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())


def by_image(call: Callable[[int], object]) -> tuple[float, float]:
    """FLOP of each image, and of what all images of one call share; call(n) is the work on n."""
    one, two = counted(lambda: call(1)), counted(lambda: call(2))
    return two - one, 2 * one - two
