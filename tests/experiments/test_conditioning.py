"""Samplers given a linear part against Gaussian conditioning written out with matrices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.schedule import Cosine, Table, table
from threetargets.experiments import conditioning
from threetargets.experiments.conditioning import Part
from threetargets.oracles import Gaussian
from threetargets.streams import generator

D, K, COUNT = 4, 2, 40_000


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed, "test"))


ROWS = torch.linalg.qr(normal(D, D))[0][:K]
ROOT = 0.6 * normal(D, D, seed=1)
LAW = Gaussian(normal(D, seed=2), ROOT @ ROOT.T + 0.1 * torch.eye(D))
PART = Part(ROWS)
U = normal(K, seed=3)


def noise_of(seed: int) -> conditioning.Noise:
    source = generator(seed, "test")
    return lambda like: torch.randn(like.shape, dtype=torch.float64, generator=source)


def path(steps: int) -> Table:
    return table(Cosine(8.0, -8.0), steps)


def test_what_is_put_in_is_seen_and_the_rest_stays() -> None:
    x, u = normal(5, D, seed=4), normal(5, K, seed=5)
    made = PART.put(x, u)
    torch.testing.assert_close(PART.of(made), u)
    others = torch.linalg.svd(ROWS)[2][K:]
    torch.testing.assert_close(made @ others.T, x @ others.T)


def moments(kind: str, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of samples of LAW, every step of which is linear in x: the denoiser by
    Bayes' rule in matrices."""
    cov, mean, rows, u = (v.numpy() for v in (LAW.covariance, LAW.mean, ROWS, U))
    keep = np.eye(D) - rows.T @ rows

    def seen(m: np.ndarray, c: np.ndarray, a: float, s: float) -> tuple[np.ndarray, np.ndarray]:
        return keep @ m + a * rows.T @ u, keep @ c @ keep + s**2 * rows.T @ rows

    levels = path(steps).log_snr.flip(0)
    m, c = np.zeros(D), np.eye(D)
    if kind == "replacement":
        m, c = seen(m, c, *(float(v) for v in signal_noise(levels[0])))
    for l_t, l_s in itertools.pairwise(levels):
        a_t, s_t = (float(v) for v in signal_noise(l_t))
        a_s, s_s = (float(v) for v in signal_noise(l_s))
        alpha = (a_t / a_s) ** 2
        gain = a_t * cov @ np.linalg.inv(a_t**2 * cov + s_t**2 * np.eye(D))
        off = mean - a_t * gain @ mean
        if kind == "projection":
            gain, off = keep @ gain, keep @ off + rows.T @ u
        if kind == "guided":
            r2 = s_t**2 / (a_t**2 + s_t**2)
            pull = s_t**2 / a_t * gain.T @ rows.T / r2
            gain, off = gain - pull @ rows @ gain, off + pull @ (u - rows @ off)
        A, B = a_s * (1 - alpha) / s_t**2, alpha**0.5 * s_s**2 / s_t**2
        step = A * gain + B * np.eye(D)
        m, c = step @ m + A * off, step @ c @ step.T
        c = c + (1 - alpha) * s_s**2 / s_t**2 * np.eye(D)
        if kind == "replacement":
            m, c = seen(m, c, a_s, s_s)
    return m, c


@pytest.mark.parametrize("kind", ["replacement", "projection", "guided"])
def test_samples_have_the_moments_of_their_linear_recursion(kind: str) -> None:
    u, noise = U.expand(COUNT, K), noise_of(0)
    x = noise(torch.zeros(COUNT, D))
    if kind == "replacement":
        x = conditioning.replaced(LAW.predict, path(20), PART, u, x, noise)
    else:
        make = {"projection": conditioning.projected, "guided": conditioning.guided}[kind]
        x = conditioning.sampled(make(LAW.predict, PART, u), path(20), x, noise)
    mean, covariance = moments(kind, 20)
    np.testing.assert_allclose(x.mean(0), mean, atol=0.03)
    np.testing.assert_allclose(torch.cov(x.T), covariance, atol=0.04)
    if kind != "guided":
        torch.testing.assert_close(PART.of(x), u)


def test_on_round_data_guidance_is_projection_and_both_are_exact() -> None:
    """Of N(0, d^2 I) the variance that guidance takes is right, whatever d."""
    round_law = Gaussian(torch.zeros(D), 0.49 * torch.eye(D))
    x, u = normal(6, D, seed=6), normal(6, K, seed=7)
    level = torch.tensor(0.7, dtype=torch.float64)
    one = conditioning.guided(round_law.predict, PART, u, 0.7)(x, level)
    other = conditioning.projected(round_law.predict, PART, u)(x, level)
    torch.testing.assert_close(one.x0, other.x0)
    torch.testing.assert_close(one.eps, other.eps)
    a, s = signal_noise(level)
    torch.testing.assert_close(a * one.x0 + s * one.eps, x)
    rest = a * 0.49 / (a**2 * 0.49 + s**2) * x
    torch.testing.assert_close(one.x0, rest + (u - rest @ ROWS.T) @ ROWS)
    far = conditioning.guided(round_law.predict, PART, u)(x, level)
    assert float((PART.of(far.x0) - u).abs().min()) > 1e-3, "with another deviation it is not"
