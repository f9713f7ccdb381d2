"""One live copy of a run: a lock on its folder that dies with its holder."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threetargets.errors import CannotWrite


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`. Raises CannotWrite, naming the holder, where another live process has it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise CannotWrite(
            f"{folder}: cannot be written ({error.strerror}); free space or choose another folder"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise CannotWrite(f"{folder}: is being trained by {holder}; wait for it, or end it first") from None
        file.truncate(0)
        file.write(
            json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "job": os.environ.get("SLURM_JOB_ID")})
        )
        file.flush()
        yield
