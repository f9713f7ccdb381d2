"""One live copy of a run: a lock on its folder that dies with its holder, on this host or another.

The kernel's lock decides where it reaches. A file system may carry none between hosts, so the
holder also touches the file every few seconds: a lock of another host that is still touched is
alive, one that is not is stale.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from threetargets.errors import CannotWrite

BEAT_SECONDS = 5.0
WATCH_SECONDS = 20.0  # how long a lock of another host is watched before it counts as stale


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`. Raises CannotWrite, naming the holder, where another live process
    has it.

    A lock whose holder is gone is taken over, with a line that says so.
    """
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise _cannot(folder, error) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked = True
        except BlockingIOError:
            raise _held(folder, _read(file)) from None
        except OSError:  # a file system without locks
            locked = False
        left = _read(file)
        if left:
            elsewhere = _host(left) != socket.gethostname()
            if (elsewhere or not locked) and _touched(path):
                raise _held(folder, left)
            print(f"{folder}: the lock of {left} is stale; its holder is gone", file=sys.stderr)
        try:
            _write(
                file, json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "job": _job()})
            )
        except OSError as error:
            raise _cannot(folder, error) from None
        over = threading.Event()
        beat = threading.Thread(target=_beat, args=(path, over), name="lock", daemon=True)
        beat.start()
        try:
            yield
        finally:
            over.set()
            beat.join()
            _write(file, "")


def _held(folder: Path, holder: str) -> CannotWrite:
    return CannotWrite(
        f"{folder}: is being trained by {holder or 'another process'}; wait for it, or end it first"
    )


def _cannot(folder: Path, error: OSError) -> CannotWrite:
    return CannotWrite(
        f"{folder}: cannot be written ({error.strerror}); free space or choose another folder"
    )


def _job() -> str | None:
    return os.environ.get("SLURM_JOB_ID")


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip()


def _host(holder: str) -> str:
    try:
        return str(json.loads(holder)["host"])
    except (ValueError, KeyError, TypeError):
        return ""


def _write(file: IO[str], text: str) -> None:
    file.truncate(0)
    file.write(text)
    file.flush()


def _beat(path: Path, over: threading.Event) -> None:
    while not over.wait(BEAT_SECONDS):
        try:
            os.utime(path)
        except OSError:
            return  # the folder is gone; the training will say so


def _touched(path: Path) -> bool:
    """Whether the file changes while it is watched. Its date is only compared with itself: clocks
    differ."""
    before, end = path.stat().st_mtime_ns, time.monotonic() + WATCH_SECONDS
    while time.monotonic() < end:
        time.sleep(min(1.0, WATCH_SECONDS / 10))
        if path.stat().st_mtime_ns != before:
            return True
    return False
