"""What a stranger gets: a wheel, a version that is one everywhere, a hosted run of the tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import threetargets

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "threetargets"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, because a build leaves folders behind, with what is installed here."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, folder / name)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    pip(folder, "wheel", ".", "--no-build-isolation", "--wheel-dir", "dist")
    (built,) = (folder / "dist").iterdir()
    return built


def pip(folder: Path, command: str, *arguments: str) -> None:
    offline = ("--no-index", "--no-deps", "--quiet", "--disable-pip-version-check")
    full = [sys.executable, "-m", "pip", command, *offline, *arguments]
    done = subprocess.run(full, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wheel_runs_outside_a_checkout(wheel: Path, tmp_path: Path) -> None:
    pip(tmp_path, "install", "--target", "site", str(wheel))
    site = tmp_path / "site"
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    command = str(site / "bin" / "threetargets")
    assert "Exit codes: 2 parameters" in " ".join(run(command, "--help").split())
    assert run(command, "schema") == (ROOT / "config" / "schema.json").read_text()
    code = "import threetargets.report.parts.pages as p; print(p.FOLDER); p.FOLDER.stat()"
    assert run(sys.executable, "-c", code).startswith(str(site))


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    files = {
        str(path.relative_to(ROOT / "src"))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == files


def test_version_and_date_of_a_release_are_the_same_everywhere(wheel: Path) -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    changelog = (ROOT / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (.+)$", changelog, re.MULTILINE)
    version, date = releases[0]
    assert version == citation["version"] == threetargets.__version__ == wheel.name.split("-")[1]
    released = re.fullmatch(r"\d{4}-\d{2}-\d{2}", date)
    assert str(citation.get("date-released", "")) == (date if released else "")
    assert "doi" not in citation or re.fullmatch(r"10\.\d{4,9}/\S+", citation["doi"])
    assert all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", day) for _, day in releases[1:])


def test_hosted_integration_calls_what_runs_elsewhere_with_pinned_actions() -> None:
    (path,) = (ROOT / ".github" / "workflows").iterdir()
    workflow = yaml.safe_load(path.read_text())
    (job,) = workflow["jobs"].values()
    checkout, python, run = job["steps"]
    assert run == {"run": ".ci/run"} and (ROOT / ".ci" / "run").exists()
    assert python["with"]["python-version"] == "3.11"
    for step in (checkout, python):
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
    assert workflow["permissions"] == {"contents": "read"}
