"""Progress of long work on stderr, by tqdm: what, how far, time left."""

from __future__ import annotations

import io
import sys

from tqdm import tqdm

FORM = "{desc}: {n_fmt}/{total_fmt}  {remaining} left"


class _Lines(io.TextIOBase):
    """A line for each update where stderr is a file: a log has no use for carriage returns."""

    def write(self, text: str) -> int:
        line = text.strip()
        if line:
            print(line, file=sys.stderr, flush=True)
        return len(text)


class Progress:
    """A line on stderr at most every `every` seconds; 0: at every step."""

    def __init__(self, name: str, total: int, every: float = 3.0):
        lines = sys.stderr if sys.stderr.isatty() else _Lines()
        self._bar = tqdm(
            total=total,
            desc=name,
            file=lines,
            leave=False,
            bar_format=FORM,
            delay=every,
            mininterval=every,
            maxinterval=max(every, 10.0),
            miniters=1,
        )

    def step(self, count: int = 1) -> None:
        self._bar.update(count)
        if self._bar.n >= (self._bar.total or 0):
            self._bar.close()
