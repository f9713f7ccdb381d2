"""Importance-weighted bounds on linear-Gaussian models, whose log p and ELBO are known."""

import math

import numpy as np
import pytest
import torch

from threetargets.likelihood.importance import log_mean_weights
from threetargets.oracles import Hierarchy, Layer


def layer(weight, bias, std):
    return Layer(*(torch.tensor(v, dtype=torch.float64) for v in (weight, bias, std)))


ONE = Hierarchy([layer([[0.9]], [0.1], [0.4])], [layer([[0.5]], [0.2], [0.6])])
TWO = Hierarchy(
    [
        layer([[0.9, -0.3], [0.2, 0.6]], [0.1, 0.0], [0.5, 0.6]),
        layer([[0.7], [0.4]], [-0.2, 0.1], [0.8, 0.7]),
    ],
    [layer([[0.5, 0.1], [0.0, 0.5]], [0.0, 0.1], [0.5, 0.6]), layer([[0.4, 0.2]], [0.1], [0.9])],
)
MODELS = {"one level": ONE, "two levels": TWO}
X = {
    "one level": torch.tensor([[-1.0], [0.6], [1.4]], dtype=torch.float64),
    "two levels": torch.tensor([[-1.0, 0.3], [0.6, 0.0], [1.2, -0.8]], dtype=torch.float64),
}


def bounds(name, k, repeats, seed=0, chunk=100):
    """`repeats` draws of L_k for each x, (repeats, B)."""
    g = torch.Generator().manual_seed(seed)
    many = X[name].repeat(repeats, 1)
    found = log_mean_weights(
        lambda first, count: MODELS[name].log_weights(many, count, g), k, chunk
    )
    return found.view(repeats, -1)


def z_score(values, expected):
    return float(
        ((values.mean(0) - expected) / (values.std(0) / math.sqrt(len(values)))).abs().max()
    )


@pytest.mark.parametrize("name", MODELS)
def test_one_sample_is_the_elbo(name):
    assert z_score(bounds(name, 1, 20000), MODELS[name].elbo(X[name])) < 3.5


@pytest.mark.parametrize("name", MODELS)
def test_the_bound_rises_from_the_elbo_to_log_p(name):
    """And reaches it: at k = 3000 the gap that is left is a thousandth of a nat."""
    model, x = MODELS[name], X[name]
    elbo, log_p = model.elbo(x), model.log_p(x)
    means, errors = [elbo], [0.0]
    for k, repeats in ((5, 20000), (50, 2000), (500, 200), (3000, 40)):
        values = bounds(name, k, repeats, seed=k)
        means.append(values.mean(0))
        errors.append(float((values.std(0) / math.sqrt(repeats)).max()))
    for low, high, error in zip(means[:-1], means[1:], errors[1:], strict=False):
        assert float((high - low).min()) > -3 * error
    assert float((means[1] - elbo).min()) > 0.02
    assert float((log_p - means[-1]).abs().max()) < 3 * errors[-1] + 2e-3
    assert all(
        float((mean - log_p).max()) < 3 * error for mean, error in zip(means, errors, strict=False)
    )


@pytest.mark.parametrize("k, nodes", [(1, 20), (2, 80), (3, 40)])
def test_the_bound_equals_quadrature(k, nodes):
    """E log mean_j w_j over the k noises of a one-dimensional latent, by a Gauss-Hermite product
    rule."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    prior, generative, inference = 0.5 * math.log(2 * math.pi), ONE.generative[0], ONE.inference[0]
    expected = []
    for x in X["one level"][:, 0].tolist():
        mean, std = 0.5 * x + 0.2, 0.6
        z = mean + std * points
        w, b, s = (float(v) for v in generative)
        log_w = -0.5 * z**2 - prior - 0.5 * ((x - w * z - b) / s) ** 2 - math.log(s) - prior
        log_w += 0.5 * points**2 + math.log(std) + prior
        grids = np.meshgrid(*[log_w] * k, indexing="ij")
        joint = np.prod(np.meshgrid(*[weights] * k, indexing="ij"), axis=0)
        expected.append((joint * (np.logaddexp.reduce(grids, axis=0) - math.log(k))).sum())
    assert float(inference.std) == 0.6
    assert z_score(bounds("one level", k, 20000, seed=k), torch.tensor(expected)) < 3
    if k == 1:
        np.testing.assert_allclose(expected, ONE.elbo(X["one level"]), rtol=1e-10)


@pytest.mark.parametrize("k", [1, 2, 99, 100, 101, 250])
def test_chunks_are_one_mean_of_weights(k):
    """The mean of exponentials over all samples, whatever the chunk; samples are asked for once
    each, in order."""
    log_w = 30 * torch.randn(
        300, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    expected = np.logaddexp.reduce(log_w[:k].numpy(), axis=0) - math.log(k)
    for chunk in (1, 7, 100, 1000):
        asked = []

        def weights(first, count, asked=asked):
            asked.append((first, count))
            return log_w[first : first + count]

        np.testing.assert_allclose(log_mean_weights(weights, k, chunk), expected, rtol=1e-12)
        assert sum(count for _, count in asked) == k and max(count for _, count in asked) <= chunk
        assert [first for first, _ in asked] == list(range(0, k, chunk))


def test_small_weights_do_not_underflow():
    log_w = torch.full((50, 2), -5000.0)
    torch.testing.assert_close(
        log_mean_weights(lambda first, count: log_w[:count], 50), torch.full((2,), -5000.0).double()
    )


@pytest.mark.parametrize("k", [0, -3])
def test_no_samples(k):
    with pytest.raises(ValueError, match="1 or more"):
        log_mean_weights(lambda first, count: torch.zeros(count, 1), k)
