"""Files that are damaged, missing, or of another model."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from faults.conftest import STAGES, Call, clean, refused

from threetargets import study
from threetargets.cli import main
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import work_dir


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
