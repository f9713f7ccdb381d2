"""The autoencoders' part of the report, on made-up records of the study of latent widths and
importance weighting."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from threetargets import study as studies
from threetargets.families import parse
from threetargets.pipeline.cells import Run
from threetargets.pipeline.jobs import gammas
from threetargets.pipeline.records import Figure, Record
from threetargets.report import topics
from threetargets.report.answer import answer
from threetargets.report.reading.collect import Place, Results, places
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_autoencoders import autoencoders
from threetargets.report.topics.of_autoencoders import latent_plane as manifold
from threetargets.report.topics.of_models import models, published

ROOT = Path(__file__).parents[2]
STUDY = studies.load(ROOT / "config/aevb.yaml")
MANIFEST = {
    "name": "mnist-binarised",
    "shape": [1, 28, 28],
    "levels": 2,
    "classes": 1,
    "class_names": ["digit"],
}
BOUND = {
    "vae_z2": 160.0,
    "vae_z3": 145.0,
    "vae_z5": 127.0,
    "vae_z10": 111.0,
    "vae_z20": 105.0,
    "vae_z200": 105.2,
}
BOUND |= {"vae_iwae-k1": 103.0, "vae_iwae-k5": 103.5, "vae_iwae-k50": 105.0}
NLL = {"vae_iwae-k1": 98.0, "vae_iwae-k5": 96.5, "vae_iwae-k50": 95.2}
SEEDS = {0: -0.1, 1: 0.0, 2: 0.12}


def made(shift=lambda cell, metric, seed: 0.0, missing=()):
    records = {}
    for place in places(STUDY):
        cell, seed = place.run.cell, place.run.seed
        if place.run in missing:
            continue
        record = Record(
            place.stage,
            "aevb",
            cell,
            seed,
            "0" * 16,
            place.guidance,
            command=f"threetargets {place.stage}",
        )
        if place.stage == "train":
            record.figures = [Figure("parameters", 1e6), Figure("train_seconds", 60.0)]
        elif place.stage == "likelihood":
            bound = BOUND[cell] + SEEDS[seed]
            nll = NLL.get(cell, bound - 5) + SEEDS[seed] * (1 + 0.1 * len(cell))
            found = {
                "bound": bound,
                "reconstruction": bound - 25,
                "kl_1": 25.0,
                "train_bound": bound - 0.5,
                "nll": nll,
            }
            found |= {f"iwae_{k}": bound - 2 * np.log10(k) for k in STUDY.likelihood.iwae}
            record.figures = [
                Figure(
                    f"{m}_nats",
                    v + shift(cell, m, seed),
                    0.25,
                    10000,
                    "test images",
                    "test",
                    quantity=m,
                )
                for m, v in found.items()
            ]
            record.figures += [Figure("active_units", 19.0, n=10000)]
            ratios = {"": 5000.0 + seed, "-baseline": 12.0 + seed}
            record.figures += [
                Figure(f"gradient_variance_ratio_score-function{k}", r) for k, r in ratios.items()
            ]
        records[place] = record
    return Results(STUDY, records, MANIFEST, {})


def column(table, name):
    return {row[0].text: row[table.head.index(name)].text for row in table.rows}


def test_nothing_is_expected_of_samples_that_nobody_measures():
    assert {place.stage for place in places(STUDY)} == {"train", "sample", "likelihood"}
    assert {place.run.cell for place in places(STUDY)} == set(STUDY.cells)


def test_likelihoods_of_binary_images_are_told_in_nats():
    results = made()
    head = models.models(results).head
    assert "bound, nats" in head and "FID" not in head
    first = answer(results)
    assert [tile.label for tile in first.tiles] == ["lowest bound, nats"]
    text = " ".join((*first.sentences, *first.sure))
    assert "bits/dim" not in text and "FID" not in text and "within 1.0 nats" in text
    for section in topics.sections(results, Mirror()):
        for shown in (*section.tables, *section.folded, *section.plots):
            assert "its/dim" not in shown.caption or shown.name in ("calibration", "errata"), (
                shown.name
            )
            assert "FID" not in shown.caption or shown.name == "claims", shown.name


def test_the_families_are_told_apart_by_what_differs():
    results = made()
    assert autoencoders.widths(results) == {z: f"vae_z{z}" for z in (2, 3, 5, 10, 20, 200)}
    assert autoencoders.weighted(results) == {k: f"vae_iwae-k{k}" for k in (1, 5, 50)}
    assert autoencoders.tightest(results) == "nll"


def test_the_table_shows_test_beside_training_images():
    table = autoencoders.table(made())
    assert column(table, "latents")["VAE · z200"] == "200"
    assert column(table, "hidden") == {
        row[0].text: "200-200 tanh" if "iwae" in row[0].text else "500 tanh" for row in table.rows
    }
    assert column(table, "k")["VAE · iwae-k50"] == "50"
    assert set(column(table, "test − training").values()) == {"0.5000 (all seeds equal)"}
    assert (
        "standard error of test − training over them is 0.35 to 0.35." in table.caption
    )  # 0.25 twice


def test_published_figures_stand_beside_the_same_model_alone():
    table = published.table(made())
    rows = {(row[0].text, row[-1].text[:5]): [cell.text for cell in row] for row in table.rows}
    assert len(rows) == 5 + 2 * 3 and not any(
        "z2 " in f"{name} " for name, _ in rows
    )  # nothing is known of width 2
    z3 = rows["VAE · z3", "repli"]
    assert (
        z3[1] == "negative ELBO" and z3[4] == "141.30 ± 0.40" and z3[5] == "3.71"
    )  # 145 + mean of the seeds' shifts
    k50 = rows["VAE · iwae-k50", "Burda"]
    assert (
        k50[1] == "−log p" and k50[4] == "87.10" and k50[7] == "−1.61" and k50[6].startswith("−2.7")
    )
    assert k50[3] == "4"


def test_published_figures_are_of_the_same_kind_of_model():
    values = STUDY.model_dump(mode="json")
    for changes, left in (
        ({"activation": "silu"}, 0),
        ({"decoder": "gaussian"}, 0),
        ({"decoder": "categorical"}, 11),
    ):
        other = studies.parse({**values, "vae": {**values["vae"], **changes}}, "other")
        assert len(published.table(replace(made(), study=other)).rows) == left


def test_without_a_model_of_one_sample_nothing_is_said_against_it():
    values = STUDY.model_dump(mode="json")
    values["cells"] = ["vae_iwae-k5", "vae_iwae-k50"]
    table = published.table(replace(made(), study=studies.parse(values, "other")))
    assert len(table.rows) == 4 and {row[6].text for row in table.rows} == {""}


@pytest.mark.parametrize(
    ("shift", "verdict"),
    [
        (lambda cell, metric, seed: 0.0, "reproduced"),
        (
            lambda cell, metric, seed: 3.0 + 0.1 * seed if cell == "vae_z200" else 0.0,
            "not reproduced",
        ),
        # as good on test images, but only because training images were learned by heart
        (
            lambda cell, metric, seed: (
                -4 - 0.1 * seed if (cell, metric) == ("vae_z200", "train_bound") else 0
            ),
            "not reproduced",
        ),
        (
            lambda cell, metric, seed: (seed - 1) * 4.0 if cell == "vae_z200" else 0.0,
            "inconclusive",
        ),
    ],
)
def test_superfluous_latents(shift, verdict):
    (claim,) = [c for c in topics.every_claim() if c.id == "latent-width"]
    finding = claim.decide(made(shift))
    assert finding.verdict == verdict
    assert "nats" in finding.figure and "vae_z20, vae_z200" in finding.runs


def test_a_missing_width_is_not_a_reproduction():
    (claim,) = [c for c in topics.every_claim() if c.id == "latent-width"]
    assert claim.decide(made(missing=(Run("vae_z200", 1),))).verdict == "inconclusive"
    assert claim.decide(made(missing=[Run("vae_z200", s) for s in SEEDS])).verdict == "no data"


def test_bounds_are_compared_on_the_same_images():
    """The importance-weighted bounds have 500 images, the bound 10000: the chain starts at k = 1 of
    the 500."""
    (claim,) = [c for c in topics.every_claim() if c.id == "elbo-bound"]
    finding = claim.decide(made())
    assert finding.verdict == "reproduced"
    assert "VAE · z2, IWAE 1 − IWAE 5:" in finding.figure and finding.figure.endswith("nats")


def test_the_first_screen_says_what_width_and_weighting_do():
    first = answer(made())
    text = " ".join([first.headline, *first.sentences])
    assert "Latent width: the bound is" in text and "at 200, in nats" in text
    told = re.search(
        r"against training with k = 1, −log p changes by (\S+) .* with k = 5 "
        r"and by (\S+) .* with k = 50",
        text,
    )
    assert [round(float(v.replace("−", "-")), 1) for v in told.groups()] == [-1.5, -2.8]


def test_the_manifold_is_drawn_with_grey_levels():
    images = (
        np.linspace(0, 255, 9).astype(np.uint8)[:, None, None, None].repeat(28, 2).repeat(28, 3)
    )
    results = made()
    results.pictures[parse("vae_z2"), 1] = images
    (plot,) = manifold.plots(results)
    assert "seed 1" in plot.caption and "3 × 3" in plot.caption
    (data,) = re.findall(r"base64,([^\"]+)", plot.svg)
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert sheet.shape[:2] == (3 * 29 - 1, 3 * 29 - 1)
    assert [int(sheet[29 * r + 5, 29 * c + 5]) for r in range(3) for c in range(3)] == images[
        :, 0, 0, 0
    ].tolist()


def test_sample_sets_are_named_without_a_guidance():
    assert gammas(STUDY, "none") == ["1"]
    assert [p.guidance for p in places(STUDY) if p.stage == "sample"] == ["none"] * len(
        STUDY.cells
    ) * 3
    assert Place("sample", Run("vae_z2", 0), "none") in set(places(STUDY))
