"""One file from the internet or a mirror: resumed where it stopped, tried again while the network
fails, and refused at once where what comes is not what was asked for.

pooch, which finds the cache folder, cannot do this: its downloads start over, it repeats a wrong
digest as often as a broken connection, and it knows one address a file. `requests` does the talking
(proxies, certificates).
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from threetargets.errors import CannotWrite, DataError, MissingInput
from threetargets.sizes import amount

CHUNK = 1 << 16
TRANSIENT = (408, 425, 429)  # and every 5xx: the same request may be answered later


@dataclass(frozen=True, kw_only=True)
class File:
    """A file by its place in a mirror (and in the cache), its size in bytes and its SHA-256."""

    path: str
    size: int
    sha256: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Patience:
    """When to give up: `failures` in a row without a new byte, waiting `first_wait` seconds after
    the first and twice as long after each, `longest_wait` at most; seconds to connect, and of
    silence, count as a failure."""

    failures: int = 5
    first_wait: float = 1.0
    longest_wait: float = 30.0
    connect: float = 10.0
    silence: float = 30.0


PATIENCE = Patience()


class _Refused(Exception):
    """This address will not serve the file, however often it is asked."""


class _Broken(Exception):
    """The connection failed; the next attempt may not."""


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_whole(file: File, path: Path) -> bool:
    return path.is_file() and path.stat().st_size == file.size and digest(path) == file.sha256


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def download(
    file: File, addresses: Sequence[str], goal: Path, patience: Patience = PATIENCE
) -> None:
    """Put `file` at `goal`, from the first of `addresses` that serves it; `goal` is either whole or
    not there.

    What has come is kept in `<goal>.part`, and the next attempt (of this call or of a later one)
    asks for the rest. Raises MissingInput where no address serves it, DataError where one serves
    something else, CannotWrite.
    """
    part = goal.with_name(f"{goal.name}.part")
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{goal}.lock")
        try:
            lock.acquire(timeout=1)
        except Timeout:
            say(f"{file.path}: another process is downloading it; waiting")
            lock.acquire()
        try:
            if not is_whole(file, goal):
                _fetch(file, addresses, goal, part, patience)
        finally:
            lock.release()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            part.unlink(missing_ok=True)
        raise CannotWrite(
            f"{goal.parent}: cannot be written ({error.strerror or error}); free space, or "
            "name another folder in THREETARGETS_CACHE"
        ) from error


def _fetch(
    file: File, addresses: Sequence[str], goal: Path, part: Path, patience: Patience
) -> None:
    alive, why, failures, most = (
        list(addresses),
        dict.fromkeys(addresses, "not asked"),
        0,
        _size(part),
    )
    while alive and failures < patience.failures:
        for address in list(alive):
            try:
                resumed = _size(part) > 0
                _receive(file, address, part, patience)
                _accept(file, address, goal, part, resumed)
                return
            except _Refused as error:
                alive.remove(address)
                why[address] = str(error)
            except _Broken as error:
                why[address] = str(error)
                say(f"{file.path}: {address}: {error}; {amount(_size(part))} are here")
        if _size(part) > most:
            most, failures = _size(part), 0
        failures += 1
        if alive and failures < patience.failures:
            wait = min(patience.first_wait * 2 ** (failures - 1), patience.longest_wait)
            say(f"{file.path}: next attempt in {wait:g} s")
            time.sleep(wait)
    reasons = "; ".join(f"{address}: {reason}" for address, reason in why.items())
    raise MissingInput(
        f"{file.path}: could not be downloaded ({reasons}); try again later, the part that came "
        "is kept, or name a mirror (a folder or http address) in data.mirror or "
        "THREETARGETS_MIRROR"
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _receive(file: File, address: str, part: Path, patience: Patience) -> None:
    """Append to `part` what it lacks, or write it anew where the server cannot resume. Raises
    _Broken, _Refused, DataError."""
    import requests

    have = _size(part)
    if have > file.size:
        part.unlink()
        have = 0
    if have == file.size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(
            address, headers=headers, stream=True, timeout=(patience.connect, patience.silence)
        ) as answer:
            resumed = _check(
                file, address, answer.status_code, dict(answer.headers.lower_items()), have
            )
            _write(file, address, answer.raw, part, have if resumed else 0)
    except requests.RequestException as error:
        raise _Broken(_cause(error)) from None
    if _size(part) < file.size:
        raise _Broken(f"ended after {_size(part)} of {file.size} bytes")


def _check(file: File, address: str, status: int, headers: dict[str, str], have: int) -> bool:
    """Whether the answer is the rest of the file (True) or all of it. Raises _Broken, _Refused,
    DataError."""
    if status in TRANSIENT or status >= 500:
        raise _Broken(f"HTTP {status}")
    if status == 416:  # the range that is left is not there: the file is shorter than it should be
        raise _wrong(file, address, "a shorter file")
    if status not in (200, 206):
        raise _Refused(f"HTTP {status}")
    if headers.get("content-type", "").startswith("text/html"):
        raise _wrong(
            file, address, "a web page (HTML); a login page or proxy may answer in its place"
        )
    ranged = headers.get("content-range", "")
    if status == 206 and not ranged.startswith(f"bytes {have}-"):
        raise _Broken(f"asked for bytes from {have}, got {ranged or 'no range'}")
    total = ranged.rpartition("/")[2] if status == 206 else headers.get("content-length", "")
    encoded = headers.get("content-encoding", "identity") not in ("", "identity", "gzip", "x-gzip")
    if encoded or (total.isdigit() and int(total) != file.size):
        raise _wrong(file, address, f"a file of {total} bytes, expected {file.size}")
    return status == 206


def _write(file: File, address: str, body: Any, part: Path, start: int) -> None:
    from urllib3.exceptions import HTTPError

    begun = shown = time.monotonic()
    done = start
    with part.open("r+b" if start else "wb") as out:
        out.seek(start)
        out.truncate()
        try:
            # Not iter_content: a server that calls a .gz file gzip-encoded would have it unpacked
            # on the way.
            while chunk := body.read1(CHUNK, decode_content=False):
                done += len(chunk)
                if done > file.size:
                    raise _wrong(file, address, f"more than the {file.size} bytes expected")
                out.write(chunk)
                now = time.monotonic()
                if now - shown > 2:
                    rate = (done - start) / (now - begun)
                    say(
                        f"{file.path}: {amount(done)} of {amount(file.size)}  {amount(rate)}/s "
                        f" {(file.size - done) / rate:.0f} s left"
                    )
                    shown = now
        except HTTPError as error:
            raise _Broken(_cause(error)) from None
        except DataError:
            out.truncate(0)
            raise


def _accept(file: File, address: str, goal: Path, part: Path, resumed: bool) -> None:
    """Move the whole file to its place. A wrong digest is final, for asking again would bring the
    same; unless its parts came at different times, which then may not belong together."""
    sha256 = digest(part)
    if sha256 != file.sha256:
        with part.open("rb") as start:
            page = start.read(256).lstrip().lower().startswith((b"<!doctype", b"<html"))
        part.unlink()
        if resumed:
            raise _Broken("the parts do not make the file that was asked for; from the beginning")
        raise _wrong(
            file, address, "a web page (HTML)" if page else f"a file with SHA-256 {sha256[:16]}..."
        )
    with part.open("rb") as whole:
        os.fsync(whole.fileno())
    part.replace(goal)
    say(f"{file.path}: {amount(file.size)} from {address}, SHA-256 as expected")


def _wrong(file: File, address: str, sha256: str) -> DataError:
    return DataError(
        f"{file.path}: {address} sent {sha256}; expected SHA-256 {file.sha256[:16]}...; fetch "
        "the file yourself and name its folder in data.mirror or THREETARGETS_MIRROR"
    )


def _cause(error: Exception) -> str:
    """The innermost reason, in a few words: requests wraps urllib3, which wraps the socket's."""
    text = str(error)
    if "timed out" in text.lower():
        return "timed out"
    inner = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__  # type: ignore[assignment]
    return str(getattr(inner, "strerror", "") or inner or type(error).__name__).splitlines()[0][
        :120
    ]
