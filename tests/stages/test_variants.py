"""Variants of an autoencoder as cells of a study, from the parameter file to the report; nobody
judges samples."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from scipy.stats import norm

from threetargets import files, study
from threetargets.data.read import load_manifest
from threetargets.families import build as models
from threetargets.families.autoencoder.latent_space import SIDE
from threetargets.families.autoencoder.likelihood import _active, _nll
from threetargets.families.drawn import pictures
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.stages import likelihood, prepare, report, sample, train

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A study of three widths and one importance-weighted model on the digits, run to its end."""
    folder = tmp_path_factory.mktemp("variants")
    values = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    values |= {
        "study": "variants",
        "seeds": [0, 1],
        "guidance": {"cells": [], "kinds": [], "gammas": [1]},
    }
    values["evaluation"]["extractors"] = []
    weighted = {"kl": "monte-carlo", "samples": 3, "training": {"steps": 7, "batch": 10}}
    values["vae"]["variants"] = {"z2": {"latents": [2]}, "z4": {"latents": [4]}, "k3": weighted}
    values["cells"] = ["vae", "vae_z2", "vae_z4", "vae_k3"]
    values["likelihood"] |= {"images": 120, "iwae_images": 40}
    (folder / "study.yaml").write_text(yaml.safe_dump(values))
    chosen, more = study.load(folder / "study.yaml"), {"params": "study.yaml", "threads": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        prepare.run(chosen, params="study.yaml")
        assert [run.cell for run in jobs.trained_runs(chosen)] == [
            c for c in values["cells"] for _ in (0, 1)
        ]
        for run in jobs.trained_runs(chosen):
            train.run(chosen, run, **more)
            sample.run(chosen, run, "none", **more)
            likelihood.run(chosen, run, **more)
        report.run(chosen)
    return folder, chosen


def record(done, name, run):
    folder, chosen = done
    return files.read_json(folder / paths.run_dir(chosen, run) / name)


def test_a_variant_has_its_own_model_and_training(done, monkeypatch):
    folder, chosen = done
    monkeypatch.chdir(folder)
    manifest = load_manifest(chosen)
    for cell, latents, samples in (
        ("vae", 8, 1),
        ("vae_z2", 2, 1),
        ("vae_z4", 4, 1),
        ("vae_k3", 8, 3),
    ):
        model = models.load(chosen, manifest, Run(cell, 1))
        assert (list(model.latents), model.samples) == ([latents], samples)
        entries = (
            (folder / paths.run_dir(chosen, Run(cell, 1)) / "train.jsonl").read_text().splitlines()
        )
        assert f'"step": {7 if cell == "vae_k3" else 60}' in entries[-1]
    identities = {identity(chosen, "train", run) for run in jobs.trained_runs(chosen)}
    assert len(identities) == 8


def test_a_variant_that_changes_leaves_the_others_as_they_are(done):
    _, chosen = done
    values = chosen.model_dump(mode="json")
    values["vae"]["variants"]["z4"] = {"latents": [5]}
    other = study.parse(values, "other")
    changed = [
        run.cell
        for run in jobs.trained_runs(chosen)
        if identity(chosen, "train", run) != identity(other, "train", run)
    ]
    assert changed == ["vae_z4", "vae_z4"]


def test_the_estimate_for_all_images_is_the_bound_less_its_gap_on_some(done):
    figures = {f["metric"]: f for f in record(done, "likelihood.json", Run("vae_z4", 0))["figures"]}
    assert figures["bound_bpd"]["n"] == 120 and figures["train_bound_bpd"]["reference"] == "train"
    assert figures["iwae_5_bpd"]["n"] == 40
    assert figures["iwae_5_bpd"]["value"] < figures["iwae_1_bpd"]["value"]
    assert figures["nll_bpd"]["n"] == 120 and "first 40" in figures["nll_bpd"]["spread"]


def test_the_estimate_for_all_images_has_the_error_that_it_says():
    """Images in the place of which others might have been drawn: the mean and the spread of many
    such sets."""
    rng, total, some = np.random.default_rng(0), 400, 40
    manifest, found = SimpleNamespace(levels=2, dims=4), []
    for _ in range(3000):
        bound = 100 + 20 * rng.standard_normal(total)
        tight = (
            bound - 5 - 0.1 * (bound - 100) - rng.standard_normal(total)
        )  # a gap that grows with the bound
        found.append(_nll(manifest, torch.from_numpy(bound), torch.from_numpy(tight[:some]), 50))
    values = np.array([figure.value for figure in found])
    assert values.mean() == pytest.approx(95.0, abs=4 * values.std() / 3000**0.5)
    assert np.mean([figure.stderr for figure in found]) == pytest.approx(values.std(), rel=0.05)
    assert (
        np.std(rng.normal(100, 20, (3000, some)).mean(1)) > 3 * values.std()
    )  # what the 40 images alone would tell


def test_a_latent_is_active_where_its_mean_varies():
    """A linear encoder of independent pixels: Var E[z_j | x] is the squared weight times the
    pixel's variance."""
    images = torch.randint(0, 17, (4000, 1, 2, 2), generator=torch.Generator().manual_seed(0)).to(
        torch.uint8
    )
    pixel = ((2 / 17) ** 2) * (17**2 - 1) / 12  # of uniform levels
    scale = torch.tensor([0.0, 0.9, 1.1, 5.0]) * (0.01 / pixel) ** 0.5

    def encode(part):
        x = (2 * part.flatten(1).float() + 1) / 17 - 1
        return x * scale + 3.0, torch.zeros(len(part), 4)

    assert _active(SimpleNamespace(encode=encode), images, 300).value == 2


def test_the_manifold_is_the_decoder_at_the_priors_quantiles(done, monkeypatch):
    folder, chosen = done
    monkeypatch.chdir(folder)
    (((cell, seed), images),) = pictures(chosen).items()
    assert (cell, seed) == ("vae_z2", 0) and images.shape == (SIDE**2, 1, 8, 8)
    model = models.load(chosen, load_manifest(chosen), Run("vae_z2", 0))
    for row, column in ((0, 0), (3, 11), (19, 5)):
        z = torch.tensor(
            [[norm.ppf((column + 0.5) / SIDE), norm.ppf((row + 0.5) / SIDE)]], dtype=torch.float32
        )
        # The mean level by its own definition: a logistic's draws at even places of the unit
        # interval.
        u = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
        with torch.no_grad():
            parameters = model.decode_net(z).view(1, 2, 1, 8, 8).expand(2000, -1, -1, -1, -1)
        drawn = (
            model.decoder.sample(parameters, u.view(-1, 1, 1, 1).expand(-1, 1, 8, 8), 17)
            .double()
            .mean(0)
        )
        assert (
            float(
                (drawn - torch.from_numpy(images[row * SIDE + column].astype(np.float64)))
                .abs()
                .max()
            )
            <= 0.51
        )


def test_mlflow_waits_for_no_evaluation(done, monkeypatch):
    from threetargets import tracking

    folder, chosen = done
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/own.db")
    tracking.init(chosen)
    tracking.sync(chosen)
    state = files.read_json(paths.results(chosen) / "tracking.json")
    assert state["state"] == "complete" and set(state["runs"]) == {
        f"{c}/seed{s}" for c in chosen.cells for s in (0, 1)
    }


def test_the_report_shows_what_there_is_and_nothing_else(done):
    folder, _ = done
    page = (folder / "reports/variants/report.md").read_text()
    assert "## Autoencoders" in page and "manifold-vae_z2" in page and "VAE · k3" in page
    assert "FID" not in page.split("## Claims")[0] and "Target by weighting" not in page
    rows = list(csv.DictReader((folder / "reports/variants/metrics.csv").open()))
    assert {row["status"] for row in rows} == {"ok"}
    assert {row["model"] for row in rows} == {"vae", "vae_z2", "vae_z4", "vae_k3"}
    assert (
        not (folder / "results/variants/runs/judge").exists()
        and not (folder / "results/variants/runs/data").exists()
    )
