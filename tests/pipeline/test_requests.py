"""What a job asks for: of Slurm, by the plugin's own words for what docs/cluster.md says; and of a
card, as Snakemake plans it."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pipeline.conftest import ROOT, run_snakemake
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import set_gres_string

from threetargets import study
from threetargets.data import sources
from threetargets.doctor import card

HEAD = "| The site wants | In `set-resources`, "


def rows() -> list[tuple[str, str]]:
    """What the table says to write, and what it says that it becomes."""
    text = (ROOT / "docs/cluster.md").read_text().partition(HEAD)[2]
    lines = text.partition("\n\n")[0].splitlines()[2:]
    return [(said, becomes) for _, _, said, becomes, _ in (line.split("|") for line in lines)]


class Resources(dict[str, Any]):
    __getattr__ = dict.__getitem__


def submitted(said: str) -> str:
    """The command of a training with these lines in the profile, as the plugin makes it. Text in
    two pairs of quotes is a Python expression to Snakemake."""
    resources = Resources(gpu=1, gpu_mb=10000, mem_mb=16000, runtime=720)
    for line in re.findall(r"`(\w+: [^`]+)`", said):
        for key, value in yaml.safe_load(line).items():
            resources[key] = value.strip("'") if isinstance(value, str) else value
    partition = resources.get("slurm_partition", "")
    params = {"run_uuid": "u", "slurm_logfile": "l", "comment_str": "c", "account": ""}
    params |= {"partition": f"-p {partition}" if partition else "", "workdir": ""}
    job: Any = SimpleNamespace(resources=resources, threads=4)
    return f"{get_submit_command(job, params)}{set_gres_string(job)} "


@pytest.mark.parametrize(("said", "becomes"), rows())
def test_slurm_is_asked_as_the_table_says(said: str, becomes: str) -> None:
    command = submitted(said)
    (option,) = re.findall(r"`(.+)`", becomes)
    assert f" {option} " in command
    asked = re.findall(r" --(?:gpus|gres)=\S+", command)
    assert len(asked) == (0 if option.startswith("-p") else 1)


def test_a_share_takes_the_place_of_a_whole_card() -> None:
    shares = {becomes.strip(" `") for _, becomes in rows()} & {"--gres=shard:1", "--gres=mps:25"}
    assert len(shares) == 2
    for share in shares:
        (said,) = (said for said, becomes in rows() if share in becomes)
        assert "--mem 16000" in submitted(said) and "--gpus" not in submitted(said)


FAKE = """#!/bin/sh
stage=$1
while [ $# -gt 0 ]; do
    case $1 in --cell) cell=$2 ;; --seed) seed=$2 ;; esac
    shift
done
case $stage in
prepare) mkdir -p results/card/data
    for f in manifest.json train.npz validation.npz test.npz; do : > results/card/data/$f; done ;;
train) echo 1 >> running
    sleep 0.5
    cd "results/card/runs/$cell/seed$seed" && touch weights.safetensors train.json train.jsonl
    cd - > /dev/null && echo -1 >> running ;;
esac
"""
"""A command line that notes when a training begins and ends."""


@pytest.mark.parametrize(
    ("device", "limits", "expected"),
    [
        ("cuda", ["gpu=8", "gpu_mb={}"], {2}),  # two and a half times what one asks for
        ("cuda", [], {1}),  # the default profile
        ("cpu", ["gpu=1", "gpu_mb=1"], {3, 4, 5, 6}),  # of no card: as many as there are cores
    ],
)
def test_jobs_share_a_card_by_its_memory(
    tree: Path, tmp_path: Path, device: str, limits: list[str], expected: set[int]
) -> None:
    values = yaml.safe_load((tree / "config/smoke.yaml").read_text())
    values |= {"study": "card", "device": device}
    (tree / "config/card.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/threetargets").write_text(FAKE)
    (tmp_path / "bin/threetargets").chmod(0o755)
    each = card.needed(study.load(tree / "config/card.yaml"), sources.find("digits")) / 1e6
    limits = [limit.format(round(2.5 * each)) for limit in limits]
    asked = ["--resources", *limits] if limits else []
    arguments = ["--cores", "24" if device == "cuda" else "6", "--until", "train", *asked]
    arguments += ["--configfile", "config/card.yaml", "--scheduler", "greedy"]
    done = run_snakemake(tree, *arguments, first=tmp_path / "bin")
    assert done.returncode == 0, done.stdout
    changes = [int(line) for line in (tree / "running").read_text().split()]
    assert changes.count(1) == 11
    assert max(itertools.accumulate(changes)) in expected
