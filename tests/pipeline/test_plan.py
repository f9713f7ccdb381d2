"""What Snakemake plans for a parameter file, counted here from the file itself, without the grid's
code."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pipeline.conftest import ROOT, planned, run_snakemake

STUDIES = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "params.yaml", *(ROOT / "config").glob("*.yaml")]
)


def expected_jobs(values: dict) -> dict[str, int]:
    seeds, cells = len(values["seeds"]), len(values["cells"])
    alone = {"experiment": seeds * len(values.get("experiments", {}))}
    alone |= {"track": 1, "calibrate": 1, "report": 1, "index": 1, "all": 1}
    if not cells:
        return {**alone, "total": sum(alone.values())}
    guidance = values["guidance"]
    guided_by = [kind for kind in guidance["kinds"] if kind in ("classifier", "classifier-clean")]
    guides = seeds * len(guided_by) if guidance["cells"] else 0
    measured = bool(values["evaluation"]["extractors"])
    jobs = {
        "prepare": 1,
        "train": cells * seeds + guides + measured,  # one judge
        "sample": cells * seeds,
        "sample_guided": len(guidance["cells"]) * len(guidance["kinds"]) * seeds,
        "likelihood": cells * seeds,
        "evaluate": (cells * seeds + seeds) * measured,  # and the floor
        **alone,
    }
    jobs = {name: count for name, count in jobs.items() if count}
    return {**jobs, "total": sum(jobs.values())}


@pytest.mark.parametrize("file", STUDIES)
def test_a_fresh_tree_plans_every_job_once(tree: Path, file: str) -> None:
    done = run_snakemake(tree, "-n", "--quiet", "rules", "--cores", "2", "--configfile", file)
    assert done.returncode == 0, done.stdout
    assert planned(done.stdout) == expected_jobs(yaml.safe_load((ROOT / file).read_text()))


def test_without_a_configfile_it_is_params_yaml(tree: Path) -> None:
    done = run_snakemake(tree, "-n", "--quiet", "rules", "--cores", "2")
    assert planned(done.stdout) == expected_jobs(yaml.safe_load((ROOT / "params.yaml").read_text()))


def test_the_smoke_study_is_small_in_jobs() -> None:
    values = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text())
    assert expected_jobs(values)["total"] <= 67


def test_every_parameter_file_has_a_study_of_its_own() -> None:
    names = [yaml.safe_load((ROOT / file).read_text())["study"] for file in STUDIES]
    assert len(set(names)) == len(names) > 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", "seeds=1"], "--config is not used"),
        (["--configfile", "params.yaml", "config/smoke.yaml"], "--configfile names 2 files"),
    ],
)
def test_parameters_come_from_one_file(tree: Path, arguments: list[str], said: str) -> None:
    done = run_snakemake(tree, "-n", "--cores", "1", *arguments)
    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("gammas: [0, 1, 3]", "gammas: [0, -1]", "guidance.gammas.1: gamma must be 0"),
        ("seeds: [0, 1]", "seeds: [0, 1]\nsede: [0]", "sede: unknown key"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_and_nothing_is_written(
    tree: Path, old: str, new: str, said: str
) -> None:
    text = (tree / "config" / "smoke.yaml").read_text()
    assert old in text
    (tree / "bad.yaml").write_text(text.replace(old, new))
    done = run_snakemake(tree, "--cores", "1", "--configfile", "bad.yaml")
    assert done.returncode == 1
    assert f"bad.yaml: {said}" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (tree / "results").exists()


@pytest.mark.parametrize("device", ["auto", "cuda", "cpu"])
def test_a_gpu_is_asked_for_where_the_study_uses_one(tree: Path, device: str) -> None:
    text = (tree / "config" / "smoke.yaml").read_text()
    (tree / "device.yaml").write_text(text.replace("device: cpu", f"device: {device}"))
    with (tree / "Snakefile").open("a") as file:
        file.write('\nprint("ASKED", rules.train.rule.resources["gpu"])\n')
    done = run_snakemake(
        tree, "-n", "--cores", "1", "--quiet", "rules", "--configfile", "device.yaml"
    )
    here = Path("/dev/nvidia0").exists()
    asked = int(device == "cuda" or (device == "auto" and here))
    assert f'ASKED Resource("gpu", {asked}' in done.stdout


def test_parsing_the_workflow_imports_neither_torch_nor_mlflow(tree: Path) -> None:
    """Every job of a cluster parses it again."""
    with (tree / "Snakefile").open("a") as file:
        file.write(
            "\nimport sys\n"
            'print("HEAVY", sorted({"torch", "mlflow", "sklearn"} & set(sys.modules)))\n'
        )
    done = run_snakemake(tree, "-n", "--quiet", "rules", "--cores", "1")
    assert "HEAVY []" in done.stdout, done.stdout
