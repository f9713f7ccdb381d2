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
- DVC has no conditions: `threetargets dvc` leaves out the stages that a study does not have.
- The page across studies is no output of DVC's, which would hold it against the study that was run
  last.
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
from threetargets.errors import ConfigError
from threetargets.pipeline import dvc_file, jobs
from threetargets.stages import identities

STUDIES = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "params.yaml", *(ROOT / "config").glob("*.yaml")]
)
AT_START = {"identities": "threetargets identities", "track_init": "threetargets track init"}


def ours(stage: str) -> str:
    """The stage of pipeline/jobs.py: train of train_judge, sample of sample_classifier."""
    return next((one for one in ("train", "sample", "evaluate") if stage.startswith(one)), stage)


class Job(NamedTuple):
    stage: str
    inputs: frozenset[str]
    outputs: frozenset[str]


def snakemake_jobs(folder: Path, *arguments: str) -> dict[str, Job]:
    """By command, from `snakemake -n --forceall` without the rules' messages, which hide the
    files."""
    for path in (folder / "workflow/rules").glob("*.smk"):
        path.write_text(
            re.sub(r"^( +)message:\n(\1    .*\n)+", "", path.read_text(), flags=re.MULTILINE)
        )
    text = Clone(folder).run("snakemake", "-n", "--forceall", *arguments)
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


def dvc_jobs(folder: Path, file: str = "dvc.yaml") -> dict[str, Job]:
    """By command, from DVC's own index."""
    by_command = {}
    with Repo(str(folder)) as repo:
        for stage in [s for s in repo.index.stages if Path(s.path) == folder / file]:
            inputs = frozenset(str(Path(d.fs_path).relative_to(folder)) for d in stage.deps)
            outputs = frozenset(str(Path(o.fs_path).relative_to(folder)) for o in stage.outs)
            by_command[stage.cmd] = Job(stage.name.split("@")[0], inputs, outputs)
    return by_command


def within(files: frozenset[str], places: frozenset[str]) -> frozenset[str]:
    """Each file, or the folder among `places` that it lies in."""
    return frozenset(next((p for p in places if f == p or f.startswith(f"{p}/")), f) for f in files)


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
def test_both_engines_name_the_same_jobs(
    tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = clone(tmp_path / "tree").folder
    if file == "params.yaml":
        shutil.copyfile(ROOT / file, tree / file)
    chosen = study.load(tree / file)
    monkeypatch.chdir(tree)
    place = dvc_file.write(chosen, file)
    assert place == Path(
        "dvc.yaml" if file == "params.yaml" else f"pipelines/{chosen.study}/dvc.yaml"
    )
    snakemakes, theirs = snakemake_jobs(tree, "--configfile", file), dvc_jobs(tree, str(place))
    assert len(snakemakes) > (10 if chosen.cells else 5)

    for stage, command in AT_START.items():
        (found,) = [c for c, job in theirs.items() if job.stage == stage]
        assert found == f"{command} --params {file}"
        assert f'shell(f"{command} --params {{FILE}}")' in (tree / "workflow/Snakefile").read_text()
        del theirs[found]

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
        if other.stage == "index":
            assert job.outputs == frozenset()
        else:
            assert within(other.outputs, job.outputs) == job.outputs, command
        own = job.inputs & identity_files
        assert len(own) == (other.stage != "track"), command
        seen |= own
        after = (
            {f"results/{chosen.study}/tracking-init.json", file}
            if other.stage == "track"
            else set()
        )
        inputs = job.inputs - own - after
        assert within(other.inputs, inputs) == inputs, command
    assert seen == identity_files


def test_stages_that_params_yaml_does_not_have_are_taken_out_of_dvc_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = clone(tmp_path / "tree")
    whole = (tree.folder / "dvc.yaml").read_text()
    monkeypatch.chdir(tree.folder)
    dvc_file.write(study.load("params.yaml"), "params.yaml")
    assert Path("dvc.yaml").read_text() == whole
    tree.edit("params.yaml", "  - classifier\n", "")
    dvc_file.write(study.load("params.yaml"), "params.yaml")
    gone = set(yaml.safe_load(whole)["stages"]) - set(
        yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    )
    assert gone == {"train_guide", "sample_classifier"}
    with pytest.raises(ConfigError, match="has no stage sample_classifier, train_guide"):
        dvc_file.write(study.load("config/smoke.yaml"), "config/smoke.yaml")
    with pytest.raises(ConfigError, match="inside the project"):
        dvc_file.write(study.load("config/smoke.yaml"), "../elsewhere.yaml")


def test_no_parameter_is_written_down_twice() -> None:
    """dvc.yaml names no cell, seed, gamma or study: it reads them."""
    chosen = study.load(ROOT / "params.yaml")
    text = "\n".join(
        line for line in (ROOT / "dvc.yaml").read_text().splitlines() if "#" not in line
    )
    for name in (*chosen.cells, chosen.study, str(chosen.classifiers.judge_seed)):
        assert not re.search(rf"\b{re.escape(name)}\b", text), name
