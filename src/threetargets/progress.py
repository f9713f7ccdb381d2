"""Progress of the stages that have no steps of their own to report."""

from __future__ import annotations

import sys
import time


class Progress:
    """A line on stderr every few seconds: what, how far, time left."""

    def __init__(self, name: str, total: int, every: float = 3.0):
        self.name, self.total, self.every = name, total, every
        self.done, self.start = 0, time.monotonic()
        self.shown = self.start

    def step(self, count: int = 1) -> None:
        self.done += count
        now = time.monotonic()
        if now - self.shown > self.every:
            left = (now - self.start) / self.done * (self.total - self.done)
            print(
                f"{self.name}: {self.done}/{self.total}  {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
            self.shown = now
