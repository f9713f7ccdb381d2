"""Binarised MNIST: the bound by masks of every size against orders that are walked, and the whole
on images that are made up."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from experiments.tiny_notes import FIT, TINY
from pipeline.conftest import ROOT
from pydantic import ValidationError

from threetargets import study
from threetargets.doctor import examine
from threetargets.errors import MissingInput
from threetargets.experiments.discrete import any_order, measure, spec
from threetargets.experiments.discrete.spec import Binary, Discrete
from threetargets.streams import generator

MNIST = {
    "split": {"train": 20, "validation": 1, "test": 6},
    **{"width": 4, "depth": 1, "draws": 2, "steps": 3},
    "training": FIT | {"steps": 2, "batch": 4},
}


def inconsistent(x_t: torch.Tensor) -> torch.Tensor:
    """Conditionals that are those of no joint law: (B, 1, D, 2)."""
    weights = torch.randn(4, 4, dtype=torch.float64, generator=generator(1, "test"))
    score = torch.cos(3 * x_t.double() @ weights + torch.arange(4))
    return torch.stack([score, 2 * score.roll(1, -1)], -1).softmax(-1)


def test_the_bound_is_the_mean_over_all_orders() -> None:
    """Of each image of four pixels, walked in 24 orders by the definition."""
    images = torch.tensor([[[0, 1, 1, 0]], [[1, 1, 0, 1]]])
    for image in images:
        walked = []
        for order in itertools.permutations(range(4)):
            seen, total = torch.full((1, 1, 4), 2), 0.0
            for i in order:
                total -= float(inconsistent(seen)[0, 0, i, image[0, i]].log())
                seen[0, 0, i] = image[0, i]
            walked.append(total)
        assert np.ptp(walked) > 0.05
        values = any_order.bound(inconsistent, 2, image.expand(5000, 1, 4), 3, 0)
        error = float(values.std()) / math.sqrt(len(values))
        assert float(values.mean()) == pytest.approx(np.mean(walked), abs=5 * error)
        assert error < 0.02


def test_masks_have_every_size_as_often() -> None:
    sizes = any_order.sizes(600, 5, 12, generator(0, "test"))
    assert sizes.shape == (600, 5)
    np.testing.assert_allclose(np.bincount(sizes.flatten(), minlength=13)[1:], 250, atol=1)
    first = np.bincount(sizes[:, 0], minlength=13)[1:]
    np.testing.assert_allclose(first, 50, atol=1)
    assert (sizes.sort(1).values.diff(dim=1) > 0).all(), "those of one image are spread"


def test_the_histogram_is_that_of_its_counts() -> None:
    train, test = torch.tensor([[[0, 1]], [[0, 0]], [[1, 0]]]), torch.tensor([[[1, 1]]])
    got = measure.histogram(train, test, 2)
    assert float(got[0]) == pytest.approx(-2 * math.log(2 / 5))


def some(split: object) -> dict[str, torch.Tensor]:
    u = torch.rand(26, 28, 28, generator=generator(0, "test"))
    white = (u < 0.2).to(torch.uint8)
    return {"train": white[:20], "test": white[20:]}


def test_an_untrained_network_has_one_bit_a_pixel() -> None:
    chosen = Binary.model_validate(MNIST)
    net = any_order.network(3, 2, chosen, 0)
    process, none = measure.absorbing(2), torch.tensor(0.5)
    x0 = some(None)["test"]
    values = any_order.bound(lambda x: measure.read(process, net, x, none), 2, x0, 2, 0)
    torch.testing.assert_close(values, torch.full((6,), 784 * math.log(2), dtype=torch.float64))


def test_one_seed_with_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(any_order, "images", some)
    block = Discrete.model_validate(TINY["discrete"] | {"mnist": MNIST})
    made = measure.measure(block, 0, lambda line: None)
    values = {f.metric: f for f in made.figures}
    assert values["mnist/absorbing"].n == values["mnist/histogram"].n == 6
    assert 0 < values["mnist/absorbing"].value < 2000
    assert made.arrays["mnist"].shape == (16, 28, 28) and made.arrays["mnist"].max() <= 1
    plain = measure.measure(block.model_copy(update={"mnist": None}), 0, lambda line: None)
    assert plain.figures == made.figures[: len(plain.figures)]
    assert "mnist" not in plain.arrays


def test_what_mnist_adds_is_asked_for() -> None:
    plain = Discrete.model_validate(TINY["discrete"])
    more = Discrete.model_validate(TINY["discrete"] | {"mnist": MNIST})
    assert spec.choices(plain)["SOURCES"] == {"digits"}
    assert spec.choices(more)["SOURCES"] == {"digits", "mnist-binarised"}
    assert spec.trainings(more) == spec.trainings(plain) + 1
    assert spec.operations(more) > spec.operations(plain)
    large = MNIST | {"split": {"train": 50001, "validation": 1, "test": 1000}}
    with pytest.raises(ValidationError, match=r"mnist\.split: 50001 images"):
        Discrete.model_validate(TINY["discrete"] | {"mnist": large})


def test_where_the_images_are_is_known_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One line where they are nowhere, of the doctor and of the experiment."""
    chosen = study.load(ROOT / "config" / "discrete-mnist.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THREETARGETS_MIRROR", str(tmp_path))
    states = [(f.state, f.observed.split()[0]) for f in examine(chosen) if f.check == "data"]
    assert states == [("ok", "digits"), ("failed", f"{tmp_path}:")]
    with pytest.raises(MissingInput, match="mnist-binarised lacks"):
        any_order.images(Binary.model_validate(MNIST).split)
