"""Style and types of the whole project, so that `make test` is all that continuous integration
calls."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from pipeline.conftest import BIN, ROOT, run_snakemake


@pytest.mark.parametrize(
    "command",
    [
        "ruff check .",
        "ruff format --check .",
        "mypy src",
        "snakefmt --check Snakefile workflow",
    ],
)
def test_clean(command: str) -> None:
    program, *arguments = command.split()
    done = subprocess.run(
        [BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_snakemake_lint_is_clean(tree: Path) -> None:
    done = run_snakemake(tree, "--lint")
    assert done.returncode == 0, done.stdout


def test_rule_files_hold_rules_and_helpers_are_in_one_place() -> None:
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        assert ("\ndef " in path.read_text()) == (path.name == "common.smk")
    assert len((ROOT / "workflow" / "Snakefile").read_text().splitlines()) <= 70


def test_conda_users_get_the_locked_versions() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == ["-r requirements.lock"]
    assert "--hash=sha256:" in (ROOT / "requirements.lock").read_text()


def test_continuous_integration_calls_make_test() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "make test"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100
