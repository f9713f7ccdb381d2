"""Langevin's chain against the closed form of a Gaussian, quadrature and brute force; Metropolis's
correction; score matching against the score; what does not depend on Z."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError
from scipy.integrate import quad
from scipy.stats import wasserstein_distance

from threetargets.experiments.langevin_density import measure
from threetargets.experiments.langevin_density.chains import (
    adjusted,
    apart,
    counted,
    softmax,
    stationary_density,
    stepped,
)
from threetargets.experiments.langevin_density.energy import ScoreNetwork, hyvarinen
from threetargets.experiments.langevin_density.spec import (
    STEPS,
    LangevinDensity,
    stationary_variance,
)
from threetargets.experiments.line import law
from threetargets.streams import generator

BLOCK = LangevinDensity.model_validate(TINY["langevin_density"])
DATA = law(**BLOCK.data.model_dump())
GRID = torch.linspace(-5, 5, 801, dtype=torch.float64)


def noise(count: int, source: torch.Generator) -> torch.Tensor:
    return torch.randn(count, dtype=torch.float64, generator=source)


@pytest.mark.parametrize("kind", STEPS)
def test_the_stationary_variance_of_a_gaussian(kind: str) -> None:
    """By iterating Var' = (1 - drift dt/v)^2 Var + diffusion dt, by simulation, and by the grid."""
    v, width, (drift, diffusion) = 0.5, 0.1, STEPS[kind]
    wanted = stationary_variance(v, width, drift, diffusion)
    variance = 3.0
    for _ in range(500):
        variance = (1 - drift * width / v) ** 2 * variance + diffusion * width
    assert wanted == pytest.approx(variance, rel=1e-12)
    source = generator(0, "test")
    y = noise(40_000, source)
    for _ in range(60):
        y = stepped(lambda x: -x / v, y, width, drift, diffusion, noise(len(y), source))
    assert float(y.var()) == pytest.approx(wanted, rel=0.03)
    density = stationary_density(lambda x: -x / v, GRID, width, drift, diffusion)
    cell = float(GRID[1] - GRID[0])
    assert float(density.sum() * cell) == pytest.approx(1)
    assert float((GRID**2 * density).sum() * cell) == pytest.approx(wanted, rel=1e-6)


def test_the_limits_of_both_steps() -> None:
    """exp(score) / Z for the corrected one, exp(4 score) / Z for the printed one; at order 1."""

    def value(y: torch.Tensor) -> torch.Tensor:
        return DATA.mixture.log_density(y[:, None])

    for kind, times in (("corrected", 1.0), ("printed", 4.0)):
        limit, _ = softmax(value, GRID, times)
        far = [
            apart(stationary_density(DATA.score, GRID, width, *STEPS[kind]), limit, GRID)
            for width in (0.02, 0.01, 0.005)
        ]
        assert far[2] < 0.01
        assert [a / b for a, b in pairwise(far)] == pytest.approx([2.0, 2.0], rel=0.35)


def test_the_grid_is_the_chain() -> None:
    """On a mixture, at a width where the bias is large."""
    density = stationary_density(DATA.score, GRID, 0.08, *STEPS["corrected"])
    source = generator(0, "test")
    y = DATA.draw(40_000, source)
    for _ in range(40):
        y = stepped(DATA.score, y, 0.08, *STEPS["corrected"], noise(len(y), source))
    assert apart(counted(y, GRID), density, GRID) < 0.02
    assert apart(DATA.density(GRID), density, GRID) > 0.04


def test_metropolis_leaves_the_density_alone_at_any_width() -> None:
    source = generator(0, "test")
    y = DATA.draw(40_000, source)
    for _ in range(30):
        coin = torch.rand(len(y), dtype=torch.float64, generator=source)
        z = noise(len(y), source)
        y, taken = adjusted(
            lambda x: DATA.mixture.log_density(x[:, None]), DATA.score, y, 0.3, z, coin
        )
    assert 0.3 < float(taken.double().mean()) < 0.95
    assert apart(counted(y, GRID), DATA.density(GRID), GRID) < 0.02


def test_z_and_the_distance_are_scipys() -> None:
    density, log_z = softmax(lambda y: -(y**4) / 4 + y, GRID)
    z, _ = quad(lambda y: math.exp(-(y**4) / 4 + y), -5, 5)
    assert log_z == pytest.approx(math.log(z), abs=1e-8)
    other = DATA.density(GRID)
    weights = [d.numpy() / d.numpy().sum() for d in (density, other)]
    wanted = wasserstein_distance(GRID.numpy(), GRID.numpy(), *weights)
    assert apart(density, other, GRID) == pytest.approx(wanted, rel=1e-3)
    y = torch.tensor([-7.0, 0.001, 0.002, 1.0], dtype=torch.float64)
    assert np.count_nonzero(counted(y, GRID).numpy()) == 3


def test_score_matching_is_half_the_distance_to_the_score_up_to_a_constant() -> None:
    """Of two networks, by exact expectations on even quantiles: J differs by half of what E |g -
    score|^2 differs by."""
    y = DATA.spread_evenly(20_001)
    values, errors = [], []
    for seed in (0, 1):
        torch.manual_seed(seed)
        net = ScoreNetwork(8).double()
        net.body[-1].weight.data *= 20
        values.append(hyvarinen(net, y.clone()).item())
        errors.append(float((net.gradient(y) - DATA.score(y)).square().mean()) / 2)
    assert values[0] - values[1] == pytest.approx(errors[0] - errors[1], abs=2e-3)
    assert abs(errors[0] - errors[1]) > 0.1


def test_a_constant_moves_z_and_nothing_else() -> None:
    figures = {f.metric: f.value for f in measure.of_energy(BLOCK, 0)[0]}
    assert figures["shift/chains"] == figures["shift/trained"] == 0
    assert figures["shift/chains_log_z"] == pytest.approx(measure.SHIFT, abs=1e-9)
    assert figures["shift/trained_log_z"] == pytest.approx(measure.SHIFT, abs=1e-6)


def test_noise_levels_are_geometric() -> None:
    levels = measure.noise_levels(BLOCK)
    assert levels == pytest.approx([8.0, math.sqrt(0.8), 0.1])


def test_what_has_no_law_is_refused() -> None:
    walking = TINY["langevin_density"]["walking"] | {"step_sizes": [0.02, 0.2]}
    with pytest.raises(ValidationError, match="has no law"):
        LangevinDensity.model_validate(TINY["langevin_density"] | {"walking": walking})
