"""What these tests measure is shown also where they pass; and the study that no test kills."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from faults.killed import undisturbed
from faults.servers import Server, postgres
from pipeline.conftest import ROOT

from threetargets import files
from threetargets.cli import main


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    manager = request.config.pluginmanager.getplugin("capturemanager")

    def line(text: str) -> None:
        with manager.global_and_fixture_disabled():
            print(text, flush=True)

    return line


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return undisturbed(tmp_path_factory.mktemp("alone"))


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


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    if request.param == "SQLite":
        found = Server(folder, f"sqlite:///{folder}/store.db")
        try:
            found.start()
            yield found
        finally:
            found.kill()
        return
    with postgres() as address:
        found = Server(folder, address)
        try:
            found.start()
            yield found
        finally:
            found.kill()
