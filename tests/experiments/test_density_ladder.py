"""Mixtures against scikit-learn, densities against sums over all images, an energy and a ratio of
integrals against closed forms and brute force."""

from __future__ import annotations

import functools
import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError
from scipy import stats
from sklearn.mixture import GaussianMixture as Sklearn
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from threetargets.experiments.density_ladder import boltzmann, measure, mixtures, plane, ratio
from threetargets.experiments.density_ladder.mixtures import BernoulliMixture, GaussianMixture
from threetargets.experiments.density_ladder.nade import Nade
from threetargets.experiments.density_ladder.ratio import Codes
from threetargets.experiments.density_ladder.spec import SIZES, DensityLadder, Hidden, Plane
from threetargets.experiments.digit_sizes import PIXELS
from threetargets.streams import generator

BLOCK = DensityLadder.model_validate(TINY["density_ladder"])


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed, "test"))


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=generator(seed, "test"))


def images(pixels: int) -> Tensor:
    rows = list(itertools.product((0.0, 1.0), repeat=pixels))
    return torch.tensor(rows, dtype=torch.float64)


POINTS = torch.cat([normal(200, 2), 0.4 * normal(150, 2, seed=1) + torch.tensor([2.0, -1.0])])


def test_expectation_maximisation_is_scikit_learns() -> None:
    """From one start, after so many iterations: weights, means, covariances and densities."""
    start = mixtures.gaussian_start(POINTS, 3, generator(0, "test"))
    maximised = functools.partial(mixtures.gaussian_maximised, ridge=1e-6)
    for iterations in (1, 12):
        ours = mixtures.fitted(start, POINTS, maximised, iterations)
        theirs = Sklearn(
            3,
            tol=0.0,
            max_iter=iterations,
            weights_init=start.weights.numpy(),
            means_init=start.means.numpy(),
            precisions_init=torch.linalg.inv(start.covariances).numpy(),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs.fit(POINTS.numpy())
        np.testing.assert_allclose(ours.weights, theirs.weights_, rtol=1e-8)
        np.testing.assert_allclose(ours.means, theirs.means_, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(ours.covariances, theirs.covariances_, rtol=1e-6, atol=1e-9)
        log_p = mixtures.log_density(ours, POINTS)
        np.testing.assert_allclose(log_p, theirs.score_samples(POINTS.numpy()), rtol=1e-7)


def test_the_best_start_is_taken() -> None:
    def start(k: int) -> GaussianMixture:
        return mixtures.gaussian_start(POINTS, 3, generator(k, "test"))

    maximised = functools.partial(mixtures.gaussian_maximised, ridge=1e-6)
    best = mixtures.best_of(6, start, POINTS, maximised, 15)
    value = float(mixtures.log_density(best, POINTS).sum())
    every = [
        float(mixtures.log_density(mixtures.fitted(start(k), POINTS, maximised, 15), POINTS).sum())
        for k in range(6)
    ]
    assert value == max(every) > min(every)


def a_mixture(pixels: int) -> BernoulliMixture:
    return BernoulliMixture(torch.softmax(normal(3), 0), torch.sigmoid(2 * normal(3, pixels)))


def test_a_mixture_of_bernoullis_climbs_to_where_its_gradient_is_zero() -> None:
    """The sum of log p and of the logarithms that smoothing adds, by automatic differentiation; no
    iteration lowers it."""
    x, smoothing = a_mixture(5).draw(300, generator(0, "test")), 0.5

    def height(model: BernoulliMixture) -> Tensor:
        prior = model.weights.log().sum() + (model.means * (1 - model.means)).log().sum()
        return mixtures.log_density(model, x).sum() + smoothing * prior

    model = mixtures.bernoulli_start(x, 3, generator(1, "test"))
    maximised = functools.partial(mixtures.bernoulli_maximised, smoothing=smoothing)
    heights = [float(height(model))]
    for _ in range(1500):
        model = mixtures.fitted(model, x, maximised, 1)
        heights.append(float(height(model)))
    assert min(np.diff(heights)) > -1e-8 and heights[-1] > heights[0] + 10
    free = [model.weights.log().requires_grad_(), torch.logit(model.means).requires_grad_()]
    moved = BernoulliMixture(torch.softmax(free[0], 0), torch.sigmoid(free[1]))
    for slope in torch.autograd.grad(height(moved), free):
        assert float(slope.abs().max()) < 1e-3


def test_one_component_is_the_mean() -> None:
    x = a_mixture(5).draw(50, generator(0, "test"))
    start = mixtures.bernoulli_start(x, 1, generator(0, "test"))
    maximised = functools.partial(mixtures.bernoulli_maximised, smoothing=1.0)
    made = mixtures.fitted(start, x, maximised, 3)
    torch.testing.assert_close(made.means[0], (x.sum(0) + 1) / 52)
    assert float(made.weights) == pytest.approx(1.0)


def a_nade() -> Nade:
    net = Nade(6, 4).double().requires_grad_(False)
    for part in (net.into, net.out, net.visible, net.hidden):
        part.copy_(2 * normal(*part.shape, seed=part.numel()))
    return net


def test_every_density_of_images_sums_to_one() -> None:
    """Six pixels, all of their images."""
    every, machine = images(6), boltzmann.Machine(normal(4, 6), normal(6), normal(4, seed=2))
    log_p = {
        "mixture": mixtures.log_density(a_mixture(6), every),
        "machine": -machine.free_energy(every) - machine.log_partition(),
        "nade": a_nade().log_prob(every),
    }
    for name, values in log_p.items():
        assert float(values.exp().sum()) == pytest.approx(1.0, rel=1e-10), name
        assert float(values.exp().max()) < 0.9


def test_draws_have_the_density() -> None:
    """Frequencies of all images within five standard errors."""
    every, count = images(6), 60_000
    net, mixture = a_nade(), a_mixture(6)
    pairs = (
        (net.log_prob(every), net.float().draw(count, generator(0, "test"))),
        (mixtures.log_density(mixture, every), mixture.draw(count, generator(0, "test"))),
    )
    for log_p, drawn in pairs:
        place = drawn.long() @ 2 ** torch.arange(5, -1, -1)
        seen = torch.bincount(place, minlength=64) / count
        p = log_p.exp().clamp(min=1e-9)
        assert float(((seen - p).abs() / (p * (1 - p) / count).sqrt().clamp(min=2e-5)).max()) < 5


def test_a_pixel_is_told_by_those_before_it_alone() -> None:
    net, v = a_nade(), uniform(3, 6).requires_grad_()
    for pixel in range(6):
        (slope,) = torch.autograd.grad(net.logits(v)[:, pixel].sum(), v)
        assert bool((slope[:, pixel:] == 0).all()) and bool((slope[:, :pixel] != 0).all())


def test_models_of_a_size_have_about_as_many_parameters() -> None:
    """Counted in the models themselves; the study's two sizes."""
    hidden = Hidden(counted=12, annealed=64)
    for size in SIZES:
        machine = boltzmann.begun(torch.zeros(5, PIXELS), hidden.of(size), generator(0, "test"))
        own = sum(part.numel() for part in (machine.weight, machine.visible, machine.hidden))
        components = hidden.components(size)
        assert own == components * PIXELS + components - 1
        net = sum(part.numel() for part in Nade(PIXELS, hidden.units(size)).parameters())
        assert abs(net / own - 1) < 0.02
        for model, wanted in (("pcd", own), ("mixture", own), ("nade", net)):
            assert hidden.parameters(model, size) == wanted


MATRIX = torch.tensor([[1.5, 0.4], [0.4, 0.7]], dtype=torch.float64)


def test_divergences_on_the_plane_are_closed_forms() -> None:
    """Of two Gaussians, the second without its constant."""
    far = plane.grid(plane.FAR, plane.FINE)
    first = MultivariateNormal(torch.tensor([0.3, -0.2]).double(), 0.2 * torch.eye(2).double())
    second = MultivariateNormal(torch.zeros(2).double(), MATRIX)
    log_p, log_f = first.log_prob(far), second.log_prob(far) + 3.7
    assert float(plane.log_integral(log_f, plane.FINE)) == pytest.approx(3.7, abs=1e-9)
    got = plane.divergence(log_p, log_f, plane.FINE)
    assert got == pytest.approx(float(kl_divergence(first, second)), rel=1e-9)
    coarse = first.log_prob(plane.grid(plane.REACH, plane.CELL))
    assert float(plane.log_integral(coarse, plane.CELL)) == pytest.approx(0.0, abs=1e-6)


def test_the_law_of_the_plane_is_scipys() -> None:
    x, values, own = normal(9, 2), 0.0, BLOCK.plane
    for weight, mean, spread in zip(own.weights, own.means, own.spreads, strict=True):
        values = values + weight * stats.multivariate_normal(mean, spread**2).pdf(x.numpy())
    np.testing.assert_allclose(plane.law(BLOCK.plane).log_density(x), np.log(values), rtol=1e-9)


@pytest.mark.parametrize("how", ["likelihood", "hyvarinen", "sliced"])
def test_every_training_of_an_energy_comes_to_a_gaussian(how: str) -> None:
    """Data of N(0, 0.36 I); the energy begins at a deviation of 2."""
    own = TINY["density_ladder"]["plane"]
    fit = {"steps": 200, "batch": 200, "learning_rate": 0.01, "warmup_steps": 5}
    training = fit | {"ema_halflife_images": 5000}
    chosen = Plane.model_validate(own | {"width": 16, "training": training})
    block = BLOCK.model_copy(update={"plane": chosen})
    net = measure.energy(block, 0.6 * normal(4000, 2).float(), how, 0).double()
    far = plane.grid(plane.FAR, plane.FINE)
    law = MultivariateNormal(torch.zeros(2).double(), 0.36 * torch.eye(2).double())
    assert plane.divergence(law.log_prob(far), net(far), plane.FINE) < 0.05


CODES = Codes(torch.softmax(normal(3), 0), normal(3, 4, seed=1))
X = (uniform(5, 4) < 0.5).double()


def _log_mean(logits: Tensor, x: Tensor, z: tuple[int, ...]) -> Tensor:
    """log 1/k sum_j p(x | z_j) of one x."""
    on = torch.sigmoid(logits[list(z)])
    return torch.where(x > 0, on, 1 - on).prod(1).mean().log()


@pytest.mark.parametrize("draws", [1, 2, 4])
def test_the_mean_gradient_is_that_over_all_sequences_of_draws(draws: int) -> None:
    """3^k of them for each x, each differentiated for itself."""
    logits = CODES.logits.clone().requires_grad_()
    mean, variance = torch.zeros(3, 4).double(), 0.0
    for x in X:
        own, square = torch.zeros(3, 4).double(), 0.0
        for z in itertools.product(range(3), repeat=draws):
            chance = float(CODES.prior[list(z)].prod())
            (slope,) = torch.autograd.grad(_log_mean(logits, x, z), logits)
            own, square = own + chance * slope, square + chance * float(slope.square().sum())
        mean += own / len(X)
        variance += (square - float(own.square().sum())) / len(X) ** 2
    got, spread = CODES.by_draws(X, draws)
    torch.testing.assert_close(got, mean)
    assert spread == pytest.approx(variance, rel=1e-9)


def test_the_exact_gradient_is_that_of_log_p() -> None:
    logits = CODES.logits.clone().requires_grad_()
    each = [[p.log() + _log_mean(logits, x, (z,)) for z, p in enumerate(CODES.prior)] for x in X]
    log_p = torch.stack([torch.logsumexp(torch.stack(row), 0) for row in each]).mean()
    (wanted,) = torch.autograd.grad(log_p, logits)
    torch.testing.assert_close(CODES.exact(X), wanted)
    far, _ = CODES.by_draws(X, 256)
    near, _ = CODES.by_draws(X, 16)
    assert float((far - wanted).norm()) < float((near - wanted).norm()) / 12


def test_all_ways_to_draw_are_counted() -> None:
    rows = ratio.counts(5, 3)
    assert rows.shape == (math.comb(7, 2), 3) and len({tuple(r.tolist()) for r in rows}) == 21
    assert bool((rows.sum(1) == 5).all()) and float(rows.min()) == 0


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("ratio", {"first": 8}, "first leaves at least two"),
        ("plane", {"spreads": [0.4]}, "as many weights as means"),
        ("hidden", {"counted": 3, "annealed": 60}, "begins at training images"),
    ],
)
def test_what_cannot_be_measured_is_refused(part: str, change: dict, words: str) -> None:
    values = TINY["density_ladder"]
    with pytest.raises(ValidationError, match=words):
        DensityLadder.model_validate(values | {part: values[part] | change})
