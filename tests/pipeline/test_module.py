"""The workflow as the catalogue and snakedeploy use it: from its other entry, as a module of
another workflow, out of a repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import yaml
from pipeline.conftest import ROOT, copy_of_the_pipeline, planned, run_snakemake

# What snakedeploy 0.17 writes, with the address of a repository on this machine.
OUTER = """
configfile: "config/config.yml"


module three_targets:
    snakefile:
        "git+file://{tree}/workflow/Snakefile@main"
    config:
        config


use rule * from three_targets
"""


def test_both_entries_list_the_same_jobs(tree: Path) -> None:
    smoke = ("-n", "--quiet", "rules", "--configfile", "config/smoke.yaml")
    root, catalogue = (
        planned(run_snakemake(tree, *smoke, *entry).stdout)
        for entry in ((), ("--snakefile", "workflow/Snakefile"))
    )
    assert root == catalogue and root["train"] > 1


def test_another_folder_has_it_as_a_module(stub: Path, tmp_path: Path) -> None:
    there = tmp_path / "inner"
    there.mkdir()
    copy_of_the_pipeline(there)
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        ("-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "x"),
    ):
        subprocess.run(["git", *command], cwd=there, check=True)
    outer = tmp_path / "outer"
    shutil.copytree(there / "config", outer / "config")
    assert not (outer / "config" / "config.yml").is_symlink()
    shutil.copyfile(ROOT / "config" / "smoke.yaml", outer / "config" / "config.yml")
    (outer / "workflow").mkdir()
    (outer / "workflow" / "Snakefile").write_text(OUTER.format(tree=there))
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    plan = run_snakemake(outer, "-n", "--quiet", "rules", **cache)
    inner = run_snakemake(there, "-n", "--quiet", "rules", "--configfile", "config/smoke.yaml")
    assert planned(plan.stdout) == planned(inner.stdout), plan.stdout
    until = ("--cores", "1", "--printshellcmds", "--until", "prepare")
    done = run_snakemake(outer, *until, first=stub, **cache)
    assert done.returncode == 0, done.stdout
    assert "--params config/config.yml" in done.stdout
    assert (outer / "results" / "smoke" / "data" / "manifest.json").exists()


def test_the_catalogue_finds_what_it_looks_for() -> None:
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["report"] is True
    assert (ROOT / "workflow" / "Snakefile").exists()
    assert (ROOT / "config" / "README.md").exists()
    assert (ROOT / "config" / "config.yml").read_text() == (ROOT / "params.yaml").read_text()
