"""Full disks, read-only folders and damaged files: one line, an exit code, nothing half-written,
the next run clean."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from faults.conftest import MADE, STAGES, Call, clean, refused
from pipeline.conftest import BIN

from threetargets import files
from threetargets.errors import CannotWrite
from threetargets.tracking import Journal, read


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A tmpfs at `folder` with what it held."""
    kept = folder.with_name(folder.name + ".kept")
    shutil.copytree(folder, kept)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all that is left of a disk."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return ballast


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount command")
@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk(there: Path, call: Call, stage: str) -> None:
    made = Path(MADE[stage])
    if made.is_dir():
        shutil.rmtree(made)
    else:
        made.unlink()
    with mounted(there, "size=24m"):
        os.chdir(there)  # into the tmpfs, over the folder that it hides
        ballast = fill(there)
        refused(call, stage, 5, r"cannot be written \(No space left on device\)|No space left")
        ballast.unlink()
        clean(call, stage)
        os.chdir("/")


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount command")
@pytest.mark.parametrize("stage", STAGES)
def test_a_read_only_folder(there: Path, call: Call, stage: str) -> None:
    with mounted(there, "size=24m"):
        os.chdir(there)
        subprocess.run(["mount", "-o", "remount,ro", str(there)], check=True)
        refused(call, stage, 5, r"Read-only file system")
        subprocess.run(["mount", "-o", "remount,rw", str(there)], check=True)
        clean(call, stage)
        os.chdir("/")


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow past `size` bytes: a full disk that needs no root."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("kind", ["text", "json", "arrays"])
def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    noise = np.random.default_rng(0).integers(0, 256, 100_000).astype(np.uint8)
    with (
        largest_file(5000),
        pytest.raises(CannotWrite, match=r"file: cannot be written \(File too large\)"),
    ):
        if kind == "text":
            files.write_text(path, "x" * 9000)
        elif kind == "json":
            files.write_json(path, list(range(9000)))
        else:
            files.write_arrays(path, noise=noise)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_journal_on_a_full_disk_ends_with_a_whole_line(tmp_path: Path) -> None:
    """The kernel takes the part of a line that fits, without an error."""
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.log(1, 1, {"loss": 1.0})
        size = path.stat().st_size
        with largest_file(size + 20), pytest.raises(CannotWrite, match="journal"):
            journal.log(2, 2, {"loss": 0.5})
        assert path.stat().st_size == size
        journal.log(3, 3, {"loss": 0.25})  # space again
    assert [entry["step"] for entry in read(path)] == [1, 3]


def test_what_a_killed_writer_left_is_tidied_and_a_live_ones_is_not(tmp_path: Path) -> None:
    (tmp_path / ".file.abc").write_text("half")
    (tmp_path / ".file.other").write_text("another file's")
    files.write_text(tmp_path / "file", "whole")
    assert not (tmp_path / ".file.abc").exists()
    inner = []

    def slow(file: object) -> None:
        files.write_text(tmp_path / "file", "meanwhile")
        inner.append(len(list(tmp_path.glob(".file.*"))))
        file.write(b"mine")  # type: ignore[attr-defined]

    files.write(tmp_path / "file", slow)
    assert inner == [1]
    assert (tmp_path / "file").read_text() == "mine"


def test_messages_that_cannot_be_written_do_not_change_the_exit_code(there: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [
            str(BIN / "threetargets"),
            "train",
            "--cell",
            "gan",
            "--seed",
            "0",
            "--params",
            "study.yaml",
        ]
        assert subprocess.run(command, stderr=full, stdout=full, check=False).returncode == 2
