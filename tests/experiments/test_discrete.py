"""Discrete corruption against matrices, enumeration and draws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError

from threetargets.experiments.discrete import enumeration, measure
from threetargets.experiments.discrete.corruption import (
    CORRUPTIONS,
    Corruption,
    absorbing,
    alphas,
    categorical,
    gumbel,
)
from threetargets.experiments.discrete.spec import Discrete
from threetargets.streams import generator

BOTH = pytest.mark.parametrize("name", CORRUPTIONS)


def a_law(count: int, seed: int = 0) -> torch.Tensor:
    u = torch.rand(count, dtype=torch.float64, generator=generator(seed, "test"))
    return (5 * u).softmax(0)


def chain(process: Corruption, alpha: float) -> np.ndarray:
    """One step from every state to every state, as a matrix written out."""
    states, mask = process.states, process.states > process.levels
    to = np.eye(states)[-1] if mask else np.full(states, 1 / states)
    return alpha * np.eye(states) + (1 - alpha) * np.tile(to, (states, 1))


@BOTH
def test_the_reverse_is_bayes_rule_on_the_chains_matrices(name: str) -> None:
    """x_0 -> x_s -> x_t by matrix products; p(x_s | x_t) from the joint of all three."""
    process, r = CORRUPTIONS[name](4), a_law(4)
    first, second = chain(process, 0.7), chain(process, 0.4)
    joint = np.einsum("a,ab,bc->bc", r.numpy(), first[:4], second)
    path = [torch.tensor(v, dtype=torch.float64) for v in (0.7, 0.28)]
    for x_t in range(process.states):
        got = process.reverse(r, torch.tensor(x_t), *path)
        np.testing.assert_allclose(got, joint[:, x_t] / joint[:, x_t].sum(), atol=1e-13)


@BOTH
def test_corruption_draws_from_its_marginal(name: str) -> None:
    process, count = CORRUPTIONS[name](3), 60_000
    x = process.corrupt(torch.full((count,), 1), torch.tensor(0.6), generator(0, "test"))
    seen = np.bincount(x, minlength=process.states) / count
    np.testing.assert_allclose(seen, chain(process, 0.6)[1], atol=0.01)


@BOTH
@pytest.mark.parametrize("steps", [1, 5])
def test_the_bound_of_the_true_reverse_is_the_entropy(name: str, steps: int) -> None:
    """Whatever T: with the exact joint posterior nothing is lost."""
    law = a_law(9)
    value = enumeration.joint_bound(CORRUPTIONS[name](3), law, 2, alphas(steps))
    assert value == pytest.approx(-float((law * law.log()).sum()), abs=1e-12)


@BOTH
def test_pixel_by_pixel_the_bound_comes_to_the_entropy_as_one_over_t(name: str) -> None:
    law, process = a_law(9), CORRUPTIONS[name](3)
    exact, least = enumeration.denoiser(process, law, 2), -float((law * law.log()).sum())
    gaps = [enumeration.bound(process, law, 2, alphas(t), exact) - least for t in (1, 32, 64)]
    one, other = law.view(3, 3).sum(1), law.view(3, 3).sum(0)
    apart = -float((one * one.log()).sum() + (other * other.log()).sum()) - least
    assert gaps[0] == pytest.approx(apart, abs=1e-12), "at T = 1: the mutual information"
    assert gaps[1] / gaps[2] == pytest.approx(2, abs=0.1)


@BOTH
def test_a_single_pixel_loses_nothing(name: str) -> None:
    law, process = a_law(4), CORRUPTIONS[name](4)
    exact = enumeration.denoiser(process, law, 1)
    value = enumeration.bound(process, law, 1, alphas(7), exact)
    assert value == pytest.approx(-float((law * law.log()).sum()), abs=1e-12)


def inconsistent(x_t: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Conditionals that are those of no joint law."""
    weights = torch.randn(x_t.shape[1], 3, dtype=torch.float64, generator=generator(1, "test"))
    score = torch.stack([torch.cos(3 * x_t.double() @ weights[:, k] + k) for k in range(3)], 1)
    return torch.stack([score, 2 * score.roll(1, 1)], -1).softmax(-1)[:, : x_t.shape[1]]


def test_absorption_is_autoregression_in_any_order() -> None:
    """Of conditionals that agree with no joint law: each order has another likelihood, walked here
    by the definition; their mean is the bound of infinitely many steps."""
    law, process = a_law(8), absorbing(2)
    masks = enumeration.Masks(process, law, 3, inconsistent)
    walked = []
    for order in itertools.permutations(range(3)):
        total = 0.0
        for x, p in zip(itertools.product((0, 1), repeat=3), law, strict=True):
            seen = torch.full((1, 3), 2)
            for i in order:
                total -= float(p * inconsistent(seen, torch.tensor(0.5))[0, i, x[i]].log())
                seen[0, i] = x[i]
        walked.append(total)
    assert np.ptp(walked) > 0.05
    np.testing.assert_allclose(np.sort(masks.over_orders()), np.sort(walked), atol=1e-12)
    assert masks.continuous() == pytest.approx(np.mean(walked), abs=1e-12)
    bounds = [enumeration.bound(process, law, 3, alphas(t), inconsistent) for t in (50, 100)]
    assert 2 * bounds[1] - bounds[0] == pytest.approx(np.mean(walked), abs=1e-4)


@BOTH
def test_the_loss_and_the_bound_are_those_that_are_counted_out(name: str) -> None:
    """The mean over draws of an untrained network's, on two binary pixels."""
    process, path = CORRUPTIONS[name](2), 3
    net = measure.network(process, (1, 2), 8, 1, 0)
    torch.nn.init.normal_(net.last.weight, generator=generator(0, "test"))
    law = a_law(4)

    def denoise(x_t: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        return measure.read(process, net, x_t.view(-1, 1, 2), alpha).view(len(x_t), 2, 2)

    with torch.no_grad():
        wanted = enumeration.bound(process, law, 2, alphas(path), denoise)
    which = torch.multinomial(law, 40_000, replacement=True, generator=generator(0, "test"))
    x0 = enumeration.grid(2, 2)[which].view(-1, 1, 2)
    values = measure.bound(process, net, x0, path, 0)
    error = float(values.std()) / math.sqrt(len(values))
    assert float(values.mean()) == pytest.approx(wanted, abs=5 * error) and error < 0.02
    with torch.no_grad():
        one = float(measure.loss(process, net, x0, path, generator(0, "test")))
    assert one == pytest.approx(wanted, abs=0.08)


def test_float32_noise_draws_what_is_improbable_too_seldom() -> None:
    """Two states at odds of exp(-17): of each first u many draws, of the second the highest values
    of the grid that torch draws on, each with its own probability."""
    odds, bits = 17.0, 24
    u = torch.rand(200_000, generator=generator(0, "test"))
    assert bool((u * 2**bits % 1 == 0).all()), "float32 draws lie on a grid of 2^-24"
    noise = -(-u.log()).log()
    top = 1 - torch.arange(1, 4097, dtype=torch.float64) / 2**bits
    highest = -(-top.float().log()).log()
    above = torch.searchsorted(highest.flip(0), noise + odds)
    seldom = float((len(top) - above).double().mean()) / 2**bits
    exact = 1 / (1 + math.exp(odds))
    assert seldom < 0.5 * exact
    fine = gumbel((200_000,), generator(0, "test"))
    drawn = torch.exp(-torch.exp(-fine))
    assert fine.dtype == torch.float64 and float((drawn * 2**bits % 1 > 1e-4).double().mean()) > 0.9
    above_fine = -torch.expm1(-torch.exp(-(odds + fine)))
    assert float(above_fine.mean()) == pytest.approx(exact, rel=0.02)


def test_draws_have_their_laws() -> None:
    law = a_law(5)
    x = categorical(law.expand(50_000, 5), generator(0, "test"))
    np.testing.assert_allclose(np.bincount(x) / 50_000, law, atol=0.01)
    assert set(categorical(torch.tensor([[0.0, 1.0]]), generator(0, "test")).tolist()) == {1}


@BOTH
def test_samples_of_the_exact_denoiser_have_the_data_law(name: str) -> None:
    """Two binary pixels, one step for each: the law up to what a step of two pixels loses."""
    process, law = CORRUPTIONS[name](2), torch.tensor([0.4, 0.1, 0.1, 0.4], dtype=torch.float64)
    exact = enumeration.denoiser(process, law, 2)
    source = generator(0, "test")
    x = categorical(process.law.expand(20_000, 1, 2, -1), source)
    for after, before in itertools.pairwise(alphas(40).flip(0)):
        r = exact(x.view(-1, 2), after).view(*x.shape, 2)
        x = categorical(process.reverse(r, x, before, after), source)
    seen = np.bincount(x.view(-1, 2) @ torch.tensor([2, 1]), minlength=4) / 20_000
    np.testing.assert_allclose(seen, law, atol=0.015)


@pytest.mark.parametrize(
    ("part", "change", "complaint"),
    [
        ("toy", {"levels": 6}, "at most 256"),
        ("patch", {"height": 4}, "every order is walked"),
        ("patch", {"left": 7}, "lies within"),
    ],
)
def test_what_cannot_be_counted_out_is_refused(part: str, change: dict, complaint: str) -> None:
    values = TINY["discrete"] | {part: TINY["discrete"][part] | change}
    with pytest.raises(ValidationError, match=complaint):
        Discrete.model_validate(values)
