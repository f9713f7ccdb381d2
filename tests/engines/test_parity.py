"""dvc.yaml and the Snakefile name the same jobs, those of pipeline/jobs.py: stage, command, inputs
and outputs, compared as sets.

What differs, and is left out of the comparison or stated in it:
- Snakemake sends each command's output to a log file.
- DVC has the stages `identities` and `track_init`, which Snakemake runs at the start (`onstart`),
  and takes each job's
  identity file as an input where Snakemake has the parameter `identity`; `track` comes after
  `track_init`, and reads
  the one parameter that Snakemake gives it, `tracking.uri`, from params.yaml.
- Where a job reads or writes every file of a folder, DVC names the folder: the data, the sample
  sets, the runs.
- DVC has a stage for each kind of guidance and of classifier, Snakemake has one rule for them;
  stages of kinds that params.yaml does not name lie in workflow/dvc-guidance.yaml.
- DVC has no conditions: what a study leaves out (a kind of guidance, the measuring of samples, all
  cells and their data) is deleted by hand.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from dvc.repo import Repo
from engines.conftest import LOGGED, Clone, clone
from pipeline.conftest import ROOT

from threetargets import study
from threetargets.pipeline import jobs
from threetargets.stages import identities
from threetargets.study.schema import Study
from threetargets.study.values import GUIDES

STUDIES = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "params.yaml", *(ROOT / "config").glob("*.yaml")]
)
AT_START = {"identities": "threetargets identities", "track_init": "threetargets track init"}


def ours(stage: str) -> str:
    """The stage of pipeline/jobs.py: train of train_judge, sample of sample_classifier."""
    return next((one for one in ("train", "sample", "evaluate") if stage.startswith(one)), stage)


def with_further_guidance(folder: Path) -> None:
    """The stages of its kinds put into dvc.yaml, as docs/engines.md has it."""
    values = yaml.safe_load((folder / "dvc.yaml").read_text())
    further = yaml.safe_load((folder / "workflow" / "dvc-guidance.yaml").read_text())
    values["stages"] |= further["stages"]
    (folder / "dvc.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


class Job(NamedTuple):
    stage: str
    inputs: frozenset[str]
    outputs: frozenset[str]


def snakemake_jobs(folder: Path) -> dict[str, Job]:
    """By command, from `snakemake -n --forceall` without the rules' messages, which hide the
    files."""
    for path in (folder / "workflow/rules").glob("*.smk"):
        path.write_text(
            re.sub(r"^( +)message:\n(\1    .*\n)+", "", path.read_text(), flags=re.MULTILINE)
        )
    text = Clone(folder).run("snakemake", "-n", "--forceall")
    by_command = {}
    for block in text.split("\n\n"):
        rule = re.search(r"^(?:local)?rule (\w+):$", block, re.MULTILINE)
        command = re.search(r"^Shell command: (.*)$", block, re.MULTILINE)
        if rule and command and rule[1] != "all":
            files = {
                name: re.search(rf"^    {name}: (.*)$", block, re.MULTILINE)
                for name in ("input", "output")
            }
            sets = {
                name: frozenset(found[1].replace(" (update)", "").split(", ") if found else ())
                for name, found in files.items()
            }
            by_command[LOGGED.sub("", command[1])] = Job(rule[1], sets["input"], sets["output"])
    return by_command


def dvc_jobs(folder: Path) -> dict[str, Job]:
    """By command, from DVC's own index."""
    by_command = {}
    with Repo(str(folder)) as repo:
        for stage in repo.index.stages:
            inputs = frozenset(str(Path(d.fs_path).relative_to(folder)) for d in stage.deps)
            outputs = frozenset(str(Path(o.fs_path).relative_to(folder)) for o in stage.outs)
            by_command[stage.cmd] = Job(stage.name.split("@")[0], inputs, outputs)
    return by_command


OF_CELLS = ("prepare", "train", "sample", "likelihood", "evaluate")


def without_cells(file: Path) -> None:
    """What docs/engines.md has deleted for a study of experiments alone: the stages of cells, and
    the data as an input of the report."""
    values = yaml.safe_load(file.read_text())
    for name in list(values["stages"]):
        if name.startswith(OF_CELLS):
            del values["stages"][name]
    values["stages"]["report"]["deps"].remove("results/${study}/data")
    file.write_text(yaml.safe_dump(values, sort_keys=False))


def within(files: frozenset[str], places: frozenset[str]) -> frozenset[str]:
    """Each file, or the folder among `places` that it lies in."""
    return frozenset(next((p for p in places if f == p or f.startswith(f"{p}/")), f) for f in files)


def without_what_is_not_used(theirs: dict[str, Job], chosen: Study) -> dict[str, Job]:
    unused = {*GUIDES} - set(chosen.guidance.kinds)
    theirs = {
        c: j for c, j in theirs.items() if not any(f"--guidance {kind} " in c for kind in unused)
    }
    guides = {guide for guide in GUIDES.values() if guide} - set(chosen.guidance.guides)
    without = {f"train_{guide}" for guide in guides}
    if not chosen.evaluation.extractors:
        without |= {"train_judge", "evaluate", "evaluate_floor"}
    return {c: j for c, j in theirs.items() if j.stage not in without}


def test_experiments_stand_beside_cells(tmp_path: Path) -> None:
    """The names are the keys of a block that params.yaml may lack."""
    tree = clone(tmp_path / "tree").folder
    own = yaml.safe_load((ROOT / "config" / "manifold.yaml").read_text())["experiments"]
    values = yaml.safe_load((tree / "params.yaml").read_text()) | {"experiments": own}
    (tree / "params.yaml").write_text(yaml.safe_dump(values))
    command = "threetargets experiment --params params.yaml --cell manifold --seed 0 --threads 1"
    assert command in dvc_jobs(tree)
    assert command in snakemake_jobs(tree)


@pytest.mark.parametrize("file", STUDIES)
def test_both_engines_name_the_same_jobs(tmp_path: Path, file: str) -> None:
    tree = clone(tmp_path / "tree").folder
    shutil.copyfile(ROOT / file, tree / "params.yaml")  # how DVC runs another study
    chosen = study.load(tree / "params.yaml")
    if not chosen.cells:
        without_cells(tree / "dvc.yaml")
    elif chosen.guidance.kinds:
        with_further_guidance(tree)
    snakemakes, theirs = snakemake_jobs(tree), dvc_jobs(tree)
    assert len(snakemakes) > (10 if chosen.cells else 5)

    for stage, command in AT_START.items():
        (found,) = [c for c, job in theirs.items() if job.stage == stage]
        assert found == f"{command} --params params.yaml"
        assert f'shell(f"{command} --params {{FILE}}")' in (tree / "Snakefile").read_text()
        del theirs[found]
    theirs = without_what_is_not_used(theirs, chosen) if chosen.cells else theirs

    assert set(theirs) == set(snakemakes)
    listed = [job for job in jobs.jobs(chosen) if (job.stage, job.run) != ("track", None)]
    identity_files = {str(identities.path(chosen, job)) for job in listed}
    files = {
        (job.stage, *(frozenset(map(str, paths)) for paths in both))
        for job in jobs.jobs(chosen)
        for both in [(job.inputs, job.outputs)]
    }
    assert {(ours(j.stage), j.inputs, j.outputs) for j in snakemakes.values()} == files
    seen = set()
    for command, job in theirs.items():
        other = snakemakes[command]
        assert ours(job.stage) == ours(other.stage), command
        assert within(other.outputs, job.outputs) == job.outputs, command
        own = job.inputs & identity_files
        assert len(own) == (other.stage != "track"), command
        seen |= own
        after = (
            {f"results/{chosen.study}/tracking-init.json", "params.yaml"}
            if other.stage == "track"
            else set()
        )
        inputs = job.inputs - own - after
        assert within(other.inputs, inputs) == inputs, command
    assert seen == identity_files


def test_no_parameter_is_written_down_twice() -> None:
    """dvc.yaml names no cell, seed, gamma or study: it reads them."""
    chosen = study.load(ROOT / "params.yaml")
    text = "\n".join(
        line for line in (ROOT / "dvc.yaml").read_text().splitlines() if "#" not in line
    )
    for name in (*chosen.cells, chosen.study, str(chosen.classifiers.judge_seed)):
        assert not re.search(rf"\b{re.escape(name)}\b", text), name
