"""The recipe of the container, and that Snakemake runs jobs in it; with a stand-in for apptainer,
which does what it is asked without a container."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

from pipeline.conftest import ROOT, run_snakemake

RECIPE = (ROOT / "workflow" / "envs" / "threetargets.def").read_text()
SECTIONS = dict(re.findall(r"^%(\w+)\n((?:    .*\n|\n)+)", RECIPE, re.MULTILINE))
STAND_IN = """#!/bin/sh
echo "$@" >> "$APPTAINER_LOG"
case "$1" in --version) echo "apptainer version 1.4.0"; exit;; esac
while [ "$1" != threetargets.sif ]; do case "$1" in */threetargets.sif) break;; esac; shift; done
shift
exec "$@"
"""


def test_the_recipe_takes_the_files_that_there_are_and_the_makefiles_steps() -> None:
    for line in SECTIONS["files"].strip().splitlines():
        source, goal = line.split()
        assert (ROOT / source).exists() and goal == f"/opt/threetargets/{source}"
    subprocess.run(["sh", "-n"], input=SECTIONS["post"], text=True, check=True)
    installed = [line.strip() for line in SECTIONS["post"].splitlines() if "install" in line]
    assert sum("--require-hashes" in line for line in installed) == 1
    assert "uv pip sync" in SECTIONS["post"]
    (lock,) = [
        line for line in SECTIONS["post"].splitlines() if "uv.lock" in line and "sed" in line
    ]
    picture = shlex.split(lock.strip())[:4]
    assert f"sed -n '{picture[2]}' requirements.lock" in (ROOT / "Makefile").read_text().replace(
        "$$", "$"
    )
    done = subprocess.run(picture, cwd=ROOT, capture_output=True, text=True, check=True)
    first, *hashes = done.stdout.splitlines()
    assert re.fullmatch(r"uv==[\d.]+ \\", first)
    assert hashes and all("--hash=sha256:" in line for line in hashes)


def test_snakemake_hands_a_job_to_apptainer_with_the_image(
    tree: Path, stub: Path, tmp_path: Path
) -> None:
    programs, log = tmp_path / "programs", tmp_path / "calls"
    programs.mkdir()
    for program in stub.iterdir():
        (programs / program.name).symlink_to(program)
    for name in ("apptainer", "singularity"):
        (programs / name).write_text(STAND_IN)
        (programs / name).chmod(0o755)
    (tree / "threetargets.sif").write_text("")
    smoke = ("--configfile", "config/smoke.yaml", "--cores", "1", "--until", "prepare")
    done = run_snakemake(tree, *smoke, "--sdm", "apptainer", first=programs, APPTAINER_LOG=str(log))
    assert done.returncode == 0, done.stdout
    assert (tree / "results/smoke/data/manifest.json").exists()
    (call,) = [line for line in log.read_text().splitlines() if "threetargets prepare" in line]
    assert "threetargets.sif" in call
