"""x_0 in other coordinates against closed forms, ranks and scipy; what decoding a mean costs
against quadrature and draws; the two losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError
from scipy.integrate import quad
from scipy.stats import kstest, norm, rankdata, truncnorm

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.schedule import Cosine, LogLinear, Table, table
from threetargets.diffusion.target import Prediction
from threetargets.experiments import small_images
from threetargets.experiments.digit_sizes import LEVELS
from threetargets.experiments.normal_targets import decoded_mean, measure
from threetargets.experiments.normal_targets.encodings import (
    Scores,
    from_normal,
    normal_scores,
    whitened,
)
from threetargets.experiments.normal_targets.spec import CASES, EPS, Case, NormalTargets
from threetargets.levels import centres
from threetargets.oracles import Gaussian
from threetargets.streams import generator

BLOCK = NormalTargets.model_validate(TINY["normal_targets"])
TRAIN = small_images.digits(BLOCK.split, "train")
KNOWN = measure.encodings(TRAIN, BLOCK.smoothing)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed, "test"))


X0 = normal(500, 4) @ normal(4, 4, seed=1) + normal(4, seed=2)


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_whitening_gives_the_identity(ridge: float) -> None:
    """As covariance of what is whitened with noise of variance `ridge` on it; the matrix is
    symmetric, and the length of z is Mahalanobis's distance."""
    own = whitened(X0, ridge)
    z = own.encode(X0)
    covariance = np.cov(z.T, bias=True) + ridge * (own.inverse @ own.inverse).numpy()
    np.testing.assert_allclose(covariance, np.eye(4), atol=1e-10)
    torch.testing.assert_close(own.inverse, own.inverse.T)
    centred = (X0 - X0.mean(0)).numpy()
    regular = np.cov(X0.T, bias=True) + ridge * np.eye(4)
    squares = (centred * np.linalg.solve(regular, centred.T).T).sum(1)
    np.testing.assert_allclose(z.square().sum(1), squares)


def test_a_singular_covariance_takes_a_ridge() -> None:
    with pytest.raises(ValueError, match="ridge"):
        whitened(X0[:, :1].expand(-1, 2) * 0, 0.0)


@pytest.mark.parametrize("log_snr", [-4.0, 0.0, 5.0])
def test_through_the_whitened_target_comes_the_posterior_mean(log_snr: float) -> None:
    """Gaussian data: E[z | x_t] by conditioning the joint law of (z, x_t), read as a network's
    output, is the oracle's E[x_0 | x_t]."""
    data = Gaussian(X0.mean(0), torch.cov(X0.T, correction=0))
    own = whitened(X0, 0.1)
    level = torch.tensor(log_snr, dtype=torch.float64)
    a, s = signal_noise(level)
    x_t = normal(7, 4, seed=3)
    both = a * own.inverse @ data.covariance
    gain = torch.linalg.solve(a**2 * data.covariance + s**2 * torch.eye(4).double(), both.T)
    z = (x_t - a * data.mean) @ gain
    got = measure.read("whitened", {"whitened": own}, z, x_t, a, s)
    wanted = data.predict(x_t, level)
    torch.testing.assert_close(got.x0, wanted.x0)
    torch.testing.assert_close(got.eps, wanted.eps)


@pytest.mark.parametrize("target", KNOWN)
def test_the_way_back_is_the_inverse(target: str) -> None:
    """On all levels, of pixels that never have them in training, too; beyond the last score it goes
    on, and its slope is that of differences."""
    levels = torch.arange(LEVELS).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    x0, own = centres(levels, LEVELS).double(), KNOWN[target]
    torch.testing.assert_close(own.decode(own.encode(x0)), x0, atol=1e-6, rtol=0)
    far = (own.encode(x0) + 0.013).requires_grad_(True)
    ones = torch.ones_like(far)
    (slope,) = torch.autograd.grad(own.decode(far), far, ones)
    step = (own.decode(far + 1e-6) - own.decode(far - 1e-6)) / 2e-6
    torch.testing.assert_close(slope, step, atol=1e-6, rtol=1e-4)
    assert target == "whitened" or bool((slope > 0).all())


def test_scores_are_means_of_quantiles_by_rank() -> None:
    """Against scipy's truncated normal law, and against ranks with ties broken at random."""
    share = np.array([0.45, 0.3, 0.05, 0.2])
    levels = torch.from_numpy(np.repeat(np.arange(4), (share * 40_000).astype(int)))[:, None]
    own = normal_scores(levels, 4, 1e-9)
    edges = norm.ppf(np.concatenate([[0], share.cumsum().clip(max=1)]))
    wanted = truncnorm.mean(edges[:-1], edges[1:])
    np.testing.assert_allclose(own.scores[0], wanted, atol=1e-6)
    jitter = np.random.default_rng(0).random(len(levels))
    ranks = rankdata(levels[:, 0].numpy() + 0.5 * jitter)
    z = norm.ppf((ranks - 0.5) / len(ranks))
    means = [z[(levels[:, 0] == k).numpy()].mean() for k in range(4)]
    np.testing.assert_allclose(own.scores[0], means, atol=1e-3)


def test_the_smoothing_is_images_of_each_level() -> None:
    more = torch.arange(LEVELS).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    torch.testing.assert_close(
        normal_scores(TRAIN, LEVELS, 2.0).law,
        normal_scores(torch.cat([TRAIN, more, more]), LEVELS, 1e-12).law,
    )


def test_drawn_ties_are_normal_and_agree_with_the_scores() -> None:
    levels = torch.tensor([0, 0, 0, 1, 1, 2]).repeat(10_000)[:, None]
    own = normal_scores(levels, 3, 1e-9)
    x0 = centres(levels, 3).double()
    z = own.drawn(x0, generator(0, "test"))
    assert kstest(z[:, 0].numpy(), "norm").pvalue > 0.01
    for k in range(3):
        mean = float(z[levels == k].mean())
        assert mean == pytest.approx(float(own.scores[0, k]), abs=0.02)
    assert from_normal(z) < 0.02 < 0.2 < from_normal(own.encode(x0))
    assert from_normal(normal(20_000, 1) * 3 + 5) < 0.02


def test_three_points_are_as_far_from_normal_as_their_quantiles() -> None:
    """At -1, 0 and 1 after scaling, against the middles of three equal shares of N(0, 1)."""
    z = torch.tensor([[7.0], [1.0], [4.0]])
    assert from_normal(z) == pytest.approx(2 * (1 - norm.ppf(5 / 6)) / 3)


def test_what_does_not_vary_has_no_distance_from_normal() -> None:
    z = normal(50, 2)
    z[:, 0] = 1.0
    assert from_normal(z) == pytest.approx(from_normal(z[:, 1:]))


LAW = torch.tensor([[0.5, 0.1, 0.1, 0.3], [0.2, 0.2, 0.5, 0.1]], dtype=torch.float64)


@pytest.mark.parametrize("log_snr", [-3.0, 1.0, 4.0])
def test_errors_of_both_means_are_those_of_quadrature(log_snr: float) -> None:
    own = Scores(LAW)
    path = Table(torch.tensor([math.inf, log_snr], dtype=torch.float64))
    got = decoded_mean.errors(own, path)
    a, s = (float(v) for v in signal_noise(path.log_snr[1]))
    x0 = centres(torch.arange(4), 4).double().numpy()
    best, decoded = [], []
    for law, scores in zip(LAW.numpy(), own.scores.numpy(), strict=True):

        def error(x: float, way: int, law: np.ndarray = law, scores: np.ndarray = scores) -> float:
            joint = law * norm.pdf(x, a * x0, s)
            mean = joint @ x0 / joint.sum()
            there = np.interp(joint @ scores / joint.sum(), scores, x0)
            return float(joint @ (x0 - (mean, there)[way]) ** 2)

        span = {"limit": 500, "points": (a * x0).tolist()}
        ends = (a * x0[0] - 8 * s, a * x0[-1] + 8 * s)
        for way, into in enumerate((best, decoded)):
            into.append(quad(error, *ends, args=(way,), **span)[0])
    assert float(got.best[0]) == pytest.approx(np.mean(best), rel=1e-4)
    assert float(got.decoded[0]) == pytest.approx(np.mean(decoded), rel=1e-4)
    assert log_snr > 1 or float(got.decoded[0]) > 1.001 * float(got.best[0])


def test_between_two_levels_nothing_is_lost() -> None:
    path = table(Cosine(6.0, -6.0), 5)
    lost = decoded_mean.errors(Scores(torch.tensor([[0.7, 0.3]], dtype=torch.float64)), path)
    torch.testing.assert_close(lost.best, lost.decoded)
    assert abs(lost.bits) < 1e-9


def test_the_bits_are_those_of_bounds_of_drawn_images() -> None:
    """Pixels drawn each by its own histogram; both exact predictors under the experiment's own
    bound."""
    scores = KNOWN["gaussianised"]
    assert isinstance(scores, Scores)
    path, source = table(LogLinear(7.0, -5.0), 12), generator(0, "test")
    drawn = torch.multinomial(scores.law, 1200, replacement=True, generator=source)
    images = drawn.T.reshape(-1, 1, 8, 8)
    each = centres(torch.arange(LEVELS), LEVELS).double()

    def by(coordinates: torch.Tensor, back) -> measure.Predictor:
        def at(x_t: torch.Tensor, log_snr: torch.Tensor) -> Prediction:
            a, s = signal_noise(log_snr)
            log_p = scores.law.log() - 0.5 * ((x_t.flatten(1)[..., None] - a * each) / s) ** 2
            mean = (log_p.softmax(-1) * coordinates).sum(-1).view_as(x_t)
            return Prediction(back(mean), x_t)

        return at

    pair = (by(scores.scores, scores.decode), by(each, lambda mean: mean))
    (other, _), (best, _) = (measure.bound(p, path, images[:600], images[600:], 0) for p in pair)
    apart = other - best
    error = float(apart.std()) / math.sqrt(len(apart))
    bits = decoded_mean.errors(scores, path).bits
    assert bits > 0.003 and float(apart.mean()) == pytest.approx(bits, abs=4 * error + 1e-3)


def test_the_variances_are_those_of_other_images() -> None:
    """What always says grey, of images that are grey and of digits: the variances of the former
    are too narrow for the latter, and of no images better than their own."""

    def grey(x_t: torch.Tensor, log_snr: torch.Tensor) -> Prediction:
        return Prediction(torch.zeros_like(x_t), x_t)

    path, plain = table(Cosine(5.0, -5.0), 4), torch.full_like(TRAIN[:20], LEVELS // 2)
    narrow, own = (measure.bound(grey, path, fit, TRAIN[:20], 0)[0] for fit in (plain, TRAIN[:20]))
    assert float(narrow.mean()) > 2 * float(own.mean())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_losses_of_a_network_that_says_nothing(case: Case) -> None:
    """One image at every noise level once: of eps^, SNR times the error of x0^; in its own
    coordinates the square of what is to be said."""
    path = table(Cosine(3.0, -3.0), 8)
    image = TRAIN[:1].expand(512, -1, -1, -1)
    net = measure.Denoiser((1, 8, 8), 1, 8, 1)
    sources = (generator(0, "test"), generator(1, "test"))
    got = float(measure.loss(net, case, KNOWN, path, image, sources).detach())
    x0 = centres(TRAIN[:1], LEVELS).double()
    if case.target == EPS:
        assert got == pytest.approx(1.0, abs=0.03)
    elif case.loss == "own":
        ties = generator(1, "test")
        every = measure.encoded(case.target, KNOWN, x0.expand(512, -1, -1, -1), ties)
        assert got == pytest.approx(float(every.square().mean()), rel=1e-4)
    else:
        apart = KNOWN[case.target].decode(torch.zeros_like(x0)) - x0
        snr = float(torch.exp(path.log_snr[1:]).mean())
        assert got == pytest.approx(snr * float(apart.square().mean()), rel=1e-4)


def test_more_images_to_fit_than_there_are_is_refused() -> None:
    values = TINY["normal_targets"]
    with pytest.raises(ValidationError, match="at most"):
        NormalTargets.model_validate(values | {"fit_images": 1 + values["split"]["train"]})
