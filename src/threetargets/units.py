"""The unit in which a likelihood is told: bits/dim of grey images, nats of binary ones, as the
literature has them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """`suffix` ends the names of figures (bound_bpd), `name` is for readers."""

    suffix: str
    name: str


BITS, NATS = Unit("bpd", "bits/dim"), Unit("nats", "nats")


def unit(levels: int) -> Unit:
    """That of data with so many grey levels."""
    return NATS if levels == 2 else BITS
