"""Guidance on a mixture whose noisy classifier is exact, and on a small network."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm
from torch import nn

from threetargets.diffusion.guidance import (
    by_classifier,
    classifier_free,
    conditional,
    log_probability_gradient,
    of_eps,
)
from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.predictor import clipped, predict
from threetargets.diffusion.sampler import ddim, heun, sample
from threetargets.diffusion.schedule import SCHEDULES, table
from threetargets.diffusion.target import TARGETS
from threetargets.networks import mlp
from threetargets.oracles import Gaussian, Mixture

GAMMAS = [0.0, 0.5, 1.0, 2.0, 5.0]
LEVELS = [-6.0, -1.0, 1.0, 5.0]
PLANE = Mixture(
    torch.tensor([0.3, 0.5, 0.2]),
    [
        Gaussian(torch.tensor(m), torch.tensor(c))
        for m, c in (
            ([-0.6, 0.1], [[0.05, 0.02], [0.02, 0.04]]),
            ([0.5, 0.4], [[0.03, -0.01], [-0.01, 0.06]]),
            ([0.1, -0.7], [[0.08, 0.0], [0.0, 0.02]]),
        )
    ],
)
HUMPS = Mixture(
    torch.tensor([0.5, 0.5]),
    [Gaussian(torch.tensor([m]), torch.tensor([[0.16]])) for m in (-0.3, 0.3)],
)


def level(value):
    return torch.tensor(value, dtype=torch.float64)


def batch(count=9, dims=2, seed=0):
    x = torch.randn(count, dims, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x, torch.arange(count) % PLANE.null


@pytest.mark.parametrize("log_snr", LEVELS)
def test_the_classifiers_gradient_is_the_difference_of_scores(log_snr):
    """Autograd through p(y | x_t), against s_c - s_u in closed form."""
    x, labels = batch()
    found = log_probability_gradient(PLANE.classify, labels, x, level(log_snr))
    torch.testing.assert_close(
        found, PLANE.classify_gradient(x, level(log_snr), labels), rtol=1e-10, atol=1e-10
    )
    scores = torch.stack(
        [
            PLANE.components[int(k)].score(x[i : i + 1], level(log_snr))[0]
            for i, k in enumerate(labels)
        ]
    )
    torch.testing.assert_close(
        found, scores - PLANE.score(x, level(log_snr)), rtol=1e-10, atol=1e-10
    )
    assert not found.requires_grad


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("log_snr", LEVELS)
def test_both_guidances_have_the_score_of_one_axis(gamma, log_snr):
    """-eps / s is score_u + gamma (score_c - score_u)."""
    x, labels = batch()
    _, s = signal_noise(level(log_snr))
    own = torch.stack(
        [
            PLANE.components[int(k)].score(x[i : i + 1], level(log_snr))[0]
            for i, k in enumerate(labels)
        ]
    )
    unconditional = PLANE.score(x, level(log_snr))
    wanted = unconditional + gamma * (own - unconditional)
    for guided in (
        classifier_free(PLANE.conditional, labels, PLANE.null, gamma),
        by_classifier(PLANE.conditional, PLANE.classify, labels, PLANE.null, gamma),
    ):
        found = guided(x, level(log_snr))
        torch.testing.assert_close(-found.eps / s, wanted, rtol=1e-9, atol=1e-9)
        a, _ = signal_noise(level(log_snr))
        torch.testing.assert_close(a * found.x0 + s * found.eps, x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_both_guidances_follow_the_same_path(gamma):
    x, labels = batch(12, seed=1)
    labels = torch.arange(12) % PLANE.null
    process = table(SCHEDULES["cosine"](9.0, -9.0), 40)
    for step in (ddim(0.0), heun()):
        paths = []
        for guided in (
            classifier_free(PLANE.conditional, labels, PLANE.null, gamma),
            by_classifier(PLANE.conditional, PLANE.classify, labels, PLANE.null, gamma),
        ):
            states = []

            def recorded(*arguments, step=step, states=states):
                states.append(step(*arguments))
                return states[-1]

            sample(guided, recorded, process, x, lambda: None)
            paths.append(torch.stack(states))
        torch.testing.assert_close(paths[0], paths[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("log_snr", LEVELS)
def test_gamma_zero_and_one_are_exactly_the_two_branches(log_snr):
    x, labels = batch()
    nothing, own = (
        PLANE.conditional(x, level(log_snr), labels * 0 + PLANE.null),
        PLANE.conditional(x, level(log_snr), labels),
    )
    guided = [
        classifier_free(PLANE.conditional, labels, PLANE.null, g)(x, level(log_snr)).eps
        for g in (0.0, 1.0)
    ]
    assert torch.equal(guided[0], nothing.eps) and torch.equal(guided[1], own.eps)

    def broken(x_t, log_snr):
        raise AssertionError("at gamma = 0 the classifier is not asked")

    zero = by_classifier(PLANE.conditional, broken, labels, PLANE.null, 0.0)(x, level(log_snr)).eps
    assert torch.equal(zero, nothing.eps)
    bound = conditional(PLANE.conditional, labels)(x, level(log_snr))
    assert torch.equal(bound.eps, own.eps) and torch.equal(bound.x0, own.x0)


def drawn(label, gamma, count=3000, steps=60):
    """Samples of HUMPS from its own marginal at T, guided to a label."""
    process = table(SCHEDULES["cosine"](9.0, -9.0), steps)
    x0, _ = HUMPS.draw(count, torch.Generator().manual_seed(7))
    z = torch.randn(count, 1, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    x = process.a[-1] * x0 + process.s[-1] * z
    guided = by_classifier(
        HUMPS.conditional, HUMPS.classify, torch.full((count,), label), HUMPS.null, gamma
    )
    return sample(guided, heun(), process, x, lambda: None)[:, 0].numpy()


@pytest.mark.parametrize("label, mean", [(0, -0.3), (1, 0.3)])
def test_gamma_one_samples_the_component(label, mean):
    found = drawn(label, 1.0)
    assert kstest(found, norm(mean, 0.4).cdf).pvalue > 0.01
    assert found.mean() == pytest.approx(mean, abs=3 * 0.4 / math.sqrt(len(found)))


def test_gamma_zero_samples_the_mixture():
    def cdf(x):
        return 0.5 * norm.cdf(x, -0.3, 0.4) + 0.5 * norm.cdf(x, 0.3, 0.4)

    assert kstest(drawn(0, 0.0), cdf).pvalue > 0.01


def test_gamma_above_one_does_not_sample_the_tilted_density():
    """p(x) p(y | x)^gamma, normalised on a grid, is not where guidance arrives (claim
    guidance-tilt).

    Kolmogorov's distance is 0.04 for a sample of this size at the 1% level; what is found is
    several times that.
    """
    gamma, grid = 4.0, np.linspace(-4, 4, 8001)
    joint = HUMPS.log_joint(torch.tensor(grid[:, None]))
    tilted = np.exp((torch.logsumexp(joint, 1) + gamma * torch.log_softmax(joint, 1)[:, 1]).numpy())
    cdf = np.cumsum(tilted) / tilted.sum()
    found = drawn(1, gamma)
    tilt_mean = (grid * tilted).sum() / tilted.sum()
    distance = kstest(found, lambda x: np.interp(x, grid, cdf)).statistic
    assert distance > 0.1
    assert found.mean() > tilt_mean + 0.05 > 0.35


# A network in the place of the exact model.


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    net = mlp.Denoiser((1, 2, 2), 3, 16, 2).eval()
    nn.init.normal_(net.last.weight, std=0.3)
    return net


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("gamma", GAMMAS)
def test_one_pass_of_two_batches_is_two_passes(network, target, gamma):
    """And guidance acts alike in the space of eps, x0, score or v: they are affine in each
    other."""

    def model(x_t, log_snr, labels):
        return predict(network, TARGETS[target], x_t, log_snr, labels)

    x = torch.randn(6, 1, 2, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    labels, log_snr = torch.tensor([0, 1, 2, 0, 1, 2]), level(0.4)
    a, s = signal_noise(log_snr)
    given, nothing = (
        TARGETS[target].encode(*model(x, log_snr, y), a, s)
        for y in (labels, torch.full_like(labels, 3))
    )
    expected = TARGETS[target].decode(nothing + gamma * (given - nothing), x, a, s)
    with torch.no_grad():
        found = classifier_free(model, labels, 3, gamma)(x, log_snr)
    torch.testing.assert_close(found.eps, expected.eps, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.x0, expected.x0, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("log_snr", LEVELS)
def test_clipping_comes_last_and_keeps_the_pair_consistent(log_snr):
    x, labels = batch(seed=3)
    x = 3 * x
    a, s = signal_noise(level(log_snr))
    free = classifier_free(PLANE.conditional, labels, PLANE.null, 5.0)
    before, after = free(x, level(log_snr)), clipped(free)(x, level(log_snr))
    assert float(before.x0.abs().max()) > 1 and float(after.x0.abs().max()) == 1
    inside = before.x0.abs() <= 1
    torch.testing.assert_close(after.x0[inside], before.x0[inside], rtol=0, atol=0)
    torch.testing.assert_close(after.x0[~inside], before.x0[~inside].sign(), rtol=0, atol=0)
    torch.testing.assert_close(a * after.x0 + s * after.eps, x, rtol=0, atol=1e-12)


def test_clipping_to_other_bounds():
    x, labels = batch(seed=3)
    found = clipped(conditional(PLANE.conditional, labels), -0.25, 0.5)(x, level(2.0)).x0
    assert float(found.min()) == -0.25 and float(found.max()) == 0.5


@pytest.mark.parametrize("log_snr", LEVELS)
def test_of_eps_is_a_pair(log_snr):
    x, eps = batch(seed=4)[0], batch(seed=5)[0]
    a, s = signal_noise(level(log_snr))
    pair = of_eps(eps, x, level(log_snr))
    torch.testing.assert_close(a * pair.x0 + s * pair.eps, x, rtol=0, atol=1e-12)
    assert pair.eps is eps
