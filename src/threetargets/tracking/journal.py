"""The journal of a training: one JSON object a line, appended and synced to disk, readable after
any interruption."""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TypedDict

from threetargets.errors import CannotWrite, DataError
from threetargets.files import write


class Entry(TypedDict):
    """One line: step counts updates, time is Unix seconds, images counts training images seen so
    far."""

    step: int
    time: float
    images: int
    metrics: dict[str, float]


def _entry(line: bytes) -> Entry:
    """Raises ValueError or KeyError where the line is not a whole entry. A metric that was not
    finite reads as NaN."""
    values = json.loads(line)
    metrics = {
        name: math.nan if value is None else float(value)
        for name, value in values["metrics"].items()
    }
    return Entry(
        step=int(values["step"]),
        time=float(values["time"]),
        images=int(values["images"]),
        metrics=metrics,
    )


def _line(entry: Entry) -> bytes:
    metrics = {
        name: value if math.isfinite(value) else None for name, value in entry["metrics"].items()
    }
    return json.dumps({**entry, "metrics": metrics}, allow_nan=False).encode() + b"\n"


def read(path: Path) -> list[Entry]:
    """The entries of a journal, oldest first; none where there is no file.

    A last line that an interruption tore is left out. Raises DataError where any other line is
    damaged.
    """
    if not path.exists():
        return []
    *lines, _torn = path.read_bytes().split(
        b"\n"
    )  # whatever follows the last newline was never finished
    entries: list[Entry] = []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(_entry(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            if number == len(lines):
                break
            raise DataError(
                f"{path}: line {number} is damaged; delete the file and run its stage again"
            ) from None
    return entries


def _rewrite(path: Path, entries: list[Entry]) -> None:
    text = b"".join(_line(entry) for entry in entries)
    write(path, lambda file: file.write(text))


def truncate_after(path: Path, step: int) -> None:
    """Forget what came after `step`, so that a run resumed from that step's checkpoint repeats
    nothing."""
    if path.exists():
        _rewrite(path, [entry for entry in read(path) if entry["step"] <= step])


class Journal:
    """Appends to the journal at `path`; a torn last line of an earlier run is dropped first. Raises
    CannotWrite."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists():
            _rewrite(path, read(path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise self._cannot(error) from error

    def _cannot(self, error: OSError) -> CannotWrite:
        return CannotWrite(
            f"{self.path}: cannot be written ({error.strerror}); free space or choose another "
            "folder"
        )

    def log(self, step: int, images: int, metrics: dict[str, float]) -> None:
        """Append one entry, whole or not at all, and wait until it is on the disk."""
        line, before = (
            _line(Entry(step=step, time=time.time(), images=images, metrics=metrics)),
            self._file.tell(),
        )
        try:
            written = self._file.write(line)
            if written != len(
                line
            ):  # a disk that is almost full takes a part of it, without an error
                self._file.write(line[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(before)
            raise self._cannot(error) from error

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
