"""Linear-Gaussian hierarchies against quadrature over the latents and against themselves by two
roads."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from threetargets.oracles import Hierarchy, Layer


def layer(weight, bias, std):
    return Layer(*(torch.tensor(v, dtype=torch.float64) for v in (weight, bias, std)))


def random_layer(inputs, outputs, seed):
    g = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=g, dtype=torch.float64)

    return Layer(0.7 * draw(outputs, inputs), 0.5 * draw(outputs), 0.4 + 0.3 * draw(outputs).abs())


def random_hierarchy(sizes):
    """sizes: D, d_1, .., d_L."""
    pairs = list(itertools.pairwise(sizes))
    return Hierarchy(
        [random_layer(high, low, 10 + i) for i, (low, high) in enumerate(pairs)],
        [random_layer(low, high, 20 + i) for i, (low, high) in enumerate(pairs)],
    )


HIERARCHIES = {
    "one level": random_hierarchy([3, 2]),
    "two levels": random_hierarchy([4, 3, 2]),
    "three": random_hierarchy([3, 2, 2, 1]),
}


def data(model, count=5):
    dims = len(model.generative[0].bias)
    return torch.randn(count, dims, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("name", HIERARCHIES)
def test_log_p_less_elbo_is_the_gap(name):
    model = HIERARCHIES[name]
    x = data(model)
    gap = model.gap(x)
    torch.testing.assert_close(model.log_p(x) - model.elbo(x), gap, rtol=1e-9, atol=1e-9)
    assert float(gap.min()) > 0.05


@pytest.mark.parametrize("name", HIERARCHIES)
def test_sampled_log_weights_have_the_elbo_as_mean_and_p_as_mean_of_their_exponentials(name):
    model = HIERARCHIES[name]
    x = data(model)
    weights = model.log_weights(x, 20000, torch.Generator().manual_seed(1))
    error = (weights.mean(0) - model.elbo(x)) / (weights.std(0) / math.sqrt(20000))
    assert float(error.abs().max()) < 4
    # log w - log p(x) is log p(z | x) - log q(z | x): its mean is minus the gap.
    assert torch.allclose((weights - model.log_p(x)).mean(0), -model.gap(x), rtol=0.05)


@pytest.mark.parametrize("x", [-1.3, 0.4, 2.0])
def test_one_level_in_one_dimension_by_quadrature(x):
    model = Hierarchy([layer([[0.8]], [0.2], [0.5])], [layer([[0.5]], [-0.1], [0.7])])

    def p(z):
        return norm.pdf(z) * norm.pdf(x, 0.8 * z + 0.2, 0.5)

    q = norm(0.5 * x - 0.1, 0.7)
    state = torch.tensor([[x]], dtype=torch.float64)
    assert float(model.log_p(state)) == pytest.approx(
        math.log(quad(p, -12, 12, epsabs=1e-13)[0]), abs=1e-9
    )
    elbo = quad(
        lambda z: q.pdf(z) * (math.log(p(z)) - q.logpdf(z)),
        q.mean() - 8,
        q.mean() + 8,
        epsabs=1e-12,
    )[0]
    assert float(model.elbo(state)) == pytest.approx(elbo, abs=1e-8)
    reconstruction = quad(
        lambda z: -q.pdf(z) * norm.logpdf(x, 0.8 * z + 0.2, 0.5), q.mean() - 8, q.mean() + 8
    )[0]
    assert float(model.elbo_terms(state)["reconstruction"]) == pytest.approx(
        reconstruction, abs=1e-8
    )
    mean = quad(lambda z: z * p(z), -12, 12, epsabs=1e-13)[0] / quad(p, -12, 12, epsabs=1e-13)[0]
    assert float(model.posterior(state).mean) == pytest.approx(mean, abs=1e-9)


def test_two_levels_by_a_grid():
    """x, z_1 and z_2 in one dimension each: sums over a grid of (z_1, z_2)."""
    model = Hierarchy(
        [layer([[0.9]], [0.1], [0.6]), layer([[0.7]], [-0.2], [0.8])],
        [layer([[0.6]], [0.0], [0.5]), layer([[0.4]], [0.3], [0.9])],
    )
    x = 0.7
    one, two = np.meshgrid(np.linspace(-7, 7, 1401), np.linspace(-7, 7, 1401), indexing="ij")
    cell = 0.01**2
    log_p = (
        norm.logpdf(x, 0.9 * one + 0.1, 0.6)
        + norm.logpdf(one, 0.7 * two - 0.2, 0.8)
        + norm.logpdf(two)
    )
    log_q1, log_q2 = norm.logpdf(one, 0.6 * x, 0.5), norm.logpdf(two, 0.4 * one + 0.3, 0.9)
    q = np.exp(log_q1 + log_q2) * cell
    state = torch.tensor([[x]], dtype=torch.float64)
    terms = {k: float(v) for k, v in model.elbo_terms(state).items()}
    assert float(model.log_p(state)) == pytest.approx(
        math.log(np.exp(log_p).sum() * cell), abs=1e-9
    )
    assert float(model.elbo(state)) == pytest.approx(
        (q * (log_p - log_q1 - log_q2)).sum(), abs=1e-8
    )
    assert terms["reconstruction"] == pytest.approx(
        -(q * norm.logpdf(x, 0.9 * one + 0.1, 0.6)).sum(), abs=1e-8
    )
    assert terms["kl_1"] == pytest.approx(
        (q * (log_q1 - norm.logpdf(one, 0.7 * two - 0.2, 0.8))).sum(), abs=1e-8
    )
    assert terms["kl_2"] == pytest.approx((q * (log_q2 - norm.logpdf(two))).sum(), abs=1e-8)


def test_the_true_posterior_has_no_gap():
    """p(x | z) = N(w z + b, s^2) with q = p(z | x): mean w (x - b) / (w^2 + s^2), variance s^2 /
    (w^2 + s^2)."""
    w, b, s = 0.8, 0.2, 0.5
    shrink = w**2 + s**2
    model = Hierarchy(
        [layer([[w]], [b], [s])],
        [layer([[w / shrink]], [-w * b / shrink], [s / math.sqrt(shrink)])],
    )
    x = torch.linspace(-2, 2, 5, dtype=torch.float64)[:, None]
    torch.testing.assert_close(model.elbo(x), model.log_p(x), atol=1e-10, rtol=0)
    weights = model.log_weights(x, 7, torch.Generator().manual_seed(0))
    torch.testing.assert_close(weights, model.log_p(x).expand(7, 5), atol=1e-10, rtol=0)


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="as many"):
        Hierarchy([random_layer(2, 3, 0)], [])
    with pytest.raises(ValueError, match="goes back"):
        Hierarchy([random_layer(2, 3, 0)], [random_layer(2, 3, 0)])
