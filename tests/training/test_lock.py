"""Who may train a run: nobody beside a live holder, anybody after a dead one."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from threetargets.errors import CannotWrite
from threetargets.training import lock


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(lock, "WATCH_SECONDS", 1.0)


def left_by(folder: Path, host: str, pid: int = 12345) -> Path:
    (folder / "lock").write_text(json.dumps({"host": host, "pid": pid, "job": None}))
    return folder / "lock"


def test_the_holder_is_named_and_its_name_goes_with_it(tmp_path: Path) -> None:
    holder = f'being trained by .*{socket.gethostname()}.*"pid": {os.getpid()}'
    with lock.hold(tmp_path), pytest.raises(CannotWrite, match=holder), lock.hold(tmp_path):
        pass
    assert (tmp_path / "lock").read_text() == ""
    with lock.hold(tmp_path):
        pass


def test_a_lock_whose_holder_died_here_is_taken_at_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    left_by(tmp_path, socket.gethostname())
    begun = time.monotonic()
    with lock.hold(tmp_path):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
    assert time.monotonic() - begun < lock.WATCH_SECONDS / 4
    assert '"pid": 12345' in (said := capfd.readouterr().err) and "is stale" in said


def test_a_lock_of_another_host_is_stale_once_nobody_touches_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    left_by(tmp_path, "node17")
    with lock.hold(tmp_path):
        assert "is stale" in capfd.readouterr().err


def test_a_lock_of_another_host_that_is_touched_is_alive(tmp_path: Path) -> None:
    """Another host's lock, where the file system carries none: the name and the touches are all
    there is."""
    path, over = left_by(tmp_path, "node17"), threading.Event()
    other = threading.Thread(target=lock._beat, args=(path, over))
    other.start()
    try:
        with (
            pytest.raises(CannotWrite, match='"host": "node17", "pid": 12345'),
            lock.hold(tmp_path),
        ):
            pass
    finally:
        over.set()
        other.join()
    assert "node17" in path.read_text()


def test_a_file_system_without_locks_is_held_by_touches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with (
        lock.hold(tmp_path),
        pytest.raises(CannotWrite, match="is being trained by"),
        lock.hold(tmp_path),
    ):
        pass
    with lock.hold(tmp_path):
        pass


def test_a_lock_file_that_is_no_json_is_stale(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("\0\0garbage")
    with lock.hold(tmp_path):
        pass
