"""Guidance beyond the notes, on densities whose every score is known: an interval, a weaker model,
and a classifier that has never seen noise."""

import math

import pytest
import torch
from diffusion.test_guidance import GAMMAS, LEVELS, PLANE, batch, level

from threetargets.diffusion.guidance import (
    GUIDANCES,
    Parts,
    autoguided,
    by_classifier,
    classifier_free,
    conditional,
    in_interval,
)
from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.sampler import heun, sample
from threetargets.diffusion.schedule import SCHEDULES, table
from threetargets.oracles import Gaussian

EVERYWHERE, NOWHERE = (-math.inf, math.inf), (1.0, 1.0)
STRONG = Gaussian(torch.tensor([0.3, -0.2]), torch.tensor([[0.05, 0.02], [0.02, 0.04]]))
WEAK = Gaussian(torch.tensor([-0.1, 0.4]), torch.tensor([[0.3, -0.1], [-0.1, 0.2]]))


def without_labels(density):
    return lambda x_t, log_snr, labels: density.predict(x_t, log_snr)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("log_snr", LEVELS)
def test_an_interval_of_all_levels_is_classifier_free_and_of_none_is_the_model(gamma, log_snr):
    """To the bit, at the ends of the interval too, of which the lower one alone belongs to it."""
    x, labels = batch()
    free = classifier_free(PLANE.conditional, labels, PLANE.null, gamma)(x, level(log_snr))
    own = PLANE.conditional(x, level(log_snr), labels)
    above, below = (log_snr, log_snr + 1.0), (log_snr - 1.0, log_snr)
    for ends, same in ((EVERYWHERE, free), (NOWHERE, own), (above, free), (below, own)):
        guided = in_interval(PLANE.conditional, labels, PLANE.null, gamma, ends)
        pair = guided(x, level(log_snr))
        assert torch.equal(pair.eps, same.eps) and torch.equal(pair.x0, same.x0)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("log_snr", LEVELS)
def test_a_model_that_is_its_own_weak_one_is_the_model(gamma, log_snr):
    x, labels = batch()
    own = PLANE.conditional(x, level(log_snr), labels)
    pair = autoguided(PLANE.conditional, PLANE.conditional, labels, gamma)(x, level(log_snr))
    assert torch.equal(pair.eps, own.eps)
    torch.testing.assert_close(pair.x0, own.x0, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("log_snr", LEVELS)
def test_a_weak_model_without_labels_is_classifier_free(gamma, log_snr):
    x, labels = batch()

    def unlabelled(x_t, noise_level, given):
        return PLANE.conditional(x_t, noise_level, torch.full_like(given, PLANE.null))

    free = classifier_free(PLANE.conditional, labels, PLANE.null, gamma)(x, level(log_snr))
    pair = autoguided(PLANE.conditional, unlabelled, labels, gamma)(x, level(log_snr))
    torch.testing.assert_close(pair.eps, free.eps, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 1.3])
@pytest.mark.parametrize("log_snr", LEVELS)
def test_autoguidance_tilts_each_noisy_gaussian_exactly(gamma, log_snr):
    """p_strong^gamma p_weak^(1 - gamma) at one noise level is a Gaussian again: its precision is
    that mean of the two, by matrix inverses, where the oracle works in an eigenbasis."""
    x, labels = batch()
    a, s = signal_noise(level(log_snr))
    eye = torch.eye(2, dtype=torch.float64)
    precision, weighted = torch.zeros_like(eye), torch.zeros(2, dtype=torch.float64)
    for share, one in ((gamma, STRONG), (1 - gamma, WEAK)):
        inverse = torch.linalg.inv(a**2 * one.covariance + s**2 * eye)
        precision, weighted = (
            precision + share * inverse,
            weighted + share * inverse @ (a * one.mean),
        )
    tilted = Gaussian(torch.linalg.solve(precision, weighted), torch.linalg.inv(precision))
    guided = autoguided(without_labels(STRONG), without_labels(WEAK), labels, gamma)
    pair = guided(x, level(log_snr))
    torch.testing.assert_close(-pair.eps / s, tilted.score(x), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(a * pair.x0 + s * pair.eps, x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
def test_autoguidance_samples_the_geometric_mean_of_variances(gamma):
    """Its flow of two Gaussians of one mean is solved by hand: with y = x / a and sigma = s / a,
    y grows as (v + sigma^2)^(1/2), each to the power of its share. (The tilt of the data itself
    has the harmonic mean.)"""
    strong, weak = 0.09, 0.25
    models = [
        without_labels(Gaussian(torch.tensor([0.2]), torch.tensor([[v]]))) for v in (strong, weak)
    ]
    process = table(SCHEDULES["cosine"](14.0, -9.0), 150)
    a, s = process.a[-1], process.s[-1]
    start = torch.tensor([[-1.0], [0.4], [1.5]], dtype=torch.float64)
    guided = autoguided(*models, torch.zeros(3, dtype=torch.int64), gamma)
    drawn = sample(guided, heun(), process, start, lambda: None)
    sigma2 = float((s / a) ** 2)
    shrink = (strong / (strong + sigma2)) ** (gamma / 2)
    shrink *= (weak / (weak + sigma2)) ** ((1 - gamma) / 2)
    torch.testing.assert_close(drawn, 0.2 + (start / a - 0.2) * shrink, rtol=5e-3, atol=5e-4)


@pytest.mark.parametrize("log_snr", LEVELS)
def test_a_classifier_of_clean_images_adds_its_own_gradient_whatever_the_noise(log_snr):
    """Of a mixture, in closed form; the exact classifier's differs from it, the more the more noise
    there is."""
    x, labels = batch()
    s = signal_noise(level(log_snr))[1]
    clean = by_classifier(
        PLANE.conditional, lambda x_t, _: PLANE.classify(x_t), labels, PLANE.null, 2.0
    )
    nothing = PLANE.conditional(x, level(log_snr), labels * 0 + PLANE.null).eps
    gradient = (nothing - clean(x, level(log_snr)).eps) / (2.0 * s)
    own = PLANE.classify_gradient(x, level(math.inf), labels)
    torch.testing.assert_close(gradient, own, rtol=1e-8, atol=1e-8)
    exact = PLANE.classify_gradient(x, level(log_snr), labels)
    assert float((own - exact).norm() / own.norm()) > (0.8 if log_snr < 0 else 0.0)


def parts(labels, gamma):
    """An exact classifier, a weak model and an interval that begins in the middle."""
    return Parts(
        model=PLANE.conditional,
        null=PLANE.null,
        labels=labels,
        gamma=gamma,
        classifier=PLANE.classify,
        weak=lambda x_t, log_snr, given: WEAK.predict(x_t, log_snr),
        ends=(0.0, 3.0),
    )


@pytest.mark.parametrize("kind", GUIDANCES)
@pytest.mark.parametrize("log_snr", LEVELS)
def test_every_kind_is_the_model_at_gamma_one_and_its_weak_side_at_zero(kind, log_snr):
    x, labels = batch()
    one, zero = (GUIDANCES[kind].build(parts(labels, g))(x, level(log_snr)).eps for g in (1.0, 0.0))
    own = conditional(PLANE.conditional, labels)(x, level(log_snr)).eps
    torch.testing.assert_close(one, own, rtol=1e-9, atol=1e-9)
    nothing = PLANE.conditional(x, level(log_snr), labels * 0 + PLANE.null).eps
    weak = {
        "interval": nothing if 0.0 <= log_snr < 3.0 else own,
        "autoguidance": WEAK.predict(x, level(log_snr)).eps,
    }
    assert torch.equal(zero, weak.get(kind, nothing))
