"""The search for each x's own q against closed forms; log p(x) against quadrature; the gaps."""

from __future__ import annotations

import math

import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError
from torch.distributions import MultivariateNormal, kl_divergence

from threetargets.experiments.amortised import inference
from threetargets.experiments.amortised.inference import Q, Search, diagonal
from threetargets.experiments.amortised.linear_decoder import LinearDecoder
from threetargets.experiments.amortised.measure import Vae
from threetargets.experiments.amortised.spec import Amortised
from threetargets.oracles import Hierarchy, Layer
from threetargets.streams import generator

SEARCH = Search(300, 16, 0.05)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed, "test"))


DECODER = LinearDecoder(normal(5, 3), 0.7)
X = normal(6, 5, seed=1)


def test_the_closed_forms_are_the_oracles() -> None:
    """log p(x) and the gap of the best mean field by oracles.Hierarchy, at its own parameters."""
    p, zero = DECODER.precision, torch.zeros(3, dtype=torch.float64)
    gain = torch.linalg.solve(p, DECODER.weight.T) / DECODER.std**2
    std = torch.full((5,), DECODER.std, dtype=torch.float64)
    oracle = Hierarchy(
        [Layer(DECODER.weight, torch.zeros(5, dtype=torch.float64), std)],
        [Layer(gain, zero, p.diagonal().rsqrt())],
    )
    torch.testing.assert_close(DECODER.log_marginal(X), oracle.log_p(X))
    gap = oracle.gap(X)
    torch.testing.assert_close(gap, torch.full_like(gap, DECODER.gap))
    q = DECODER.encoder(X)
    torch.testing.assert_close(q.mean, X @ gain.T)
    noise = normal(20_000, 6, 3, seed=2)
    value = inference.bound(DECODER.log_likelihood(X), q, noise)
    torch.testing.assert_close(value, oracle.elbo(X), atol=0.06, rtol=0)


def test_the_divergence_is_torchs() -> None:
    root = torch.tril(normal(4, 3, 3)) * 0.3 + torch.eye(3, dtype=torch.float64)
    root = torch.where(torch.eye(3, dtype=torch.bool), root.abs() + 0.1, root)
    q = Q(normal(4, 3, seed=3), root)
    prior = MultivariateNormal(torch.zeros(3, dtype=torch.float64), torch.eye(3).double())
    wanted = kl_divergence(MultivariateNormal(q.mean, scale_tril=root), prior)
    torch.testing.assert_close(q.divergence(), wanted)
    drawn = q.draw(normal(100_000, 4, 3, seed=4))
    covariance = torch.cov(drawn[:, 0].T)
    torch.testing.assert_close(covariance, root[0] @ root[0].T, atol=0.03, rtol=0)


@pytest.mark.parametrize("full", [False, True])
def test_the_search_ends_at_the_known_optimum(full: bool) -> None:
    """A mean field at means of the posterior and variances 1 / P_ii, a full q at the posterior,
    from a start that is far off."""
    start = diagonal(torch.zeros(6, 3).double(), torch.full((6, 3), 1.5).double())
    likelihood, seen = DECODER.log_likelihood(X), list[int]()
    best = inference.optimised(
        likelihood, start, full, SEARCH, generator(0, "test"), lambda k, q: seen.append(k)
    )
    p = DECODER.precision
    covariance = torch.linalg.inv(p)
    wanted = covariance if full else torch.diag(1 / p.diagonal())
    mean = DECODER.encoder(X).mean
    deviation = covariance.diagonal().sqrt()
    assert float(((best.mean - mean).abs() / deviation).max()) < 0.15
    own = best.root @ best.root.mT
    assert float((own - wanted).abs().max() / deviation.max() ** 2) < 0.15
    value = inference.bound(likelihood, best, normal(20_000, 6, 3, seed=5))
    lost = float((DECODER.log_marginal(X) - value).mean())
    assert lost == pytest.approx(0.0 if full else DECODER.gap, abs=0.03)
    assert seen == list(range(SEARCH.steps + 1))


def test_importance_sampling_comes_to_log_p_from_below() -> None:
    likelihood, exact = DECODER.log_likelihood(X), DECODER.log_marginal(X)
    q = DECODER.encoder(X)
    posterior = Q(q.mean, torch.linalg.cholesky(DECODER.precision.inverse()).expand(6, 3, 3))
    many = inference.log_marginal(likelihood, posterior, 20_000, generator(0, "test"))
    torch.testing.assert_close(many, exact, atol=0.02, rtol=0)
    few = torch.stack(
        [inference.log_marginal(likelihood, q, 2, generator(k, "test")) for k in range(300)]
    ).mean(0)
    assert bool((few < exact).all())


def test_a_perceptrons_log_p_is_that_of_quadrature() -> None:
    """Two latents, all pixels, a fine grid of z."""
    block = Amortised.model_validate(TINY["amortised"])
    torch.manual_seed(0)
    net = Vae(block.digits).double().requires_grad_(False)
    x = (torch.rand(2, 64, generator=generator(0, "test")) < 0.5).double()
    line = torch.linspace(-7, 7, 281, dtype=torch.float64)
    z = torch.cartesian_prod(line, line)
    likelihood = net.log_likelihood(x)
    log_joint = likelihood(z[:, None].expand(-1, 2, -1)) - 0.5 * z.square().sum(1, keepdim=True)
    cell = 2 * math.log(14 / 280) - math.log(2 * math.pi)
    exact = torch.logsumexp(log_joint, 0) + cell
    unit = diagonal(torch.zeros(2, 2).double(), torch.ones(2, 2).double())
    got = inference.log_marginal(likelihood, unit, 40_000, generator(0, "test"))
    torch.testing.assert_close(got, exact, atol=0.03, rtol=0)


def test_more_images_than_there_are_is_refused() -> None:
    values = TINY["amortised"]
    with pytest.raises(ValidationError, match="at most the size"):
        Amortised.model_validate(values | {"inference": values["inference"] | {"images": 11}})
