"""The command line: a user's mistake is one line on stderr, an exit code of its own, and nothing
half-written."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from threetargets import study
from threetargets.cli import main
from threetargets.pipeline import cells
from threetargets.pipeline.identity import work_dir

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with the smoke study's parameters, its data, and one trained model."""
    folder = tmp_path_factory.mktemp("prepared")
    values = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    values["device"] = "cpu"
    (folder / "smoke.yaml").write_text(yaml.safe_dump(values))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for arguments in (["prepare"], ["train", "--cell", "vae", "--seed", "0"]):
            patch.setattr(sys, "argv", ["threetargets", *arguments, "--params", "smoke.yaml"])
            with pytest.raises(SystemExit) as ended:
                main()
            assert not ended.value.code
    return folder


@pytest.fixture
def there(prepared, tmp_path, monkeypatch):
    """A copy of it to damage, as working directory."""
    shutil.copytree(prepared, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def run(monkeypatch, capfd, *arguments):
    monkeypatch.setattr(sys, "argv", ["threetargets", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0, capfd.readouterr().err


@pytest.mark.parametrize(("stage", "rounded"), [("likelihood", False), ("evaluate", True)])
def test_a_gpu_rounds_no_convolution_of_a_likelihood(there, monkeypatch, capfd, stage, rounded):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    seen = []
    monkeypatch.setattr(
        f"threetargets.stages.{stage}.run",
        lambda *_, **__: seen.append(torch.backends.cudnn.allow_tf32),
    )
    code, error = run(
        monkeypatch, capfd, stage, "--params", "smoke.yaml", "--cell", "vae", "--seed", "0"
    )
    assert (code, error, seen) == (0, "", [rounded])


def published():
    """Every file outside work/, where unfinished trainings keep what they need to go on, and when
    it was written."""
    return {
        p: p.stat().st_mtime_ns for p in Path().rglob("*") if p.is_file() and p.parts[0] != "work"
    }


def refused(monkeypatch, capfd, code, said, *arguments):
    """The command ends with `code` and one line that matches `said`, and leaves the tree as it
    was."""
    before = published()
    found, err = run(monkeypatch, capfd, *arguments)
    lines = [line for line in err.splitlines() if line.startswith("threetargets: ")]
    assert found == code, err
    assert len(lines) == 1, err
    assert re.search(said, lines[0]), err
    assert "Traceback" not in err
    assert published() == before


TRAIN = ("train", "--params", "smoke.yaml", "--cell", "hvae", "--seed", "0")
SAMPLE = ("sample", "--params", "smoke.yaml", "--cell", "vae", "--seed", "0")


def test_unknown_cell_and_seed(there, monkeypatch, capfd):
    refused(
        monkeypatch,
        capfd,
        2,
        r"--cell gan: .*expected one of .*vae",
        *TRAIN[:4],
        "gan",
        "--seed",
        "0",
    )
    refused(monkeypatch, capfd, 2, r"--seed 9: hvae .*has seeds 0, 1", *TRAIN[:6], "9")
    refused(monkeypatch, capfd, 2, "vae is sampled with none", *SAMPLE, "--guidance", "classifier")


def test_misspelt_key(there, monkeypatch, capfd):
    text = (there / "smoke.yaml").read_text()
    (there / "smoke.yaml").write_text(text.replace("seeds:", "sedes:"))
    refused(
        monkeypatch,
        capfd,
        2,
        r"smoke\.yaml: sedes: unknown key",
        "prepare",
        "--params",
        "smoke.yaml",
    )


def test_missing_parameter_file(there, monkeypatch, capfd):
    refused(
        monkeypatch, capfd, 4, r"absent\.yaml: cannot be read", "prepare", "--params", "absent.yaml"
    )


def test_missing_data_and_weights(there, monkeypatch, capfd):
    refused(
        monkeypatch,
        capfd,
        4,
        r"runs/hvae/seed0/train\.json: missing",
        *SAMPLE[:4],
        "hvae",
        "--seed",
        "0",
    )
    shutil.rmtree(there / "results/smoke/data")
    refused(monkeypatch, capfd, 4, r"manifest\.json.*missing", *TRAIN)


@pytest.mark.parametrize("damage", [b"", b"not an archive", None])
def test_damaged_data(there, monkeypatch, capfd, damage):
    path = there / "results/smoke/data/train.npz"
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    refused(monkeypatch, capfd, 3, r"train\.npz: .*damaged", *TRAIN)


def test_data_that_is_not_what_the_manifest_says(there, monkeypatch, capfd):
    path = there / "results/smoke/data/train.npz"
    with np.load(path) as arrays:
        images, labels = arrays["images"].copy(), arrays["labels"]
    images[0] = 16 - images[0]
    np.savez_compressed(path, images=images, labels=labels)
    refused(monkeypatch, capfd, 3, r"train\.npz", *TRAIN)


def test_pickled_arrays_are_refused(there, monkeypatch, capfd):
    path = there / "results/smoke/data/train.npz"
    np.savez(path, images=np.array([{"a": 1}], dtype=object), labels=np.zeros(1))
    refused(monkeypatch, capfd, 3, r"train\.npz: .*damaged", *TRAIN)


@pytest.mark.parametrize("keep", [0, 7, 1000])
def test_damaged_weights(there, monkeypatch, capfd, keep):
    path = there / "results/smoke/runs/vae/seed0/weights.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    refused(monkeypatch, capfd, 3, r"weights\.safetensors: damaged", *SAMPLE)


def test_damaged_record(there, monkeypatch, capfd):
    (there / "results/smoke/runs/vae/seed0/train.json").write_text('{"status": "ok"')
    refused(monkeypatch, capfd, 3, r"train\.json: damaged", *SAMPLE)


def test_damaged_checkpoint(there, monkeypatch, capfd):
    chosen = study.load("smoke.yaml")
    work = work_dir(chosen, cells.Run("hvae", 0))
    work.mkdir(parents=True)
    (work / "checkpoint.safetensors").write_bytes(b"\0" * 100)
    refused(monkeypatch, capfd, 3, r"checkpoint\.safetensors: damaged", *TRAIN)


def test_unwritable_folder(there, monkeypatch, capfd):
    (there / "results/smoke/runs/hvae").write_text("a file where a folder has to be")
    refused(monkeypatch, capfd, 5, r"cannot be written", *TRAIN)


def test_divergence_has_its_code_and_no_result(there, monkeypatch, capfd):
    values = yaml.safe_load((there / "smoke.yaml").read_text())
    values["training"]["hvae"]["learning_rate"] = 1e30
    (there / "smoke.yaml").write_text(yaml.safe_dump(values))
    refused(monkeypatch, capfd, 6, r"hvae seed 0: .*(loss is (nan|inf)|not finite)", *TRAIN)
    code, err = run(monkeypatch, capfd, *TRAIN, "--keep-failed")
    assert code == 0
    assert "recorded as a failed cell" in err
    assert '"status": "failed"' in (there / "results/smoke/runs/hvae/seed0/train.json").read_text()


def test_budget_saves_and_the_same_command_goes_on(there, monkeypatch, capfd):
    code, err = run(monkeypatch, capfd, *TRAIN, "--budget-seconds", "0")
    assert code == 75
    assert "saved" in err
    code, err = run(monkeypatch, capfd, *TRAIN)
    assert code == 0
    assert "goes on after step 1" in err


def test_help_names_every_stage(monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["threetargets", "--help"])
    with pytest.raises(SystemExit):
        main()
    text = capfd.readouterr().out
    assert all(
        stage in text
        for stage in ("prepare", "train", "sample", "likelihood", "evaluate", "report", "track")
    )
