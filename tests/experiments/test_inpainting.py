"""Conditional laws against quadrature; samplers and chains against moments that are worked out with
matrices."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError
from scipy import linalg, stats

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.schedule import Cosine, Table, table
from threetargets.experiments.inpainting import conditioning, imputation, laws
from threetargets.experiments.inpainting.spec import Inpainting
from threetargets.streams import generator

RHO, Y = 0.9, 0.8
LAWS = {
    "gaussian": laws.correlated(RHO),
    "mixture": laws.clusters([[-1.0, -1.0], [-0.6, 1.0], [0.9, -0.4]], 0.35),
}
EACH = pytest.mark.parametrize("name", LAWS)
LINE = torch.linspace(-8, 8, 4001, dtype=torch.float64)


def on_a_line(name: str, y: float) -> torch.Tensor:
    """p(x_2 | x_1 = y) on LINE by the joint density, normalised."""
    points = torch.stack([torch.full_like(LINE, y), LINE], 1)
    density = LAWS[name].log_density(points).exp()
    return density / torch.trapezoid(density, LINE)


def noise_of(seed: int) -> conditioning.Noise:
    source = generator(seed, "test")
    return lambda like: torch.randn(like.shape, dtype=torch.float64, generator=source)


def path(steps: int) -> Table:
    return table(Cosine(8.0, -8.0), steps)


@EACH
def test_the_rest_is_the_joint_density_along_a_line(name: str) -> None:
    y = torch.tensor([Y, -0.3], dtype=torch.float64)
    rest = laws.rest(LAWS[name], y)
    for k, one in enumerate(y.tolist()):
        parts = [
            w * stats.norm.pdf(LINE, m, v**0.5)
            for w, m, v in zip(rest.weights[k], rest.means[k], rest.variances[k], strict=True)
        ]
        np.testing.assert_allclose(sum(parts), on_a_line(name, one), atol=1e-9)


@EACH
def test_its_denoiser_is_bayes_rule_on_that_line(name: str) -> None:
    a, s = signal_noise(torch.tensor(0.5, dtype=torch.float64))
    rest = laws.rest(LAWS[name], torch.full((3,), Y, dtype=torch.float64))
    x_t = torch.tensor([-1.0, 0.1, 0.9], dtype=torch.float64)
    for x, x0 in zip(x_t, rest.predict(x_t, a, s).x0, strict=True):
        weight = on_a_line(name, Y) * torch.exp(-0.5 * (x - a * LINE) ** 2 / s**2)
        wanted = torch.trapezoid(weight * LINE, LINE) / torch.trapezoid(weight, LINE)
        assert float(x0) == pytest.approx(float(wanted), abs=1e-8)


def test_the_distance_is_scipys_and_draws_have_their_law() -> None:
    y = torch.full((2,), Y, dtype=torch.float64)
    rest = laws.rest(LAWS["mixture"], y)
    x = torch.randn(2, 300, dtype=torch.float64, generator=generator(0, "test"))
    many = laws.rest(LAWS["mixture"], y[:1].expand(200_000)).draw(generator(1, "test"))
    got = rest.distance(x)
    for row, value in zip(x, got, strict=True):
        assert float(value) == pytest.approx(stats.wasserstein_distance(row, many), abs=0.01)
    assert float(rest.distance(many.view(1, -1).expand(2, -1))[0]) < 0.01


def moments_of_replacement(levels: torch.Tensor, times: int) -> tuple[float, float]:
    """Mean and variance of x_2 on Gaussian data: every step is linear in (x_1, x_2), so that the
    mean vector and the covariance of both go from step to step by a matrix."""
    data = np.array([[1, RHO], [RHO, 1]])

    def seen(mean, cov, a, s):
        return np.array([a * Y, mean[1]]), np.diag([s**2, cov[1, 1]])

    a, s = (float(v) for v in signal_noise(levels[0]))
    mean, cov = seen(np.zeros(2), np.eye(2), a, s)
    for l_t, l_s in itertools.pairwise(levels):
        a_t, s_t = (float(v) for v in signal_noise(l_t))
        a_s, s_s = (float(v) for v in signal_noise(l_s))
        alpha = (a_t / a_s) ** 2
        denoise = a_t * data @ np.linalg.inv(a_t**2 * data + s_t**2 * np.eye(2))
        A, B = a_s * (1 - alpha) / s_t**2, alpha**0.5 * s_s**2 / s_t**2
        step, spread = A * denoise + B * np.eye(2), (1 - alpha) * s_s**2 / s_t**2
        for k in range(times if s_s > 0 else 1):
            if k:
                mean, cov = alpha**0.5 * mean, alpha * cov + (1 - alpha) * np.eye(2)
            mean, cov = step @ mean, step @ cov @ step.T + spread * np.eye(2)
            mean, cov = seen(mean, cov, a_s, s_s)
    return float(mean[1]), float(cov[1, 1])


@pytest.mark.parametrize(("steps", "times"), [(12, 1), (60, 1), (6, 4)])
def test_replacement_has_the_moments_of_its_linear_recursion(steps: int, times: int) -> None:
    y = torch.full((40_000,), Y, dtype=torch.float64)
    x = conditioning.replaced(LAWS["gaussian"].predict, path(steps), y, noise_of(0), times)
    mean, variance = moments_of_replacement(path(steps).log_snr.flip(0), times)
    assert float(x.mean()) == pytest.approx(mean, abs=5 * (variance / len(x)) ** 0.5)
    assert float(x.var()) == pytest.approx(variance, rel=0.04)


def test_replacement_stays_biased_and_resampling_goes_to_the_conditional() -> None:
    """By the recursion, without draws: (mean, variance) of x_2 given x_1 = y is (rho y, 1 -
    rho^2)."""
    few, many = (moments_of_replacement(path(t).log_snr.flip(0), 1) for t in (400, 1600))
    assert few == pytest.approx(many, abs=0.01)
    assert abs(many[0] - RHO * Y) > 0.05
    off = [
        np.array(moments_of_replacement(path(t).log_snr.flip(0), 100)) - (RHO * Y, 1 - RHO**2)
        for t in (100, 400)
    ]
    assert np.abs(off[1]).max() < 0.02 and (np.abs(off[1]) < 0.7 * np.abs(off[0])).all()


@EACH
def test_the_exact_denoiser_of_the_rest_gives_the_rest(name: str) -> None:
    y = torch.full((4000,), Y, dtype=torch.float64)
    x = conditioning.known(laws.rest(LAWS[name], y), path(100), noise_of(0))
    assert float(laws.rest(LAWS[name], y[:1]).distance(x[None])[0]) < 0.04


def test_guidance_is_exact_where_its_variance_is() -> None:
    """Of N(0, I) x_0 given x_t has variance s^2, which guidance takes it to have: x_1 tends to y,
    and x_2 stays N(0, 1)."""
    y = torch.full((4000,), Y, dtype=torch.float64)
    x = conditioning.guided(laws.correlated(0.0).predict, path(200), y, noise_of(0))
    assert float(x.mean()) == pytest.approx(0, abs=0.06)
    assert float(x.var()) == pytest.approx(1, abs=0.08)
    near = conditioning.guided(LAWS["gaussian"].predict, path(200), y, noise_of(0))
    assert float(near.mean()) == pytest.approx(RHO * Y, abs=0.1)


def a_vae(diagonal: bool) -> imputation.Vae:
    weight = torch.randn(5, 3, dtype=torch.float64, generator=generator(0, "test"))
    return imputation.Vae(0.5 * weight, 0.7, 2, diagonal)


def stationary(vae: imputation.Vae, seen: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Of (encode, decode) as one linear map of the holes: m = A m + b, P = A P A^T + N."""
    w, s2 = vae.weight.numpy(), vae.std**2
    precision = np.eye(3) + w.T @ w / s2
    spread = np.diag(1 / np.diag(precision)) if vae.diagonal else np.linalg.inv(precision)
    gain = np.linalg.solve(precision, w.T / s2)
    A = w[3:] @ gain[:, 3:]
    b = w[3:] @ gain[:, :3] @ seen.numpy()
    noise = w[3:] @ spread @ w[3:].T + s2 * np.eye(2)
    return np.linalg.solve(np.eye(2) - A, b), linalg.solve_discrete_lyapunov(A, noise)


@pytest.mark.parametrize("diagonal", [False, True])
def test_pseudo_gibbs_has_the_stationary_law_of_its_linear_map(diagonal: bool) -> None:
    vae, seen = a_vae(diagonal), torch.tensor([0.5, -0.6, 0.4], dtype=torch.float64)
    *_, holes = imputation.chain(vae, seen.expand(40_000, 3), 60, False, generator(0, "test"))
    mean, covariance = stationary(vae, seen)
    np.testing.assert_allclose(holes.mean(0), mean, atol=0.05)
    np.testing.assert_allclose(torch.cov(holes.T), covariance, atol=0.06)


def test_the_posterior_as_encoder_and_metropolis_give_the_exact_conditional() -> None:
    seen = torch.randn(20_000, 3, dtype=torch.float64, generator=generator(0, "test"))
    for diagonal, metropolis in ((False, False), (True, True)):
        vae = a_vae(diagonal)
        *_, holes = imputation.chain(vae, seen, 80, metropolis, generator(1, "test"))
        assert imputation.divergence(vae, holes, seen) < 0.002
    exact = vae.conditional(seen[:1])
    mean, covariance = stationary(a_vae(False), seen[0])
    np.testing.assert_allclose(exact.mean[0], mean, atol=1e-10)
    np.testing.assert_allclose(exact.covariance_matrix.reshape(2, 2), covariance, atol=1e-10)


def test_the_divergence_is_that_of_a_shift_in_units_of_the_conditional() -> None:
    vae = a_vae(False)
    seen = torch.zeros(50_000, 3, dtype=torch.float64)
    exact = vae.conditional(seen[:1])
    chol = torch.linalg.cholesky(exact.covariance_matrix.reshape(2, 2))
    z = torch.randn(50_000, 2, dtype=torch.float64, generator=generator(0, "test"))
    shift = torch.tensor([0.6, 0.8], dtype=torch.float64)
    assert imputation.divergence(vae, (z + shift) @ chol.T, seen) == pytest.approx(0.5, abs=0.02)
    half = imputation.divergence(vae, 0.5 * z @ chol.T, seen)
    assert half == pytest.approx(2 * (math.log(2) - 0.5 * (1 - 0.25)), abs=0.02)


def test_calls_have_to_be_whole_steps() -> None:
    with pytest.raises(ValidationError, match="multiple of `resampling`"):
        Inpainting.model_validate(TINY["inpainting"] | {"calls": [10, 25]})
