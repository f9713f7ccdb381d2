"""Copies of the pipeline in which Snakemake runs, with the real command line or with a stub that
only writes files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PIPELINE = ("Snakefile", "params.yaml", "config", "workflow", "profiles", "environment.yml")
Snakemake = Callable[..., subprocess.CompletedProcess[str]]


def copy_of_the_pipeline(folder: Path) -> Path:
    """What a run needs besides the installed package; no results, no Snakemake state, no store."""
    for name in PIPELINE:
        source = ROOT / name
        if source.is_symlink():
            (folder / name).symlink_to(source.readlink())
        elif source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copyfile(source, folder / name)
    return folder


def run_snakemake(
    folder: Path, *arguments: str, first: Path = BIN, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`snakemake` with these arguments in that folder, standard error joined to standard output."""
    path = os.pathsep.join([str(first), str(BIN), os.environ["PATH"]])
    kept = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    return subprocess.run(
        ["snakemake", *arguments],
        cwd=folder,
        env={**kept, "PATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )


def planned(output: str) -> dict[str, int]:
    """Rule and number of its jobs, from the table that Snakemake prints; empty where nothing is to
    be done."""
    lines = output.splitlines()
    starts = [
        i
        for i, line in enumerate(lines)
        if line.startswith("job ") and line.split()[1:] == ["count"]
    ]
    jobs: dict[str, int] = {}
    for line in lines[starts[0] + 2 :] if starts else []:
        name, _, count = line.rpartition(" ")
        if not count.isdigit():
            break
        jobs[name.strip()] = int(count)
    return jobs


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copy_of_the_pipeline(tmp_path)


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `threetargets` that writes each stage's outputs at once, for what Snakemake
    alone decides."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "threetargets"
    script.write_text(f"#!{sys.executable}\n{(Path(__file__).parent / 'stub.py').read_text()}")
    script.chmod(0o755)
    return folder
