"""What --set-scatter sweep=N plans, and what a job is told that runs on a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pipeline.conftest import ROOT, planned, run_snakemake

SMOKE = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text())
CALL = ("-n", "--quiet", "rules", "--cores", "2", "--configfile", "config/smoke.yaml")


@pytest.mark.parametrize("shards", [1, 3])
def test_every_gamma_has_its_shards_and_every_sweep_is_gathered(tree: Path, shards: int) -> None:
    done = run_snakemake(tree, *CALL, "--set-scatter", f"sweep={shards}")
    jobs, whole = planned(done.stdout), planned(run_snakemake(tree, *CALL).stdout)
    gammas = whole["sample"] + whole["sample_guided"] * len(SMOKE["guidance"]["gammas"])
    assert jobs["sample_shard"] == gammas * shards
    assert jobs["gather"] == gammas
    assert jobs["sum_up"] == whole["sample"] + whole["sample_guided"]
    others = ("train", "likelihood", "evaluate", "track", "report", "prepare")
    assert {rule: jobs[rule] for rule in others} == {rule: whole[rule] for rule in others}


@pytest.mark.parametrize(("more", "asked"), [([], 0), (["--executor", "slurm", "--jobs", "2"], 1)])
def test_auto_asks_for_a_gpu_where_jobs_go_to_other_machines(
    tree: Path, more: list[str], asked: int
) -> None:
    text = (tree / "config" / "smoke.yaml").read_text()
    (tree / "auto.yaml").write_text(text.replace("device: cpu", "device: auto"))
    with (tree / "Snakefile").open("a") as file:
        file.write('\nprint("ASKED", rules.train.rule.resources["gpu"])\n')
    done = run_snakemake(tree, "-n", "--quiet", "rules", "--configfile", "auto.yaml", *more)
    assert (
        f'ASKED Resource("gpu", {max(asked, int(Path("/dev/nvidia0").exists()))}' in done.stdout
    ), done.stdout


def test_only_a_job_of_a_cluster_has_a_time_budget_and_no_shell_in_between(tree: Path) -> None:
    done = run_snakemake(tree, "-n", "-p", "--cores", "2", "--configfile", "config/smoke.yaml")
    assert "threetargets train" in done.stdout
    assert "--budget-seconds" not in done.stdout
    assert "exec threetargets" not in done.stdout
    there = run_snakemake(
        tree, "-n", "-p", "--mode", "remote", "--cores", "2", "--set-resources", "train:runtime=30"
    )
    assert "exec threetargets train" in there.stdout, there.stdout
    assert "--keep-failed --budget-seconds $((30 * 54)) >" in there.stdout, there.stdout
