"""Restricted Boltzmann machines against sums over all states; annealing and chains against what is
known of them."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from threetargets.experiments.density_ladder import annealed, boltzmann, chain_times
from threetargets.experiments.density_ladder.boltzmann import Machine
from threetargets.experiments.density_ladder.spec import Boltzmann
from threetargets.streams import generator

LOOP = {"steps": 1500, "batch": 200, "learning_rate": 0.3, "decay": 0.0, "points": 3, "repeats": 1}


def a_machine(pixels: int, hidden: int, scale: float = 1.0, seed: int = 0) -> Machine:
    source = generator(seed, "test")

    def normal(*shape: int) -> Tensor:
        return scale * torch.randn(*shape, generator=source, dtype=torch.float64)

    return Machine(normal(hidden, pixels), normal(pixels), normal(hidden))


def binary(count: int) -> Tensor:
    rows = list(itertools.product((0.0, 1.0), repeat=count))
    return torch.tensor(rows, dtype=torch.float64)


SMALL = a_machine(4, 3)
V, H = binary(4), binary(3)
JOINT = torch.tensor(
    [
        [
            math.exp(float(SMALL.visible @ v + SMALL.hidden @ h + h @ SMALL.weight @ v))
            for h in binary(3)
        ]
        for v in binary(4)
    ],
    dtype=torch.float64,
)
"""exp(b v + c h + h W v) of each pair, (16, 8)."""
LAW = JOINT.sum(1) / JOINT.sum()
"""p(v)."""


def test_free_energy_and_partition_function_are_sums_over_pairs() -> None:
    torch.testing.assert_close(-SMALL.free_energy(V), JOINT.sum(1).log())
    assert SMALL.log_partition() == pytest.approx(math.log(float(JOINT.sum())), rel=1e-12)
    torch.testing.assert_close(SMALL.given(V), JOINT @ H / JOINT.sum(1, keepdim=True))
    torch.testing.assert_close(SMALL.back(H), JOINT.T @ V / JOINT.sum(0)[:, None])


def test_the_gradient_is_that_of_the_log_likelihood() -> None:
    """Both sides written as averages, against automatic differentiation of sums over pairs."""
    weight, visible, hidden = (
        part.clone().requires_grad_() for part in (SMALL.weight, SMALL.visible, SMALL.hidden)
    )
    energy = (V @ visible)[:, None] + H @ hidden + V @ weight.T @ H.T
    data = V[[1, 5, 5, 14]]
    rows = torch.tensor([1, 5, 5, 14])
    log_p = torch.logsumexp(energy[rows], 1).mean() - torch.logsumexp(energy.flatten(), 0)
    wanted = torch.autograd.grad(log_p, (weight, visible, hidden))
    got = SMALL.at(data).less(SMALL.model())
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other)
    assert got.flat.shape == (3 * 4 + 4 + 3,)


def frequencies(v: Tensor) -> Tensor:
    place = v.long() @ 2 ** torch.arange(v.shape[1] - 1, -1, -1)
    return torch.bincount(place, minlength=2 ** v.shape[1]).double() / len(v)


def test_a_sweep_leaves_the_law_as_it_is_and_comes_to_it() -> None:
    source, count = generator(0, "test"), 100_000
    exact = V[torch.multinomial(LAW, count, replacement=True, generator=source)]
    far = torch.zeros(count, 4, dtype=torch.float64)
    for _ in range(40):
        far = SMALL.sweep(far, source)
    for v in (SMALL.sweep(exact, source), far):
        error = (LAW * (1 - LAW) / count).sqrt()
        assert float(((frequencies(v) - LAW).abs() / error).max()) < 5


def test_contrastive_divergence_comes_to_the_gradient_with_sweeps() -> None:
    """Two modes between which chains are slow; the data have other shares of them, and no
    spread."""
    ones = torch.ones(4, dtype=torch.float64)
    machine = Machine(4 * ones[None], -2 * ones, -8 * ones[:1])
    data = V[[0, 0, 0, 15, 15]].repeat(2000, 1)
    few, many = (
        boltzmann.cosine(machine, data, how, 10, generator(1, "test")) for how in ("cd-1", "cd-99")
    )
    assert few < 0.3 and many > 0.999
    exact = boltzmann.cosine(machine, data, "exact", 1, generator(1, "test"))
    assert exact == pytest.approx(1.0)
    assert [boltzmann.sweeps_of(how) for how in ("cd-1", "cd-10", "pcd")] == [1, 10, 1]


def test_training_comes_to_the_entropy_of_the_data() -> None:
    """Three pixels, which eight hidden units can fit, by any gradient."""
    law = torch.tensor([0.35, 0.05, 0.05, 0.05, 0.1, 0.02, 0.05, 0.33])
    images = binary(3).float()[torch.multinomial(law, 4000, True, generator=generator(0, "test"))]
    seen = frequencies(images)
    entropy = -float((seen * seen.log()).sum())
    loop, steps = Boltzmann.model_validate(LOOP), list[int]()
    start = boltzmann.begun(images, 8, generator(0, "test"))

    def lost(machine: Machine) -> float:
        log_p = -machine.double().free_energy(binary(3)) - machine.double().log_partition()
        return -float((seen * log_p).sum()) - entropy

    assert lost(start) > 0.4
    for how in ("exact", "cd-10", "pcd"):
        made = boltzmann.trained(start, images, how, loop, 0, lambda k, m: steps.append(k))
        assert -1e-9 < lost(made) < 0.02, how
    assert steps[: LOOP["steps"] + 1] == list(range(LOOP["steps"] + 1))


def test_a_machine_begins_as_independent_pixels() -> None:
    chances = torch.tensor([0.1, 0.5, 0.9])
    images = (torch.rand(500, 3, generator=generator(0, "test")) < chances).float()
    start = boltzmann.begun(images, 5, generator(1, "test")).double()
    mean = (images.double().sum(0) + 1) / 502
    log_p = -start.free_energy(binary(3)) - start.log_partition()
    wanted = (binary(3) * mean.log() + (1 - binary(3)) * (1 - mean).log()).sum(1)
    torch.testing.assert_close(log_p, wanted, atol=0.1, rtol=0)


def test_decay_shrinks_weights_and_nothing_else() -> None:
    nothing = SMALL.model().less(SMALL.model())
    moved = SMALL.moved(nothing, 0.5, 0.2)
    torch.testing.assert_close(moved.weight, 0.9 * SMALL.weight)
    torch.testing.assert_close((moved.visible, moved.hidden), (SMALL.visible, SMALL.hidden))


BASE = torch.tensor([0.5, -1.0, 0.0, 2.0], dtype=torch.float64)
"""Logits that are far from the machine's own."""


def test_annealed_weights_have_the_mean_z() -> None:
    """Within five standard errors, with as few temperatures as there can be."""
    for levels in (2, 5):
        log_w = annealed.log_weights(SMALL, BASE, levels, 200_000, generator(levels, "test"))
        guess, error = annealed.log_mean(log_w)
        assert error < 0.02
        assert abs(guess - SMALL.log_partition()) < 5 * error


def test_annealing_comes_to_the_exact_partition_function() -> None:
    """Twelve hidden units, as many as the study sums over; the error is the one that it says."""
    machine = a_machine(20, 12, 0.7, seed=3)
    exact = machine.log_partition()
    every = [
        annealed.log_mean(
            annealed.log_weights(machine, torch.zeros(20).double(), 200, 50, generator(k, "test"))
        )
        for k in range(12)
    ]
    off = torch.tensor([guess - exact for guess, _ in every])
    said = sum(error for _, error in every) / len(every)
    assert said < 0.3 and float(off.abs().max()) < 5 * said
    assert 0.4 < float(off.std()) / said < 2.5


def test_the_mean_of_weights_is_taken_without_overflow() -> None:
    log_w = torch.tensor([1000.0, 1000.0 + math.log(3)], dtype=torch.float64)
    guess, error = annealed.log_mean(log_w)
    assert guess == pytest.approx(1000 + math.log(2)) and error == pytest.approx(0.5)


def test_the_time_of_a_chain_is_that_of_an_autoregression() -> None:
    """x' = f x + sqrt(1 - f^2) z has rho(t) = f^t and the time (1 + f) / (1 - f)."""
    kept, source = 0.8, generator(0, "test")
    x = torch.randn(200, 3, generator=source)
    states = []
    for _ in range(2000):
        x = kept * x + math.sqrt(1 - kept**2) * torch.randn(200, 3, generator=source)
        states.append(x)
    rho = chain_times.autocorrelation(torch.stack(states) + 5.0)
    assert len(rho) == 501 and float(rho[0]) == pytest.approx(1.0)
    powers = kept ** torch.arange(20, dtype=torch.float64)
    torch.testing.assert_close(rho[:20], powers, atol=0.01, rtol=0)
    assert chain_times.integrated(rho) == pytest.approx(1.8 / 0.2, rel=0.03)
    exact = kept ** torch.arange(400, dtype=torch.float64)
    assert chain_times.integrated(exact) == pytest.approx(9.0, rel=1e-3)


def test_chains_that_stay_apart_are_seen() -> None:
    """Of each chain for itself nothing is to be seen: they do not move."""
    stuck = torch.tensor([0.0, 1.0]).repeat(50)[None, :, None].expand(80, -1, 1)
    noise = 0.01 * torch.randn(80, 100, 1, generator=generator(0, "test"))
    rho = chain_times.autocorrelation(stuck + noise)
    assert float(rho.min()) > 0.99 and chain_times.integrated(rho) > 39


def test_a_walk_keeps_what_comes_after_its_beginning() -> None:
    v = V[[0, 15]].repeat(5, 1)
    whole = chain_times.walked(SMALL, v, 0, 7, generator(0, "test"))
    later = chain_times.walked(SMALL, v, 3, 4, generator(0, "test"))
    assert whole.shape == (7, 10, 4)
    torch.testing.assert_close(later, whole[3:])
