"""Training labels that are noise: how many, which, and that a training takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, chisquare

from threetargets import families, study
from threetargets.data.read import Manifest, load_split
from threetargets.errors import ConfigError
from threetargets.families.build import model_part
from threetargets.families.diffusion import spec
from threetargets.families.diffusion.noisy_labels import noisy
from threetargets.pipeline import digest
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.stages import prepare, train
from threetargets.study.schema import Study

ROOT = Path(__file__).parents[2]
CELL = "ddpm_eps_eps-equivalent"
LABELS = torch.arange(10).repeat(400)


def parsed(cells: list[str] | None = None, **diffusion: Any) -> Study:
    """The smoke study, its guidance left out."""
    values = study.load(ROOT / "config/smoke.yaml").model_dump(mode="json")
    values |= {"cells": cells or [CELL], "guidance": {"cells": [], "kinds": [], "gammas": [1]}}
    values["diffusion"] |= diffusion
    return study.parse(values, "noisy")


def test_so_many_are_drawn_evenly_among_all_classes() -> None:
    """Of 0.6 one in ten is its own class again, and changes nothing."""
    other = noisy(LABELS, 10, 0.6, 3)
    differ = other != LABELS
    assert binomtest(int(differ.sum()), len(LABELS), 0.6 * 0.9).pvalue > 0.01
    assert other.dtype == LABELS.dtype
    drawn = noisy(LABELS, 10, 1.0, 3)
    assert chisquare(np.bincount(drawn, minlength=10)).pvalue > 0.01
    assert chisquare(np.histogram2d(drawn, LABELS, bins=10)[0].ravel()).pvalue > 0.01


def test_each_image_has_its_own_stream() -> None:
    """A function of (seed, image): not of how many there are, nor of the other labels; a larger
    share replaces the same ones and more."""
    whole = noisy(LABELS, 10, 0.5, 0)
    assert torch.equal(noisy(LABELS[:37], 10, 0.5, 0), whole[:37])
    shifted = noisy((LABELS + 1) % 10, 10, 0.5, 0)
    drawn = noisy(LABELS, 10, 1.0, 0)
    replaced = whole != LABELS
    assert torch.equal(whole[replaced], drawn[replaced])
    assert torch.equal(shifted[replaced], drawn[replaced])
    more = noisy(LABELS, 10, 0.8, 0)
    assert torch.equal(more[replaced], whole[replaced]) and bool((more != whole).any())
    assert not torch.equal(whole, noisy(LABELS, 10, 0.5, 1))
    assert torch.equal(noisy(LABELS, 10, 0.0, 0), LABELS)


def test_without_noise_nothing_has_another_identity() -> None:
    """Where the key is absent, or 0; it makes the training stale, and what rests on it."""
    run = Run(families.parse(CELL), 0)
    plain = parsed()
    assert spec.fields(plain, run.cell, "train") == spec.fields(
        parsed(label_noise=0.0), run.cell, "train"
    )
    assert "label_noise" not in spec.fields(plain, run.cell, "train")["diffusion"]
    for stage in ("train", "likelihood"):
        same, other = (identity(parsed(label_noise=v), stage, run) for v in (0.0, 0.3))
        assert same == identity(plain, stage, run) != other
    assert "families/diffusion/keys.py" not in digest.modules("train", "diffusion")
    assert "families/diffusion/noisy_labels.py" in digest.modules("train", "diffusion")


def test_the_share_whose_own_label_is_seen() -> None:
    """Of a model that is told of neither, the label of a hundred thousand images."""
    cell = families.parse(CELL)
    own = spec.labels_kept(parsed(label_noise=0.3, label_dropout=0.2), cell)
    source = torch.Generator().manual_seed(0)
    heard = torch.rand(100_000, generator=source) >= 0.2
    true = torch.rand(100_000, generator=source) >= 0.3
    assert own == pytest.approx(float((heard & true).double().mean()), abs=0.01)


def test_each_family_says_what_its_training_takes() -> None:
    chosen = parsed([CELL, "vae"], label_noise=1.0)
    data = Manifest("digits", 17, (1, 8, 8), 10, tuple("0123456789"), "", {}, {})
    for name, same in ((CELL, False), ("vae", True), ("judge", True)):
        for seed in (0, 4):
            run = Run(families.parse(name), seed)
            taken = model_part(run.cell).labels(chosen, data, run, LABELS)
            assert torch.equal(taken, LABELS if same else noisy(LABELS, 10, 1.0, seed))


class Enough(Exception):
    pass


def test_the_training_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage, up to where its loop would begin."""
    monkeypatch.chdir(tmp_path)
    chosen, run, seen = parsed(label_noise=0.7), Run(families.parse(CELL), 0), []

    def loop(model: Any, images: Any, labels: torch.Tensor, *more: Any, **named: Any) -> None:
        seen.append(labels)
        raise Enough

    monkeypatch.setattr(train, "train", loop)
    prepare.run(chosen, params="smoke.yaml")
    with pytest.raises(Enough):
        train.run(chosen, run, params="smoke.yaml", threads=1)
    true = load_split(chosen, "train").labels
    assert torch.equal(seen[0], noisy(true, 10, 0.7, 0)) and not torch.equal(seen[0], true)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_one(share: float) -> None:
    with pytest.raises(ConfigError, match=r"diffusion\.label_noise"):
        parsed(label_noise=share)


def test_captions_say_every_share_of_dropped_labels() -> None:
    one = parsed(label_dropout=0.25, variants={"most": {"label_dropout": 0.9}})
    assert "seen by 25% of the training images" in spec.null_branch(one)
    both = parsed(
        [CELL, f"{CELL}_most"], label_dropout=0.25, variants={"most": {"label_dropout": 0.9}}
    )
    assert "seen by 25% or 90% of the training images" in spec.null_branch(both)
