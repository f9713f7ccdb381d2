"""What each engine takes for done after the other one ran, after a fresh clone and after an edit;
with the stub."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from engines.conftest import Clone, clone, copy, planned_commands
from pipeline.conftest import ROOT

from threetargets.pipeline import dvc_file
from threetargets.study import load

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
    assert jobs(tree.calls()) == jobs(planned)
    assert {command.split()[1] for command in planned} == stages


def test_another_study_stands_beside_the_first(
    adopted: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one kind of guidance, by a file and a dvc.lock of its own."""
    tree = copy(adopted, tmp_path / "tree")
    values = yaml.safe_load((tree.folder / "params.yaml").read_text())
    values["study"], values["guidance"]["kinds"] = "other", ["classifier-free"]
    (tree.folder / "config/other.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tree.folder)
    place = str(dvc_file.write(load("config/other.yaml"), "config/other.yaml"))
    planned = planned_commands(tree.run("snakemake", "-n", "--configfile", "config/other.yaml"))
    tree.run("dvc", "repro", "--quiet", place)
    assert jobs(tree.calls()) == jobs(planned)
    assert not [command for command in planned if "--guidance classifier " in command]
    assert CLEAN in tree.run("dvc", "status")
    assert (tree.folder / place).with_name("dvc.lock").exists()
    assert tree.run("git", "status", "--porcelain", "dvc.lock", "params.yaml") == ""


def test_an_experiment_overrides_numbers_lists_and_null_in_both(
    adopted: Clone, tmp_path: Path
) -> None:
    tree, other = (copy(adopted, tmp_path / name) for name in ("tree", "other"))
    overrides = (
        "evaluation.neighbours=5",
        "guidance.gammas=[0,2.5]",
        "likelihood.iwae_images=null",
    )
    options = [word for override in overrides for word in ("-S", override)]
    tree.run("dvc", "exp", "run", "--quiet", "--name", "wider", *options)
    calls = jobs(tree.calls())
    shutil.copyfile(tree.folder / "params.yaml", other.folder / "params.yaml")
    assert calls == jobs(planned_commands(other.run("snakemake", "-n")))
    assert {call.split()[1] for call in calls} == {
        *("sample", "likelihood", "evaluate", "track", "report")
    }
    chosen = load(tree.folder / "params.yaml")
    assert chosen.guidance.gammas == [0, 2.5] and chosen.likelihood.iwae_images is None
    shown = tree.run("dvc", "params", "diff", "--md", "main")
    assert "evaluation.neighbours" in shown and "| 5" in shown
    assert "wider" in tree.run("dvc", "exp", "list", "--name-only")
    assert tree.attempts() == []


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("training.ddpm.learning_rate=1e-5", 1e-5),
        ("training.vae.steps=70", 70),
        ("seeds=[0,1,2,3]", [0, 1, 2, 3]),
        ("guidance.kinds=[]", []),
        ("likelihood.images=null", None),
        ("diffusion.schedule.log_snr_max=3", 3.0),
        ("vae={latents: [4], width: 8}", {"latents": [4], "width": 8}),
    ],
)
def test_an_override_arrives_as_it_was_meant(tmp_path: Path, override: str, value: object) -> None:
    """In the file with its merges and comments, and nothing else changes."""
    from dvc.utils.hydra import apply_overrides

    path = tmp_path / "params.yaml"
    shutil.copyfile(ROOT / "params.yaml", path)
    apply_overrides(path, [override])
    before, after = (load(file).model_dump(mode="json") for file in (ROOT / "params.yaml", path))
    *outer, last = override.split("=")[0].split(".")
    for key in outer:
        before, after = before[key], after[key]
    if isinstance(value, dict):
        assert value.items() <= after[last].items()
    else:
        assert after.pop(last) == value
        before.pop(last)
        assert after == before
