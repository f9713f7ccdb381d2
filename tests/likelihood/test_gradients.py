"""Gradient estimators: all unbiased, and as far apart in variance as the closed form says."""

import math

import pytest
import torch

from threetargets.likelihood.gradients import ESTIMATORS

N = 400_000


def square(z):
    return (z**2).sum(1)


def gradients(name, mean, std=1.0, seed=0, n=N):
    mean = torch.tensor(mean, dtype=torch.float64)
    eps = torch.randn(
        n, len(mean), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return ESTIMATORS[name](square, mean, torch.tensor(std, dtype=torch.float64), eps)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(("mean", "std"), [([2.0], 1.0), ([0.3, -1.0, 0.7], 0.5)])
def test_unbiased(name, mean, std):
    """E z^2 = mean^2 + std^2, so the gradient is 2 mean."""
    found = gradients(name, mean, std)
    error = found.std(0) / math.sqrt(N)
    assert ((found.mean(0) - 2 * torch.tensor(mean, dtype=torch.float64)).abs() < 4.5 * error).all()


def test_ratio_of_variances_is_21_75():
    """(mu^4 + 14 mu^2 + 15) / 4 at mu = 2: the variances are 87 and 4."""
    score, path = gradients("score-function", [2.0]), gradients("reparameterised", [2.0], seed=1)
    assert float(path.var()) == pytest.approx(4.0, rel=0.01)
    assert float(score.var()) == pytest.approx(87.0, rel=0.02)
    assert float(score.var() / path.var()) == pytest.approx(21.75, rel=0.02)


@pytest.mark.parametrize(
    ("dims", "plain", "baseline"),
    [(1, 21.6, 10.4), (2, 24.1, 9.1), (10, 73.9, 11.3), (50, 815.0, 31.0)],
)
def test_the_ratio_grows_with_dimension(dims, plain, baseline):
    """|mean| = 2 along the diagonal, one coordinate's gradient: figures of an independent numerical
    check, to 10%."""
    mean = [2.0 / math.sqrt(dims)] * dims
    n = N if dims < 50 else 100_000
    path = float(gradients("reparameterised", mean, n=n).var(0).mean())
    found = {name: float(gradients(name, mean, n=n).var(0).mean()) / path for name in ESTIMATORS}
    assert found["score-function"] == pytest.approx(plain, rel=0.1)
    assert found["score-function-baseline"] == pytest.approx(baseline, rel=0.1)


def test_a_constant_has_no_gradient_once_the_others_mean_is_taken_off():
    eps = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean, std = torch.zeros(2, dtype=torch.float64), torch.ones((), dtype=torch.float64)
    found = ESTIMATORS["score-function-baseline"](
        lambda z: torch.full((len(z),), 5.0).double(), mean, std, eps
    )
    assert torch.equal(found, torch.zeros_like(found))
