"""Reverse steps against quadrature by scipy; two regressions against draws of the forward process
and against each other's mean."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError
from scipy.integrate import quad
from scipy.stats import norm

from threetargets.calibration.reverse_steps import GRID, divergences, reverse
from threetargets.diffusion.kernel import signal_noise
from threetargets.experiments.line import law
from threetargets.experiments.reverse_kernel import measure
from threetargets.experiments.reverse_kernel.regressions import (
    constants,
    drawn,
    exact_mean,
    excess,
    read,
)
from threetargets.experiments.reverse_kernel.spec import ReverseKernel
from threetargets.streams import generator

BLOCK = ReverseKernel.model_validate(TINY["reverse_kernel"])
DATA = law([0.3, 0.7], [-0.6, 0.4], [0.14, 0.22])
TABLE = measure.levels(BLOCK)


def test_a_step_of_beta_is_the_forward_kernels() -> None:
    """x_i = sqrt(1 - beta) x_{i-1} + sqrt(beta) eps, from the variances of both ends."""
    for beta in (0.003, 0.5):
        (a, s), (a_, s_) = (signal_noise(v) for v in measure.stepped(2.0, beta))
        assert float(a_ / a) == pytest.approx(math.sqrt(1 - beta))
        assert float(s_**2) == pytest.approx(float((1 - beta) * s**2 + beta))


def test_the_divergence_and_the_modes_are_those_of_quadrature() -> None:
    """At the x_i whose reverse step is the least Gaussian."""
    beta = 0.5
    near, far = measure.stepped(4.0, beta)
    own = reverse(near, far, DATA.mixture)
    each = divergences(own)
    k = int(each.argmax())
    a, s = (float(v) for v in signal_noise(near))
    before = DATA.noised(a, s)
    marginal = np.exp(np.asarray(DATA.mixture.log_density(torch.from_numpy(GRID)[:, None], far)))
    x = GRID[np.flatnonzero(marginal * (GRID[1] - GRID[0]) > 1e-10)[::12][k]]

    def joint(u: float) -> float:
        p = float(before.density(torch.tensor([u], dtype=torch.float64)))
        return p * float(norm.pdf(x, math.sqrt(1 - beta) * u, math.sqrt(beta)))

    span = {"limit": 400, "points": [-0.6, 0.4]}
    z, first, second = (quad(lambda u, n=n: joint(u) * u**n, -3, 3, **span)[0] for n in range(3))
    mean = first / z
    gauss = norm(mean, math.sqrt(second / z - mean**2))

    def gap(u: float) -> float:
        p = joint(u) / z
        return p * (math.log(p) - float(gauss.logpdf(u))) if p > 0 else 0.0

    assert each[k] == pytest.approx(quad(gap, -3, 3, **span)[0], abs=1e-5)
    assert measure.modes(own)[k] == 2
    assert own.weight.sum() == pytest.approx(1)


def test_gaussian_data_have_gaussian_reverse_steps() -> None:
    one = law([1.0], [0.2], [0.5])
    own = reverse(*measure.stepped(4.0, 0.5), one.mixture)
    assert np.abs(divergences(own)).max() < 1e-9
    assert set(measure.modes(own)) == {1}


def test_pairs_are_those_of_the_forward_process() -> None:
    """x_i - sqrt(alpha) x_{i-1} is noise of variance 1 - alpha that knows nothing of x_{i-1}; and
    x_{i-1} has its own marginal's variance."""
    i, x, before, _ = drawn(DATA, TABLE, 200_000, generator(0, "test"))
    for k in (2, 5, 8):
        (a, s), (a_, _) = (signal_noise(TABLE.log_snr[j]) for j in (k - 1, k))
        root = a_ / a
        here = i == k
        noise = x[here] - root * before[here]
        assert float(noise.var()) == pytest.approx(float(1 - root**2), rel=0.03)
        assert abs(float(torch.corrcoef(torch.stack([noise, before[here]]))[0, 1])) < 0.02
        marginal = DATA.noised(float(a), float(s)).moments[1]
        assert float(before[here].var()) == pytest.approx(marginal, rel=0.03)
    assert set(i.tolist()) == set(range(2, 9))


def test_the_mean_is_that_of_the_exact_kernel() -> None:
    """A E[x_0 | x_i] + B x_i beside the mean of p(x_{i-1} | x_i) on the grid."""
    best = exact_mean(DATA, TABLE)
    for k in (2, 6):
        own = reverse(TABLE.log_snr[k - 1], TABLE.log_snr[k], DATA.mixture)
        marginal = np.asarray(
            DATA.mixture.log_density(torch.from_numpy(GRID)[:, None], TABLE.log_snr[k]).exp()
        )
        kept = np.flatnonzero(marginal * (GRID[1] - GRID[0]) > 1e-10)[::12]
        x = torch.from_numpy(GRID[kept])
        mean = best(x, torch.full((len(x),), k)).numpy()
        inner = np.abs(GRID[kept]) < 2
        assert (GRID @ own.p)[inner] == pytest.approx(mean[inner], abs=1e-6)


def test_the_variance_of_what_is_regressed() -> None:
    """Of draws around the exact mean, over C, beside the closed forms."""
    targets = {f.metric: f.value for f in measure.of_targets(BLOCK, DATA)}
    i, x, before, mean = drawn(DATA, TABLE, 200_000, generator(0, "test"))
    best, sums = exact_mean(DATA, TABLE), {"kernel": 0.0, "denoising": 0.0}
    for k in range(2, TABLE.steps + 1):
        here = i == k
        centre, c = best(x[here], i[here]), constants(TABLE, torch.tensor([k])).C
        for name, target in (("kernel", before), ("denoising", mean)):
            sums[name] += float((target[here] - centre).square().mean() / c) / (TABLE.steps - 1)
    for name, value in sums.items():
        assert targets[f"target_variance/{name}"] == pytest.approx(value, rel=0.03)


def test_what_an_output_stands_for() -> None:
    """Of the noise that was drawn the mean given the clean data; of a mean itself."""
    i, x, before, mean = drawn(DATA, TABLE, 50, generator(0, "test"))
    source = generator(0, "test")
    DATA.draw(50, source)
    torch.randint(2, TABLE.steps + 1, (50,), generator=source)
    eps = torch.randn(50, dtype=torch.float64, generator=source)
    torch.testing.assert_close(read("kernel-eps", eps, TABLE, x, i), mean)
    assert torch.equal(read("kernel", before, TABLE, x, i), before)


def test_the_excess_is_in_nats() -> None:
    """Of the exact mean 0; of one that is off by sqrt(2 C) 1 for each step."""
    best = exact_mean(DATA, TABLE)
    assert excess(DATA, TABLE, best, 50) == 0

    def off(x: torch.Tensor, i: torch.Tensor) -> torch.Tensor:
        return best(x, i) + (2 * constants(TABLE, i).C).sqrt()

    assert excess(DATA, TABLE, off, 50) == pytest.approx(TABLE.steps - 1)


def test_laws_are_the_seeds() -> None:
    one, again, other = (measure.data_of(BLOCK, seed) for seed in (0, 0, 1))
    assert torch.equal(one.means, again.means) and not torch.equal(one.means, other.means)
    assert len(one.means) == 3 and float(one.weights.sum()) == pytest.approx(1)


def test_steps_that_do_not_rise_to_the_last_are_refused() -> None:
    wrong = TINY["reverse_kernel"]["regression"] | {"steps": [10, 20]}
    with pytest.raises(ValidationError, match=r"rise to training\.steps"):
        ReverseKernel.model_validate(TINY["reverse_kernel"] | {"regression": wrong})
