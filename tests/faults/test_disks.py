"""Full disks, read-only folders and damaged files: one line, an exit code, nothing half-written,
the next run clean."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from pipeline.conftest import BIN, ROOT

from threetargets import files, study
from threetargets.cli import main
from threetargets.errors import CannotWrite
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import work_dir
from threetargets.tracking import Journal, read

CELL = "ddpm_eps_eps-equivalent"
STAGES = {
    "prepare": ("prepare",),
    "train": ("train", "--cell", "vae", "--seed", "0"),
    "sample": ("sample", "--cell", "vae", "--seed", "0"),
    "guided": ("sample", "--cell", CELL, "--seed", "0", "--guidance", "classifier"),
    "likelihood": ("likelihood", "--cell", "vae", "--seed", "0"),
    "evaluate": ("evaluate", "--cell", "vae", "--seed", "0"),
    "report": ("report",),
    "track": ("track", "sync"),
}
MADE = {  # what the stage writes, to be made again
    "prepare": "results/killed/data",
    "train": "results/killed/runs/vae/seed0/weights.safetensors",
    "sample": "results/killed/runs/vae/seed0/samples",
    "guided": f"results/killed/runs/{CELL}/seed0/samples/classifier",
    "likelihood": "results/killed/runs/vae/seed0/likelihood.json",
    "evaluate": "results/killed/runs/vae/seed0/evaluate.json",
    "report": "reports",
    "track": "results/killed/tracking.json",
}
Call = Callable[..., tuple[int, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    def by_name(stage: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["threetargets", *STAGES[stage], "--params", "study.yaml"])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capfd.readouterr().err

    return by_name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny study that is complete but for MLflow."""
    folder = tmp_path_factory.mktemp("whole")
    values = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    values |= {"study": "killed", "seeds": [0], "cells": ["vae", CELL], "device": "cpu"}
    values["guidance"] |= {"gammas": [0, 1]}
    values["tracking"] = {"uri": "http://127.0.0.1:9", "live_after_seconds": 60}
    values["training"] = {
        k: {**v, "steps": 20, "checkpoint_every": 5} for k, v in values["training"].items()
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(values))
    runs = [("vae", "0"), (CELL, "0"), ("guide", "0"), ("judge", "1000")]
    calls = [("prepare",), *(("train", "--cell", c, "--seed", s) for c, s in runs)]
    for cell in ("vae", CELL):
        for guidance in ("none", "classifier", "classifier-free") if cell == CELL else ("none",):
            calls.append(("sample", "--cell", cell, "--seed", "0", "--guidance", guidance))
        calls += [(stage, "--cell", cell, "--seed", "0") for stage in ("likelihood", "evaluate")]
    calls += [("evaluate", "--cell", "data", "--seed", "0"), ("track", "sync"), ("report",)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for arguments in calls:
            patch.setattr(sys, "argv", ["threetargets", *arguments, "--params", "study.yaml"])
            with pytest.raises(SystemExit) as ended:
                main()
            assert not ended.value.code
    return folder


@pytest.fixture
def there(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(whole, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def contents() -> dict[str, bytes]:
    """Every file but the locks and what an unfinished training keeps for its next attempt."""
    return {
        str(p): p.read_bytes() for p in Path().rglob("*") if p.is_file() and p.parts[0] != "work"
    }


def refused(call: Call, stage: str, code: int, said: str) -> None:
    """One line, that code, and the tree as it was, but for files that are whole."""
    before = contents()
    found, err = call(stage)
    lines = [line for line in err.splitlines() if line.startswith("threetargets: ")]
    assert (found, len(lines)) == (code, 1), err
    assert re.search(said, lines[0]), err
    assert "Traceback" not in err
    after = contents()
    assert before.items() <= after.items()
    assert not [name for name in contents() if Path(name).name.startswith(".")]
    for name in after.keys() - before.keys():  # results that were finished before the disk was full
        if name.endswith(".npz"):
            files.read_arrays(Path(name))
        elif name.endswith(".json"):
            files.read_json(Path(name))


def clean(call: Call, stage: str) -> None:
    code, err = call(stage)
    assert code == 0, err
    assert not [p for p in Path().rglob(".*") if p.is_file()]


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


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def page(path: Path) -> None:
    path.write_text("<!DOCTYPE html><html><body>503</body></html>")


RUNS = "results/killed/runs"
DAMAGES = [  # the file, and a stage that reads it
    ("results/killed/data/manifest.json", "train"),
    ("results/killed/data/test.npz", "likelihood"),
    ("results/killed/data/validation.npz", "train"),
    (f"{RUNS}/vae/seed0/weights.safetensors", "sample"),
    (f"{RUNS}/guide/seed0/weights.safetensors", "guided"),
    (f"{RUNS}/judge/seed1000/weights.safetensors", "evaluate"),
    (f"{RUNS}/vae/seed0/train.json", "likelihood"),
    (f"{RUNS}/vae/seed0/samples/none/gamma1.npz", "evaluate"),
    (f"{RUNS}/vae/seed0/samples/none/sample.json", "evaluate"),
    (f"{RUNS}/vae/seed0/likelihood.json", "report"),
]
READ = [(n, s) for n, s in DAMAGES if s != "report"]


@pytest.mark.parametrize("damage", [cut, empty, page], ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    ("name", "stage"), DAMAGES, ids=[f"{Path(n).name}-{s}" for n, s in DAMAGES]
)
def test_a_damaged_file(
    there: Path, call: Call, name: str, stage: str, damage: Callable[[Path], None]
) -> None:
    kept = Path(name).read_bytes()
    damage(Path(name))
    refused(call, stage, 3, rf"{re.escape(Path(name).name)}: ")
    Path(name).write_bytes(kept)
    clean(call, stage)


@pytest.mark.parametrize(("name", "stage"), READ, ids=[f"{Path(n).name}-{s}" for n, s in READ])
def test_a_missing_file(there: Path, call: Call, name: str, stage: str) -> None:
    Path(name).unlink()
    refused(call, stage, 4, rf"{re.escape(Path(name).name)}: missing")


def test_weights_of_another_model(there: Path, call: Call) -> None:
    shutil.copyfile(
        f"{RUNS}/judge/seed1000/weights.safetensors", f"{RUNS}/vae/seed0/weights.safetensors"
    )
    refused(call, "sample", 3, r"weights\.safetensors: weights of another architecture")


@pytest.mark.parametrize(
    "damage", [cut, empty, page, None], ids=lambda f: f.__name__ if f else "another identity"
)
def test_a_checkpoint_that_cannot_be_used(
    there: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    damage: Callable[[Path], None] | None,
) -> None:
    chosen = study.load("study.yaml")
    arguments = [*STAGES["train"], "--params", "study.yaml"]
    monkeypatch.setattr(sys, "argv", ["threetargets", *arguments, "--budget-seconds", "0"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 75
    capfd.readouterr()
    saved = work_dir(chosen, Run("vae", 0)) / "checkpoint.safetensors"
    if damage:
        damage(saved)
    else:
        values = yaml.safe_load(Path("study.yaml").read_text())
        values["training"]["vae"]["learning_rate"] = 0.002
        Path("study.yaml").write_text(yaml.safe_dump(values))
        other = work_dir(study.load("study.yaml"), Run("vae", 0))
        other.mkdir(parents=True)
        saved = saved.rename(other / saved.name)
    refused(call, "train", 3, r"checkpoint\.safetensors: .*delete it")
    saved.unlink()
    clean(call, "train")
