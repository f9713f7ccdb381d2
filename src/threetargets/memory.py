"""Memory that is freed stays with the process."""

from __future__ import annotations

import contextlib
import ctypes

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Parameters of glibc's mallopt(3)."""
KEPT = 2**30


def keep() -> None:
    """Let the next tensor have the last one's pages. By default glibc gives blocks of 32 MB and
    more back to the kernel, which clears their pages anew for the next: half of the time of guided
    sampling on a CPU. Where there is no glibc, nothing happens."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        libc = ctypes.CDLL(None)
        if libc.mallopt(MMAP_THRESHOLD, KEPT):  # one that refuses this is left as it is
            libc.mallopt(TRIM_THRESHOLD, KEPT)
