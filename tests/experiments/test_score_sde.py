"""Laws on a line, three equations and the chain against their moments' own equations; samplers,
median and losses against what is known of them."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError
from scipy import stats
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar

from threetargets.experiments.line import distance, law, wasserstein
from threetargets.experiments.score_sde import norms
from threetargets.experiments.score_sde.equations import MADE, chain
from threetargets.experiments.score_sde.measure import chained, data_of
from threetargets.experiments.score_sde.solvers import SOLVERS, corrected, normal
from threetargets.experiments.score_sde.spec import ScoreSde
from threetargets.streams import generator

BLOCK = ScoreSde.model_validate(TINY["score_sde"])
DATA = data_of(BLOCK)


def test_a_law_on_a_line_is_scipys() -> None:
    x = np.linspace(-4, 4, 9)
    parts = [(0.3, stats.norm(-1.3, 0.25)), (0.7, stats.norm(0.8, 0.4))]
    at = torch.from_numpy(x)
    assert DATA.below(at).numpy() == pytest.approx(sum(w * p.cdf(x) for w, p in parts))
    assert DATA.density(at).numpy() == pytest.approx(sum(w * p.pdf(x) for w, p in parts))
    levels = torch.tensor([0.01, 0.3, 0.5, 0.99], dtype=torch.float64)
    assert DATA.below(DATA.quantiles(levels)).numpy() == pytest.approx(levels.numpy(), abs=1e-5)
    drawn = DATA.draw(20_000, generator(0, "test"))
    assert stats.kstest(drawn.numpy(), lambda v: DATA.below(torch.as_tensor(v)).numpy())[1] > 1e-3
    moments = float(drawn.mean()), float(drawn.var())
    assert DATA.moments == pytest.approx(moments, abs=0.03)
    assert DATA.matched().moments == pytest.approx(DATA.moments)


def test_distances_of_gaussians_are_closed_forms() -> None:
    """A shift is its own distance; a scale moves E |z| = sqrt(2 / pi) of it."""
    one = law([1.0], [0.0], [1.0])
    assert wasserstein(one, law([1.0], [0.3], [1.0])) == pytest.approx(0.3, abs=1e-6)
    wide = law([1.0], [0.0], [1.5])
    assert wasserstein(one, wide) == pytest.approx(0.5 * math.sqrt(2 / math.pi), abs=1e-6)
    x = one.spread_evenly(5000)
    assert distance(x, one) == pytest.approx(0, abs=1e-9)
    assert distance(x, wide) == pytest.approx(wasserstein(one, wide), abs=1e-3)


@pytest.mark.parametrize("name", MADE)
def test_kernels_solve_the_moments_own_equations(name: str) -> None:
    """da/dt = f a, ds^2/dt = 2 f s^2 + g^2, by scipy."""
    process = MADE[name](BLOCK.process)

    def slope(t: float, y: list[float]) -> list[float]:
        f, g = process.drift(t), process.diffusion(t)
        return [f * y[0], 2 * f * y[1] + g**2]

    start = [1.0, process.s(0.0) ** 2]
    done = solve_ivp(slope, (0, 1), start, t_eval=[0.1, 0.5, 1.0], rtol=1e-10, atol=1e-13)
    for t, a, variance in zip(done.t, *done.y, strict=True):
        assert (process.a(t), process.s(t) ** 2) == pytest.approx((a, variance), rel=1e-6)


def test_the_chain_is_its_recursion_and_nears_the_equation() -> None:
    a, s = chain(BLOCK.process, 64)
    mean, variance = 1.0, 0.0
    for i in range(1, 65):
        noise = (0.1 + 19.9 * i / 64) / 64
        mean, variance = math.sqrt(1 - noise) * mean, (1 - noise) * variance + noise
        assert (float(a[i]), float(s[i]) ** 2) == pytest.approx((mean, variance), rel=1e-5)
    far = [chained(BLOCK, DATA, steps)[0] for steps in (256, 512, 1024)]
    assert [a / b for a, b in pairwise(far)] == pytest.approx([2.0, 2.0], rel=0.02)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("method", SOLVERS)
def test_samplers_arrive(name: str, method: str) -> None:
    """At the Gaussian law of the end; the corrector's own variance is 1 + snr^2 of it."""
    data, process = law([1.0], [0.3], [0.5]), MADE[name](BLOCK.process)
    end = data.noised(process.a(0.001), process.s(0.001))
    start = law([1.0], [0.0], [process.s(1.0)]).spread_evenly(4000)
    source = generator(0, "test")
    start = start[torch.randperm(4000, generator=source)]

    def score(x: torch.Tensor, t: float) -> torch.Tensor:
        return data.noised(process.a(t), process.s(t)).score(x)

    x = SOLVERS[method](process, score, start, 400, 0.001, 0.05, normal(4000, source))
    mean, variance = end.moments
    assert float(x.mean()) == pytest.approx(mean, abs=0.03)
    assert float(x.var()) == pytest.approx(variance, rel=0.07)


def test_the_flow_is_the_oracles() -> None:
    """Each point of Gaussian data goes where the oracle's closed form takes it."""
    data, process = law([1.0], [0.3], [0.5]), MADE["vp"](BLOCK.process)
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)
    ends = [norms.log_snr(process.a(t), process.s(t)) for t in (1.0, 0.001)]
    (own,) = data.mixture.components
    wanted = own.flow(x[:, None], *ends)[:, 0]

    def score(y: torch.Tensor, t: float) -> torch.Tensor:
        return data.noised(process.a(t), process.s(t)).score(y)

    nobody = normal(9, torch.Generator())
    errors = [
        float((SOLVERS["flow-heun"](process, score, x, n, 0.001, 0, nobody) - wanted).abs().max())
        for n in (200, 400)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.3), "second order"


def test_the_corrector_has_a_bias_of_its_own() -> None:
    """For N(0, v): x (1 - e/v) + sqrt(2 e) z with e = 2 snr^2 v^2 / var is at rest at var =
    (1 + snr^2) v."""
    process, v, source = MADE["ve"](BLOCK.process), 0.3, generator(0, "test")
    x = math.sqrt(v) * torch.randn(40_000, dtype=torch.float64, generator=source)
    for _ in range(60):
        z = torch.randn(len(x), dtype=torch.float64, generator=source)
        x = corrected(process, lambda y, t: -y / v, x, 0.5, 0.5, z)
    assert float(x.var()) == pytest.approx(1.25 * v, rel=0.03)


@pytest.mark.parametrize("t", [0.1, 0.4])
def test_mean_and_median_of_the_noise_are_brute_forces(t: float) -> None:
    """From draws of the data, weighted by the kernel at x_t = x."""
    process = MADE["vp"](BLOCK.process)
    a, s = process.a(t), process.s(t)
    x0 = DATA.spread_evenly(200_000).numpy()
    for x in (-0.8, -0.2, 0.5):
        weight = stats.norm.pdf(x, a * x0, s)
        weight /= weight.sum()
        eps = (x - a * x0) / s
        order = np.argsort(eps)
        median = eps[order][np.searchsorted(np.cumsum(weight[order]), 0.5)]
        at = torch.tensor([x], dtype=torch.float64)
        assert float(norms.mean_noise(DATA, at, a, s)) == pytest.approx(weight @ eps, abs=1e-3)
        assert float(norms.median_noise(DATA, at, a, s)) == pytest.approx(median, abs=5e-3)


def test_the_norm_is_least_at_the_median_and_its_square_at_the_mean() -> None:
    eps = torch.tensor([[0.0], [0.1], [0.3], [2.0], [5.0]])
    least = [
        minimize_scalar(
            lambda c, squared=squared: float(norms.matching(torch.tensor([[c]]), eps, squared)),
            bounds=(-1, 6),
            method="bounded",
        ).x
        for squared in (True, False)
    ]
    assert least == pytest.approx([1.48, 0.3], abs=0.01)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"chain": {"steps": [16, 64], "times": 4}}, "below 1"),
        ({"chain": {"steps": [33, 64], "times": 4}}, "multiple of times"),
        ({"data": {"weights": [1.0], "means": [0.0, 1.0], "spreads": [1.0]}}, "as many as"),
        ({"solving": {"evaluations": [3, 4], "samples": 9, "snr": 0.1}}, "even"),
    ],
)
def test_what_cannot_be_run_is_refused(change: dict, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ScoreSde.model_validate(TINY["score_sde"] | change)
