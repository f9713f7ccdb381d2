"""Gradients by sampling against exact ones; bounds against the oracle and sums over codes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY

from threetargets.experiments.reinforce import binary_vae, gaussian_vae, measure
from threetargets.experiments.reinforce.binary_vae import BinaryVae
from threetargets.experiments.reinforce.estimators import (
    RunningMean,
    ascend,
    gradients,
    spread,
    squared_bias,
)
from threetargets.experiments.reinforce.gaussian_vae import Law, LinearVae
from threetargets.experiments.reinforce.spec import GAUSSIAN, Reinforce
from threetargets.oracles import Hierarchy, Layer
from threetargets.streams import generator

LAW = Law(4, 2, 0.5, 0)


def a_model() -> LinearVae:
    model = LinearVae(4, 2, 0)
    with torch.no_grad():
        model.decoder.mul_(8)
        model.encoder.mul_(4)
        model.log_s.copy_(torch.tensor([-0.5, 0.2]))
        model.log_sigma.fill_(-0.3)
    return model


def test_the_bound_over_the_data_law_is_the_oracles_at_sigma_points() -> None:
    """It is quadratic in x, so that its mean is that over the columns of sqrt(D) C^(1/2)."""
    model = a_model()
    zero, sigma = torch.zeros(4), model.log_sigma.detach().exp().expand(4)
    oracle = Hierarchy(
        [Layer(model.decoder.detach(), zero, sigma)],
        [Layer(model.encoder.detach(), torch.zeros(2), model.log_s.detach().exp())],
    )
    x = math.sqrt(4) * torch.linalg.cholesky(LAW.covariance).T
    wanted = float(oracle.elbo(x).mean())
    assert float(model.elbo(LAW.covariance).detach()) == pytest.approx(wanted, rel=1e-6)


def test_the_best_bound_is_reached_by_the_turned_model() -> None:
    """W with orthogonal columns and the same W W^T, whose posterior is diagonal; any change is
    worse."""
    values, vectors = torch.linalg.eigh(LAW.covariance - 0.25 * torch.eye(4, dtype=torch.float64))
    w = vectors[:, 2:] * values[2:].sqrt()
    precision = torch.eye(2, dtype=torch.float64) + w.T @ w / 0.25
    model = LinearVae(4, 2, 0)
    with torch.no_grad():
        model.decoder.copy_(w)
        model.encoder.copy_(torch.linalg.solve(precision, w.T / 0.25))
        model.log_s.copy_(-0.5 * precision.diagonal().log())
        model.log_sigma.fill_(math.log(0.5))
    assert float(model.elbo(LAW.covariance).detach()) == pytest.approx(LAW.best, abs=1e-5)
    for part in model.parameters():
        with torch.no_grad():
            part.add_(0.05)
            assert float(model.elbo(LAW.covariance)) < LAW.best - 1e-4
            part.sub_(0.05)


def test_data_have_the_covariance() -> None:
    x = LAW.draw(100_000, generator(0, "test")).double()
    torch.testing.assert_close(x.T @ x / len(x), LAW.covariance, atol=0.06, rtol=0.03)


@pytest.mark.parametrize("how", GAUSSIAN)
def test_every_gradient_is_that_of_the_bound_on_average(how: str) -> None:
    """Within five standard errors in every coordinate, at a running mean that is wrong."""
    model, running = a_model(), RunningMean(1.0)
    running.value = -7.0
    some = list(model.parameters())

    def draw(k: int) -> torch.Tensor:
        source = generator(k, "test")
        mean = running if how == "running-mean" else None
        return gaussian_vae.objective(model, LAW, how, 1000, source, mean)

    rows = gradients(draw, some, 150)
    (exact,) = gradients(lambda k: model.elbo(LAW.covariance), some, 1)
    error = rows.std(0) / math.sqrt(len(rows))
    assert float(((rows.mean(0) - exact).abs() / error).max()) < 5


def test_a_baseline_takes_variance_away() -> None:
    model = a_model()

    def of(how: str) -> float:
        def draw(k: int) -> torch.Tensor:
            return gaussian_vae.objective(model, LAW, how, 64, generator(k, "test"))

        return spread(gradients(draw, [model.encoder], 60))

    assert of("leave-one-out") < 0.5 * of("score")


def a_binary_model() -> BinaryVae:
    model = BinaryVae(5, 3, 6, 0)
    with torch.no_grad():
        for part in model.parameters():
            part.mul_(2)
    return model


X = (torch.rand(4, 5, generator=generator(0, "test")) < 0.5).float()


def test_the_binary_bound_is_a_sum_over_codes_written_out() -> None:
    model = a_binary_model()
    with torch.no_grad():
        q = torch.sigmoid(model.encoder(X))
        for row, x in enumerate(X):
            bound, marginal = 0.0, 0.0
            for code in itertools.product((0.0, 1.0), repeat=3):
                z = torch.tensor(code)
                chance = float(torch.where(z > 0, q[row], 1 - q[row]).prod())
                mean = torch.sigmoid(model.decoder(2 * z - 1))
                p = float(torch.where(x > 0, mean, 1 - mean).prod()) / 8
                bound += chance * (math.log(p) - math.log(chance))
                marginal += p
            assert float(model.elbo(X)[row]) == pytest.approx(bound, abs=1e-4)
            assert float(model.log_marginal(X)[row]) == pytest.approx(math.log(marginal), abs=1e-4)
            assert bound < math.log(marginal)


@pytest.mark.parametrize("how", ["score", "leave-one-out", "gumbel"])
def test_binary_gradients_are_right_on_average_or_biased(how: str) -> None:
    model, x = a_binary_model(), X.repeat(400, 1)
    some = list(model.parameters())

    def draw(k: int) -> torch.Tensor:
        return binary_vae.objective(model, x, how, 0.7, generator(k, "test"))

    rows = gradients(draw, some, 60)
    (exact,) = gradients(lambda k: model.elbo(X).mean(), some, 1)
    off = squared_bias(rows, exact)
    limit = 5 * spread(rows) / len(rows)
    assert (off > limit) if how == "gumbel" else (abs(off) < limit)
    error = rows.std(0) / math.sqrt(len(rows)) + 1e-9
    if how != "gumbel":
        assert float(((rows.mean(0) - exact).abs() / error).max()) < 5


def test_relaxed_draws_are_q_at_temperature_zero() -> None:
    logits = torch.tensor([-1.0, 0.0, 2.0]).expand(40_000, 3)
    z = binary_vae.concrete(logits, 1e-4, generator(0, "test"))
    torch.testing.assert_close(z.mean(0), torch.sigmoid(logits[0]), atol=0.01, rtol=0)
    assert float(((z < 0.01) | (z > 0.99)).float().mean()) > 0.999


def test_the_estimate_of_a_squared_bias_has_that_mean() -> None:
    shift, values = torch.tensor([0.3, 0.4], dtype=torch.float64), []
    for k in range(400):
        noise = torch.randn(5, 2, dtype=torch.float64, generator=generator(k, "test"))
        values.append(squared_bias(noise + shift, torch.zeros(2)))
    assert sum(values) / len(values) == pytest.approx(0.25, abs=0.1)


def test_ascent_goes_up_and_is_seen_before_and_after() -> None:
    model, at = LinearVae(4, 2, 0), list[int]()
    start = float(model.elbo(LAW.covariance).detach())
    ascend(model, lambda k: model.elbo(LAW.covariance), 60, 0.05, at.append)
    assert at == list(range(61))
    assert float(model.elbo(LAW.covariance).detach()) > start + 1


def test_variances_that_are_compared_are_over_one_square() -> None:
    """Of the whole batch, also where half of it is drawn twice: gradients written out."""
    block = Reinforce.model_validate(TINY["reinforce"])
    model, x = a_binary_model(), torch.cat([X, 1 - X, X[:2]])
    figures = {f.metric: f.value for f in measure._quality(block, model, x, 0)}
    model.zero_grad()
    model.elbo(x).mean().backward()
    square = sum(float(p.grad.square().sum()) for p in model.encoder.parameters())
    for how in ("score", "leave-one-out"):
        rows = []
        for k in range(block.repeats):
            model.zero_grad()
            source = generator(0, "reinforce/quality", k)
            binary_vae.objective(model, x, how, 0.5, source).backward()
            rows.append(np.concatenate([p.grad.flatten() for p in model.encoder.parameters()]))
        wanted = np.var(rows, 0, ddof=1).sum() / square
        assert figures[f"binary/variance_{how}"] == pytest.approx(wanted, rel=1e-4)
