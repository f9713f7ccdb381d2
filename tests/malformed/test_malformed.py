"""Every malformed parameter file of this folder is refused in one line that names the file and the
key."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from pipeline.conftest import ROOT, copy_of_the_pipeline, run_snakemake

from threetargets import study
from threetargets.cli import main

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "expected.json").read_text())
BY_SNAKEMAKE = (
    "unknown-key-at-the-top",
    "negative-gamma",
    "duplicate-key",
    "not-utf-8",
    "tab-for-indentation",
)


def test_there_are_fifty_kinds_and_each_has_its_file() -> None:
    assert len(EXPECTED) >= 50
    assert {path.stem for path in HERE.glob("*.yaml")} == set(EXPECTED)
    assert len({path.read_bytes() for path in HERE.glob("*.yaml")}) == len(EXPECTED)


def test_the_file_they_were_made_from_is_sound() -> None:
    assert study.load(ROOT / "params.yaml").study == "digits"


@pytest.mark.parametrize("name", EXPECTED)
def test_one_line_names_the_file_and_the_key(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(HERE / f"{name}.yaml", tmp_path / f"{name}.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["threetargets", "prepare", "--params", f"{name}.yaml"])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capfd.readouterr()
    assert (ended.value.code, out) == (2, ""), err
    (line,) = err.splitlines()
    assert line.startswith(f"threetargets: {name}.yaml: "), line
    said = line.removeprefix(f"threetargets: {name}.yaml: ")
    assert EXPECTED[name]["key"] in said
    assert EXPECTED[name]["said"] in said
    assert len(line) < 400
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.yaml"]


@pytest.mark.parametrize("name", BY_SNAKEMAKE)
def test_snakemake_says_the_same_and_plans_nothing(name: str, tmp_path: Path) -> None:
    """As params.yaml: a file that is named by --configfile is parsed by Snakemake first, with its
    own message where it is no YAML at all."""
    copy_of_the_pipeline(tmp_path)
    shutil.copyfile(HERE / f"{name}.yaml", tmp_path / "params.yaml")
    done = run_snakemake(tmp_path, "-n", "--cores", "1")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("params.yaml: ")]
    assert EXPECTED[name]["key"] in line
    assert EXPECTED[name]["said"] in line
    assert not (tmp_path / "results").exists()
