"""The posterior of a linear-Gaussian decoder against the joint law's, and against quadrature."""

from __future__ import annotations

import torch

from threetargets.experiments.linear_gaussian import LinearGaussian
from threetargets.oracles import Hierarchy, Layer
from threetargets.streams import generator


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed, "test"))


MODEL = LinearGaussian(normal(5, 2), 0.6)
X = normal(4, 5, seed=1)


def test_it_is_the_joint_gaussian_conditioned() -> None:
    """oracles.Hierarchy, whose posterior goes by the covariance of (x, z); its encoder is not asked
    for."""
    zero = torch.zeros(5, dtype=torch.float64)
    layer = Layer(MODEL.weight, zero, torch.full_like(zero, MODEL.std))
    back = Layer(MODEL.weight.T, zero[:2], torch.ones(2, dtype=torch.float64))
    oracle = Hierarchy([layer], [back])
    exact = oracle.posterior(X)
    torch.testing.assert_close(MODEL.posterior_mean(X), exact.mean)
    torch.testing.assert_close(torch.linalg.inv(MODEL.precision), exact.covariance_matrix[0])
    torch.testing.assert_close(MODEL.covariance, oracle.joint()[1][0][0])


def test_it_is_bayes_rule_on_a_grid_of_z() -> None:
    line = torch.linspace(-6, 6, 601, dtype=torch.float64)
    z = torch.cartesian_prod(line, line)
    fit = -0.5 * ((X[0] - z @ MODEL.weight.T) / MODEL.std).square().sum(1)
    weight = (fit - 0.5 * z.square().sum(1)).softmax(0)
    mean = weight @ z
    covariance = (weight[:, None] * (z - mean)).T @ (z - mean)
    torch.testing.assert_close(MODEL.posterior_mean(X)[0], mean, atol=1e-9, rtol=0)
    torch.testing.assert_close(torch.linalg.inv(MODEL.precision), covariance, atol=1e-9, rtol=0)
