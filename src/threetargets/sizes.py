"""Numbers of bytes as people read them."""

from __future__ import annotations


def amount(count: float) -> str:
    """1.2 MB, 340 kB, 12 GB: powers of 1000, two or three digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
