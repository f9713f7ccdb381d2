"""Snakemake ignores a profile key that it does not know where it stands one level down; these tests
do not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pipeline.conftest import ROOT, run_snakemake
from snakemake.cli import get_argument_parser

PROFILES = sorted((ROOT / "workflow" / "profiles").glob("*/*.yaml"))
NESTED = {"resources", "default-resources", "set-resources", "set-resource-scopes", "set-threads"}
NESTED |= {"groups", "group-components"}


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


def test_the_slurm_profile_agrees_with_the_default_one_where_both_speak() -> None:
    """It replaces the default profile; another trigger would train everything again."""
    local, slurm = (
        yaml.safe_load((ROOT / f"workflow/profiles/{name}/profile.yaml").read_text())
        for name in ("default", "slurm")
    )
    assert {key: slurm.get(key) for key in local} == local


def test_every_rule_that_the_slurm_profile_names_is_a_rule() -> None:
    values = yaml.safe_load((ROOT / "workflow/profiles/slurm/profile.yaml").read_text())
    text = "\n".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    named = re.findall(r"^rule (\w+):|^use rule \w+ as (\w+) with:", text, re.MULTILINE)
    rules = {name for both in named for name in both if name}
    assert set(values["set-resources"]) | set(values["groups"]) <= rules
    assert set(values["group-components"]) == set(values["groups"].values())
