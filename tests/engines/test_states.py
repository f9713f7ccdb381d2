"""What each engine takes for done after the other one ran, after a fresh clone and after an edit;
with the stub."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from engines.conftest import Clone, clone, copy, planned_commands

CLEAN = "Data and pipelines are up to date."
AT_START = ("threetargets estimate", "threetargets identities", "threetargets track init")
ADOPT = ("snakemake", "--touch", "--forceall", "--cores", "2", "--quiet", "all")


INDEX = "threetargets index --keep-failed"
"""Snakemake plans it wherever a report is made again, DVC runs it where its figures are others."""


def jobs(calls: set[str]) -> set[str]:
    return {call for call in calls if not call.startswith((*AT_START, INDEX))}


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory, stub_bin: Path) -> Clone:
    """After `dvc repro`, committed and pushed to a folder."""
    folder = tmp_path_factory.mktemp("reproduced")
    tree = clone(folder / "tree", stub_bin)
    tree.run("dvc", "repro", "--quiet")
    tree.commit("Results of micro")
    tree.run("dvc", "remote", "add", "--default", "--local", "here", str(folder / "remote"))
    tree.run("dvc", "push", "--quiet")
    return tree


@pytest.fixture(scope="module")
def adopted(reproduced: Clone) -> Clone:
    """The same, and Snakemake has written down of what parameters and code these results are."""
    tree = copy(reproduced, reproduced.folder.parent / "adopted")
    tree.run(*ADOPT)
    tree.calls()
    return tree


def test_after_dvc_repro_neither_engine_has_anything_to_do(reproduced: Clone) -> None:
    assert CLEAN in reproduced.run("dvc", "status")
    assert "Nothing to be done" in reproduced.run("snakemake", "-n")


def test_dvc_sends_nothing_and_leaves_git_alone(reproduced: Clone) -> None:
    assert reproduced.attempts() == []
    assert reproduced.run("git", "status", "--porcelain") == ""
    assert [p for p in reproduced.folder.rglob(".gitignore") if "results" in p.parts] == []


def test_after_snakemake_commit_makes_dvc_clean(tmp_path: Path, stub_bin: Path) -> None:
    tree = clone(tmp_path / "tree", stub_bin)
    tree.run("snakemake", "--cores", "2", "--quiet", "all")
    assert jobs(tree.calls())
    tree.run("dvc", "commit", "--force", "--quiet")
    assert CLEAN in tree.run("dvc", "status")
    assert CLEAN in tree.run("dvc", "repro")
    assert "Nothing to be done" in tree.run("snakemake", "-n")
    assert tree.calls() == set()
    assert tree.attempts() == []


def test_a_fresh_clone_with_pulled_results_runs_nothing(
    reproduced: Clone, tmp_path: Path, stub_bin: Path
) -> None:
    fresh = Clone(tmp_path / "fresh", stub_bin)
    reproduced.run("git", "clone", "--quiet", str(reproduced.folder), str(fresh.folder))
    fresh.run(
        "dvc",
        "remote",
        "add",
        "--default",
        "--local",
        "here",
        str(reproduced.folder.parent / "remote"),
    )
    fresh.run("dvc", "pull", "--quiet")
    fresh.run(*ADOPT)
    assert fresh.calls() <= {f"{call} --params params.yaml" for call in AT_START}
    assert "Nothing to be done" in fresh.run("snakemake", "-n")
    assert CLEAN in fresh.run("dvc", "status")
    assert CLEAN in fresh.run("dvc", "repro")
    assert fresh.calls() == set()


CODE = ("from __future__ import annotations", "from __future__ import annotations\n\nFURTHER = 1")
"""An edit of what a module does; of its documentation would change nothing."""


@pytest.mark.parametrize(
    ("file", "old", "new", "stages"),
    [
        ("src/threetargets/stages/likelihood.py", *CODE, {"likelihood", "track", "report"}),
        ("src/threetargets/metrics/fidelity.py", *CODE, {"evaluate", "track", "report"}),
        ("src/threetargets/report/parts/wording.py", *CODE, {"calibrate", "report"}),
        (
            "src/threetargets/training/ema.py",
            *CODE,
            {"train", "sample", "likelihood", "evaluate", "track", "report"},
        ),
        ("src/threetargets/training/ema.py", '"""', '"""Edited. ', set()),
        ("src/threetargets/cli/tools.py", *CODE, set()),
        ("params.yaml", "neighbours: 3", "neighbours: 4", {"evaluate", "track", "report"}),
        ("params.yaml", "checkpoint_every: 4", "checkpoint_every: 3", {"report"}),
    ],
    ids=lambda value: Path(value).name if isinstance(value, str) and "." in value else None,
)
def test_an_edit_runs_the_same_jobs_in_both(
    adopted: Clone, tmp_path: Path, file: str, old: str, new: str, stages: set[str]
) -> None:
    tree = copy(adopted, tmp_path / "tree")
    tree.edit(file, old, new)
    every = planned_commands(tree.run("snakemake", "-n"))
    assert (INDEX in every) == ("report" in stages)
    planned = every - {INDEX}
    tree.run("dvc", "repro", "--quiet")
    assert jobs(tree.calls()) == planned
    assert {command.split()[1] for command in planned} == stages


def test_another_study_is_another_params_yaml(adopted: Clone, tmp_path: Path) -> None:
    """And the way back: the first study's results are still there, and its dvc.lock is in git."""
    tree = copy(adopted, tmp_path / "tree")
    tree.edit("params.yaml", "study: micro", "study: other")
    tree.run("dvc", "repro", "--quiet", "likelihood@vae-0")
    assert (tree.folder / "results/other/runs/vae/seed0/likelihood.json").exists()
    tree.run("git", "checkout", "--quiet", "params.yaml", "dvc.lock")
    assert CLEAN in tree.run("dvc", "status")
    shutil.rmtree(tree.folder)


def test_an_experiment_overrides_a_parameter(adopted: Clone, tmp_path: Path) -> None:
    tree = copy(adopted, tmp_path / "tree")
    tree.run("dvc", "exp", "run", "--quiet", "--name", "wider", "-S", "evaluation.neighbours=5")
    assert {call.split()[1] for call in jobs(tree.calls())} == {"evaluate", "track", "report"}
    shown = tree.run("dvc", "params", "diff", "--md", "main")
    assert "evaluation.neighbours" in shown and "| 5" in shown
    assert "wider" in tree.run("dvc", "exp", "list", "--name-only")
    assert tree.attempts() == []
