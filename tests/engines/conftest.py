"""Clones of the project with a very small study, in which both engines run: for real, or with the
stub command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from pipeline.conftest import BIN, PIPELINE, ROOT

WATCH = Path(__file__).parent / "watch"
SHARED = (*PIPELINE, "dvc.yaml", ".dvcignore", ".gitignore", "src")
LOGGED = re.compile(r" > \S+ 2>&1$")


def micro() -> dict:
    """One seed and two cells of the smoke study, every stage, hardly a step."""
    values = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text())
    values |= {"study": "micro", "seeds": [0], "cells": ["vae", "ddpm_eps_eps-equivalent"]}
    values["data"]["split"] = {"train": 120, "validation": 40, "test": 80}
    values["guidance"] |= {"cells": ["ddpm_eps_eps-equivalent"], "gammas": [0, 1.5]}
    values["diffusion"]["steps"] = 5
    values["likelihood"]["iwae_images"] = 60
    values["sampling"] |= {"steps": 2, "images": 60, "batch": 60}
    values["evaluation"] |= {"kid_subset_size": 30, "kid_subsets": 2, "bootstrap": 2}
    for block in values["training"].values():
        block |= {"steps": 4, "warmup_steps": 1, "log_every": 2, "checkpoint_every": 4}
    return values


@dataclass(frozen=True)
class Clone:
    """A git repository with the pipeline in it; commands run in it with its own code and with the
    network watched."""

    folder: Path
    first: Path = BIN  # where `threetargets` is looked for
    more: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, code: int = 0) -> str:
        """Standard output and error of a command that has to end with `code`."""
        outside = ("MLFLOW_TRACKING_URI", "STUB_LOG", "CI", "DO_NOT_TRACK", "DVC_NO_ANALYTICS")
        environment = {
            k: v for k, v in os.environ.items() if k not in outside and not k.startswith("PYTEST")
        }
        environment |= {
            "PATH": os.pathsep.join([str(self.first), str(BIN), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(WATCH), str(self.folder / "src")]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DVC_SITE_CACHE_DIR": str(self.folder.parent / f"{self.folder.name}.site"),
            "WATCH_LOG": str(self.watched),
            "STUB_LOG": str(self.log),
            **self.more,
        }
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == code, (
            f"{command} ended with {done.returncode}:\n{done.stdout[-6000:]}"
        )
        return done.stdout

    @property
    def log(self) -> Path:
        return self.folder.parent / f"{self.folder.name}.calls"

    @property
    def watched(self) -> Path:
        return self.folder.parent / f"{self.folder.name}.network"

    def calls(self) -> set[str]:
        """What the stub was called with since the last time."""
        text = self.log.read_text() if self.log.exists() else ""
        self.log.write_text("")
        return {f"threetargets {line}" for line in text.splitlines()}

    def attempts(self) -> list[str]:
        """Who was asked for or called outside this machine."""
        return self.watched.read_text().splitlines() if self.watched.exists() else []

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new, 1))

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)


def clone(folder: Path, first: Path = BIN) -> Clone:
    """The working tree as it is, with micro as its params.yaml, in a git repository of its own."""
    folder.mkdir(parents=True)
    for name in SHARED:
        source = ROOT / name
        if source.is_symlink():
            (folder / name).symlink_to(source.readlink())
        elif source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            shutil.copyfile(source, folder / name)
    (folder / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copyfile(ROOT / ".dvc" / name, folder / ".dvc" / name)
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots")
    (folder / "params.yaml").write_text(yaml.safe_dump(micro(), sort_keys=False))
    made = Clone(folder, first)
    made.run("git", "init", "--quiet", "--initial-branch=main")
    made.run("git", "config", "user.name", "Test")
    made.run("git", "config", "user.email", "test@example.org")
    made.commit("The pipeline with a micro study")
    return made


def copy(of: Clone, folder: Path) -> Clone:
    """The same state somewhere else; files keep their dates."""
    shutil.copytree(of.folder, folder, symlinks=True)
    return Clone(folder, of.first)


def planned_commands(output: str) -> set[str]:
    """The commands in what `snakemake -n` prints, without where their output goes."""
    lines = [line.removeprefix("Shell command: ").strip() for line in output.splitlines()]
    return {LOGGED.sub("", line) for line in lines if line.startswith("threetargets ")}


@pytest.fixture(scope="session")
def stub_bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "threetargets"
    script.write_text(f"#!{sys.executable}\n{(ROOT / 'tests/pipeline/stub.py').read_text()}")
    script.chmod(0o755)
    return folder
