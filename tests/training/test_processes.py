"""Several processes with shares of each batch are one process: the same losses, the same exit
codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from threetargets import study
from threetargets.errors import ConfigError
from threetargets.families.build import build
from threetargets.streams import ALL, generator
from threetargets.training.loop import share_of

ROOT = Path(__file__).parents[2]


def prepared(folder, processes, **training):
    values = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    values["processes"] = processes
    values["training"]["ddpm"] |= training
    folder.mkdir()
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    assert command(folder, "prepare").returncode == 0
    return folder


def command(folder, *arguments):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    start = [sys.executable, "-m", "threetargets", *arguments]
    return subprocess.run(
        start, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def train(folder, *more):
    return command(
        folder, "train", "--cell", "ddpm_eps_elbo", "--seed", "0", "--threads", "2", *more
    )


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    """smoke has no ddpm_eps_elbo; the weighting with a decoder's term and weights of its own is the
    harder case."""
    return tmp_path_factory.mktemp("processes")


def result(folder):
    run = folder / "results/smoke/runs/ddpm_eps_elbo/seed0"
    rows = [json.loads(line)["metrics"] for line in (run / "train.jsonl").read_text().splitlines()]
    losses = [row[k] for row in rows for k in ("loss", "validation_loss") if k in row]
    return losses, load_file(run / "weights.safetensors")


def cells(folder):
    """The cell that is tested in place of the study's own."""
    path = folder / "params.yaml"
    values = yaml.safe_load(path.read_text())
    values["cells"] = ["vae", "hvae", "ddpm_eps_elbo"]
    values["guidance"]["cells"] = []
    path.write_text(yaml.safe_dump(values))
    return folder


def test_two_processes_are_one(study_file):
    one, two = (
        cells(prepared(study_file / str(n), n, steps=12, log_every=1, checkpoint_every=6))
        for n in (1, 2)
    )
    for folder in (one, two):
        done = train(folder)
        assert done.returncode == 0, done.stderr
    (expected, weights), (found, others) = result(one), result(two)
    assert len(found) == len(expected) == 14
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), rtol=1e-5, atol=1e-6)
    for name, weight in weights.items():
        torch.testing.assert_close(others[name], weight, rtol=1e-3, atol=1e-4)


def test_a_budget_and_a_divergence_keep_their_exit_codes_and_a_retry_goes_on(study_file):
    folder = cells(prepared(study_file / "codes", 2, steps=400, log_every=10, checkpoint_every=100))
    done = train(folder, "--budget-seconds", "0.01")
    assert done.returncode == 75, done.stderr
    assert done.stderr.count("saved, the same command goes on") == 1
    again = train(folder)
    assert again.returncode == 0 and "goes on after step 10" in again.stderr, again.stderr
    wild = cells(
        prepared(study_file / "wild", 2, steps=40, log_every=5, learning_rate=1e30, warmup_steps=0)
    )
    assert train(wild).returncode == 6
    kept = train(wild, "--keep-failed")
    assert kept.returncode == 0
    record = json.loads((wild / "results/smoke/runs/ddpm_eps_elbo/seed0/train.json").read_text())
    assert record["status"] == "failed"


def test_shares_make_the_whole_batch():
    assert [share_of(12, k, 3) for k in range(3)] == [slice(0, 4), slice(4, 8), slice(8, 12)]
    with pytest.raises(ConfigError, match="no equal shares for 5 processes"):
        share_of(12, 0, 5)


@pytest.mark.parametrize(
    "cell", ["vae", "hvae", "ddpm_x0_elbo", "ddpm_eps_eps-equivalent", "guide", "judge"]
)
def test_the_mean_of_the_shares_losses_is_the_batch_s_loss(cell):
    """Of every family of model, with the noise of one process."""
    from types import SimpleNamespace

    from threetargets.pipeline.cells import Run

    chosen = study.load(ROOT / "config/smoke.yaml")
    manifest = SimpleNamespace(shape=(1, 8, 8), levels=17, classes=10, dims=64, std=0.7)
    model = build(chosen, manifest, Run(cell, 0))
    for parameter in model.parameters():
        torch.nn.init.normal_(
            parameter, std=0.1, generator=torch.Generator().manual_seed(parameter.numel())
        )
    images = torch.randint(0, 17, (12, 1, 8, 8), generator=torch.Generator().manual_seed(0)).to(
        torch.uint8
    )
    labels = torch.arange(12) % 10

    def loss(share):
        return model(images, labels, generator(0, "train", 3), share)

    torch.testing.assert_close(
        torch.stack([loss(share_of(12, k, 3)) for k in range(3)]).mean(), loss(ALL)
    )
