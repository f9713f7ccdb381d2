"""Building by the name of a cell, and loading what a training left."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from threetargets import study as studies
from threetargets.data.read import Manifest
from threetargets.diffusion.target import TARGETS
from threetargets.errors import DataError, Diverged, MissingInput
from threetargets.families import FAMILIES
from threetargets.families.build import build, load, parameters
from threetargets.families.diffusion.process import forward
from threetargets.pipeline import cells, paths
from threetargets.weights import write_weights

SMOKE = studies.load(Path(__file__).parents[2] / "config" / "smoke.yaml")
DIGITS = Manifest("digits", 17, (1, 8, 8), 10, tuple("0123456789"), "", {}, {}, std=0.7)
CELLS = [
    "vae",
    "hvae",
    "guide",
    "judge",
    "ddpm_x0_elbo",
    "ddpm_eps_native",
    "ddpm_score_eps-equivalent",
    "ddpm_v_elbo",
]


KINDS = {kind for spec in FAMILIES.values() for kind in spec.KINDS}


def same(one, other):
    return all(
        torch.equal(a, b)
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("cell", CELLS)
def test_the_first_weights_are_a_function_of_the_seed_alone(cell):
    assert {cells.Run(c, 0).cell.kind for c in CELLS} == KINDS
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = build(SMOKE, DIGITS, cells.Run(cell, 4))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(first, build(SMOKE, DIGITS, cells.Run(cell, 4)))
    assert not same(first, build(SMOKE, DIGITS, cells.Run(cell, 5)))
    assert parameters(first) == sum(v.numel() for v in first.state_dict().values())


@pytest.mark.parametrize("cell", CELLS)
def test_every_model_has_a_finite_loss(cell):
    model = build(SMOKE, DIGITS, cells.Run(cell, 0)).train()
    images = torch.randint(0, 17, (6, 1, 8, 8), generator=torch.Generator().manual_seed(0)).to(
        torch.uint8
    )
    loss = model(images, torch.arange(6), torch.Generator().manual_seed(0))
    assert loss.ndim == 0 and bool(torch.isfinite(loss))
    assert torch.equal(loss, model.loss(images, torch.arange(6), torch.Generator().manual_seed(0)))


def test_a_diffusion_model_is_what_its_cell_says():
    model = build(SMOKE, DIGITS, cells.Run("ddpm_score_elbo", 0))
    assert model.target == replace(TARGETS["score"], data_std=0.7) and model.weighting == "elbo"
    assert (
        model.proposal
        == SMOKE.diffusion.time_sampling["elbo"]
        != SMOKE.diffusion.time_sampling["native"]
    )
    assert (model.count, model.classes, model.null, model.label_dropout) == (
        17,
        10,
        10,
        SMOKE.diffusion.label_dropout,
    )
    assert model.table.steps == forward(SMOKE.diffusion).steps == SMOKE.diffusion.steps
    assert float(model.table.log_snr[-1]) == pytest.approx(SMOKE.diffusion.schedule.log_snr_min)


def test_denoisers_of_all_targets_start_alike():
    nets = [
        build(SMOKE, DIGITS, cells.Run(f"ddpm_{t}_native", 3)).net
        for t in ("x0", "eps", "score", "v")
    ]
    assert all(same(nets[0], net) for net in nets[1:])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = paths.run_dir(SMOKE, cells.Run("vae", 0))
    path.mkdir(parents=True)
    (path / "train.json").write_text(json.dumps({"status": "ok", "reason": ""}))
    return path


def test_what_was_trained_is_loaded(folder):
    trained = build(SMOKE, DIGITS, cells.Run("vae", 9))
    write_weights(folder / "weights.safetensors", trained.state_dict())
    model = load(SMOKE, DIGITS, cells.Run("vae", 0))
    assert same(model, trained) and not model.training


def test_weights_of_another_architecture_are_refused(folder):
    write_weights(
        folder / "weights.safetensors", build(SMOKE, DIGITS, cells.Run("hvae", 0)).state_dict()
    )
    with pytest.raises(DataError, match="another architecture"):
        load(SMOKE, DIGITS, cells.Run("vae", 0))


def test_weights_that_are_not_finite_are_refused(folder):
    state = build(SMOKE, DIGITS, cells.Run("vae", 0)).state_dict()
    state["decode_net.net.0.bias"][0] = torch.nan
    write_weights(folder / "weights.safetensors", state)
    with pytest.raises(DataError, match="not finite"):
        load(SMOKE, DIGITS, cells.Run("vae", 0))


def test_missing_and_failed_trainings_are_named(folder):
    with pytest.raises(MissingInput, match=r"weights\.safetensors"):
        load(SMOKE, DIGITS, cells.Run("vae", 0))
    with pytest.raises(MissingInput, match=r"train\.json"):
        load(SMOKE, DIGITS, cells.Run("vae", 1))
    (folder / "train.json").write_text(json.dumps({"status": "failed", "reason": "loss is nan"}))
    with pytest.raises(Diverged, match="loss is nan"):
        load(SMOKE, DIGITS, cells.Run("vae", 0))
