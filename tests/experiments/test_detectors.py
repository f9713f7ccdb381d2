"""Detectors: areas against scikit-learn, scipy and the binormal law; scores against laws that are
known."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError
from scipy import stats
from sklearn.metrics import roc_auc_score
from torch import Tensor

from threetargets.data.sources import Arrays
from threetargets.diffusion.schedule import SCHEDULES
from threetargets.errors import MissingInput
from threetargets.experiments import image_sets, small_images
from threetargets.experiments.detectors import image_scores, measure, roc
from threetargets.experiments.detectors.changes import CHANGED
from threetargets.experiments.detectors.image_scores import Known
from threetargets.experiments.detectors.spec import CHANGES, Changes, Detectors
from threetargets.levels import centres
from threetargets.oracles import Gaussian, Mixture
from threetargets.streams import generator

BLOCK = Detectors.model_validate(TINY["detectors"])
SHIFT, WIDE = 1.2, 1.6


def binormal(source: np.random.Generator, m: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    return source.normal(size=m), source.normal(SHIFT, WIDE, n)


EXACT = float(stats.norm.cdf(SHIFT / math.hypot(1, WIDE)))
"""Of the binormal law."""


@pytest.mark.parametrize("grid", [3, 1000])
def test_the_area_is_scikit_learns_and_mann_and_whitneys(grid: int) -> None:
    """With many ties, and with few."""
    source = np.random.default_rng(0)
    known, other = source.integers(0, grid, 40).astype(float), source.integers(1, grid, 60) * 1.0
    truth = np.repeat([0, 1], [40, 60])
    value = roc.area(known, other).value
    assert value == pytest.approx(roc_auc_score(truth, np.concatenate([known, other])), abs=1e-12)
    assert value == pytest.approx(stats.mannwhitneyu(other, known).statistic / 2400, abs=1e-12)
    assert [one.mean() for one in roc.placements(known, other)] == pytest.approx([value] * 2)
    fine = np.trapezoid(roc.curve(known, other), roc.RATES)
    assert fine == pytest.approx(value, abs=0.02)


def test_the_area_and_its_error_are_those_of_the_binormal_law() -> None:
    source = np.random.default_rng(1)
    large = roc.area(*binormal(source, 100_000, 100_000))
    assert large.value == pytest.approx(EXACT, abs=4 * large.stderr) and large.stderr < 2e-3
    many = [roc.area(*binormal(source, 60, 80)) for _ in range(800)]
    spread = np.std([one.value for one in many])
    assert np.mean([one.stderr for one in many]) == pytest.approx(spread, rel=0.1)
    held = [abs(one.value - EXACT) < 1.96 * one.stderr for one in many]
    assert 0.91 < np.mean(held) < 0.98


def test_a_gain_is_of_the_same_images() -> None:
    """Two scores that share most of their noise: their difference is surer than two areas apart."""
    source = np.random.default_rng(2)

    def draw() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        first = binormal(source, 70, 50)
        moved = tuple(one + 0.3 * source.normal(size=len(one)) for one in first)
        return first, (moved[0], moved[1])

    pairs = [draw() for _ in range(600)]
    gains = [roc.gain(*pair) for pair in pairs]
    spread = np.std([one.value for one in gains])
    assert np.mean([one.stderr for one in gains]) == pytest.approx(spread, rel=0.1)
    first, second = pairs[0]
    assert gains[0].value == pytest.approx(roc.area(*first).value - roc.area(*second).value)
    assert gains[0].stderr < 0.6 * roc.area(*first).stderr
    assert roc.gain(first, first).value == roc.gain(first, first).stderr == 0


def test_images_are_changed_as_their_names_say() -> None:
    own, source = Changes(pixels=1, noise=2.0, contrast=0.5), generator(0, "test")
    levels = torch.tensor([[[[0, 1, 16], [3, 16, 2]]]])
    got = {name: change(levels, 17, own, source)[0, 0] for name, change in CHANGED.items()}
    assert tuple(CHANGED) == CHANGES
    assert got["shifted"].tolist() == [[0, 0, 1], [0, 3, 16]]
    assert got["inverted"].tolist() == [[16, 15, 0], [13, 0, 14]]
    assert got["faint"].tolist() == [[0, 1, 8], [2, 8, 1]]
    flat = torch.full((4000, 1, 1, 2), 8)
    noisy = CHANGED["noised"](flat, 17, own, source)
    assert noisy.dtype == torch.int64 and int(noisy.min()) >= 0 and int(noisy.max()) <= 16
    assert float(noisy.double().std()) == pytest.approx(math.sqrt(4 + 1 / 12), rel=0.03)


def levels_law(count: int, pixels: int) -> tuple[Tensor, Tensor, Mixture]:
    """A law over all images of so few pixels and levels, (S,), the images (S, 1, 1, D), and what
    denoises it exactly: points in space."""
    some = torch.cartesian_prod(*[torch.arange(count)] * pixels).view(-1, pixels)
    law = torch.softmax(torch.randn(len(some), generator=generator(3, "test")).double(), 0)
    nothing = torch.zeros(pixels, pixels)
    points = [Gaussian(centres(one, count), nothing) for one in some]
    return law, some.view(-1, 1, 1, pixels), Mixture(law, points)


def test_the_bound_is_the_entropy_on_average_where_the_denoiser_is_exact() -> None:
    """In continuous time, of two pixels of four levels; above -log p of each image."""
    law, images, exact = levels_law(4, 2)
    schedule = SCHEDULES["log-linear"](9.0, -10.0)
    many = images.repeat(200, 1, 1, 1)
    values = image_scores.bound(exact.predict, schedule, many, 4, 40, 0).view(200, -1)
    mean, error = values.mean(0), values.std(0) / math.sqrt(200)
    entropy = -float((law * law.log()).sum())
    assert float(law @ mean) == pytest.approx(entropy, abs=0.03)
    assert bool((mean + 4 * error > -law.log()).all())


def test_the_flow_gives_each_level_its_probability() -> None:
    """One pixel, where a probe is exact."""
    law, images, exact = levels_law(5, 1)
    schedule = SCHEDULES["log-linear"](8.0, -10.0)
    many = images.repeat(20, 1, 1, 1)
    values = image_scores.by_flow(exact.predict, schedule, many, 5, 80, 1, 0).view(20, -1)
    np.testing.assert_allclose(values.mean(0), -law.log(), atol=0.05)


def known(name: str = "digits") -> Known:
    images, labels = image_sets.part_of(name, BLOCK.split, "train")
    return Known(images, labels, 17, 10)


def test_a_vaes_score_is_that_of_quadrature() -> None:
    """One latent number, a fine grid of it."""
    own = BLOCK.digits.vae.model_copy(update={"latent": 1})
    models = BLOCK.digits.model_copy(update={"vae": own})
    net = image_scores.autoencoder(models, known(), 0, "test").double()
    x = known().images[:2]
    z = torch.linspace(-7, 7, 561, dtype=torch.float64)
    with torch.no_grad():
        each = torch.stack(
            [net.log_decoder(one[None].expand(len(z), -1, -1, -1), z[:, None]) for one in x], 1
        )
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z)[:, None]
    exact = torch.logsumexp(each + prior, 0) + math.log(0.025)
    got = image_scores.by_importance(net.float(), x, 1600, 0)
    np.testing.assert_allclose(got, -exact, atol=0.2)


def test_a_classifier_learns_what_it_is_shown() -> None:
    """Rows of light, one a class."""
    labels = torch.arange(10).repeat(20)
    images = torch.zeros(200, 1, 10, 4, dtype=torch.int64)
    images[torch.arange(200), 0, labels] = 16
    training = BLOCK.digits.classifier.training.model_copy(update={"steps": 150})
    own = BLOCK.digits.classifier.model_copy(update={"training": training})
    net = image_scores.classifier(own, Known(images, labels, 17, 10), 0, "test")
    log_p = image_scores.log_probabilities(net, images, 17)
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(200, dtype=torch.float64))
    assert bool((log_p.argmax(1) == labels).all())


def test_typicality_is_the_distance_from_the_usual_bound() -> None:
    score = {"bound": lambda x: x.double().flatten(1).sum(1)}
    score["vae"] = lambda x: 2 * x.double().flatten(1).sum(1)
    got = measure.scored(score, torch.tensor([[[[3]]], [[[8]]]]), {"bound": 5.0, "vae": 16.0})
    assert got["typicality"].tolist() == [2.0, 3.0]
    assert got["vae-typicality"].tolist() == [10.0, 0.0]


def test_the_digits_are_those_of_other_experiments() -> None:
    levels, labels = image_sets.part_of("digits", BLOCK.split, "test")
    assert torch.equal(levels, small_images.digits(BLOCK.split, "test"))
    assert labels.dtype == torch.int64 and len(labels) == len(levels)
    own, other = (measure.images_of(BLOCK, "digits", one, 0) for one in ("digits", "inverted"))
    assert torch.equal(own, levels[:5]) and torch.equal(other, 16 - levels[5:10])


def larger() -> dict:
    block = copy.deepcopy(TINY["detectors"])
    pairs = [["fashion-mnist14", "mnist14"], ["mnist14", "fashion-mnist14"]]
    return block | {"larger": {"pairs": pairs, "split": block["split"], "models": block["digits"]}}


def test_a_data_set_that_is_not_at_hand_is_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THREETARGETS_MIRROR", raising=False)
    monkeypatch.setenv("THREETARGETS_CACHE", str(tmp_path))
    image_sets._all.cache_clear()
    with pytest.raises(MissingInput, match="downloads nothing"):
        image_sets.part_of("mnist14", BLOCK.split, "test")
    monkeypatch.setenv("THREETARGETS_MIRROR", "http://127.0.0.1:1")
    with pytest.raises(MissingInput, match="downloads nothing"):
        image_sets.part_of("mnist14", BLOCK.split, "test")
    monkeypatch.setenv("THREETARGETS_MIRROR", str(tmp_path))
    with pytest.raises(MissingInput, match="lacks"):
        image_sets.part_of("mnist14", BLOCK.split, "test")


def test_data_sets_stand_against_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise in the place of the one, black in that of the other: seen by every likelihood."""

    def made(name: str) -> Arrays:
        shape = (70_000, 1, 14, 14) if name != "digits" else (1797, 1, 8, 8)
        images = np.zeros(shape, np.uint8)
        if name == "mnist14":
            images[::7] = np.random.default_rng(0).integers(0, 256, (10_000, 1, 14, 14))
            images = np.repeat(images[::7], 7, 0)
        return Arrays(images, np.arange(len(images)) % 10, [])

    monkeypatch.setattr(image_sets, "_all", made)
    got = measure.measure(Detectors.model_validate(larger()), 0, lambda line: None)
    values = {figure.metric: figure.value for figure in got.figures}
    assert values["bound/fashion-mnist14/mnist14"] > values["bound/fashion-mnist14/fashion-mnist14"]
    assert values["auc/fashion-mnist14/mnist14/bound"] == 1
    assert {"auc/mnist14/fashion-mnist14/vae", "gain/mnist14/fashion-mnist14/typicality"} <= set(
        values
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"digits": TINY["detectors"]["digits"] | {"images": 6}}, "at most half"),
        ({"larger": larger()["larger"] | {"pairs": [["mnist14", "digits"]]}}, "of one shape"),
        ({"larger": larger()["larger"] | {"pairs": [["mnist14", "mnist14"]]}}, "of one shape"),
        ({"larger": larger()["larger"] | {"pairs": [["mnist", "mnist14"]]}}, "a pair is of"),
    ],
)
def test_what_cannot_be_compared_is_refused(change: dict, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Detectors.model_validate(TINY["detectors"] | change)
