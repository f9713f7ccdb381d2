"""Files that are either whole or not there: atomic writes, and reads that never unpickle."""

from __future__ import annotations

import fcntl
import glob
import json
import math
import os
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from threetargets.errors import CannotWrite, DataError, MissingInput


def write(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Let `fill` write a temporary file beside `path`, then move it there in one step. Raises
    CannotWrite."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _tidy(path)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                _lock(handle)
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            Path(name).chmod(0o666 & ~umask)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CannotWrite(
            f"{path}: cannot be written ({error.strerror}); free space or choose another folder"
        ) from error


def _lock(handle: int) -> bool:
    """Whether this process now has the file; the lock ends with it, however it ends."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another has it, or the file system has no locks
        return False
    return True


def _tidy(path: Path) -> None:
    """Remove what a writer of `path` that was killed has left beside it."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        with suppress(OSError), left.open("rb") as file:
            if _lock(file.fileno()):
                left.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    write(path, lambda file: file.write(text.encode()))


def _plain(value: Any) -> Any:
    """Non-finite numbers as null: JSON has no other way that every reader understands."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(_plain(value), indent=1, allow_nan=False) + "\n")


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    write(path, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))


def need(path: Path) -> Path:
    """`path`, if it is there. Raises MissingInput."""
    if not path.exists():
        raise MissingInput(
            f"{path}: missing; it is written by an earlier stage, run snakemake or that stage first"
        )
    return path


def read_json(path: Path) -> Any:
    try:
        return json.loads(need(path).read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError):
        raise DataError(
            f"{path}: damaged, not valid JSON; delete it and run its stage again"
        ) from None


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz file, none of them pickled. Raises MissingInput or DataError."""
    need(path)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise DataError(
            f"{path}: damaged ({str(error).splitlines()[0]}); delete it and run its stage again"
        ) from None
