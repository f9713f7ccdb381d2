"""Snakemake ignores a profile key that it does not know where it stands one level down; these tests do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pipeline.conftest import ROOT, run_snakemake
from snakemake.cli import get_argument_parser

PROFILES = sorted((ROOT / "workflow" / "profiles").glob("*/*.yaml"))
NESTED = {"resources", "default-resources", "set-resources", "set-threads", "groups", "group-components"}


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_every_key_is_an_option_of_snakemake(path: Path) -> None:
    options = {o for action in get_argument_parser()._actions for o in action.option_strings}
    for key, value in yaml.safe_load(path.read_text()).items():
        assert f"--{key}" in options
        if isinstance(value, dict):
            assert key in NESTED, f"{key}: Snakemake drops a mapping here without a word"


def test_the_default_profile_is_found_without_being_named(tree: Path) -> None:
    done = run_snakemake(tree, "-n", "--cores", "1", "--quiet", "rules")
    assert "profile profiles/default" in done.stdout


def test_the_default_profile_runs_one_gpu_job_at_a_time_and_goes_on_after_failures() -> None:
    values = yaml.safe_load((ROOT / "workflow/profiles/default/profile.yaml").read_text())
    assert values["resources"] == {"gpu": 1}
    assert values["keep-going"] and values["rerun-incomplete"]
    assert set(values["rerun-triggers"]) == {"mtime", "params", "input"}
