"""Score matching against closed forms, and its sliced form against the whole one."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from threetargets.experiments import score_matching
from threetargets.experiments.density_ladder import plane
from threetargets.streams import generator

MATRIX = torch.tensor([[1.5, 0.4], [0.4, 0.7]], dtype=torch.float64)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed, "test"))


def test_score_matching_of_a_quadratic_is_a_closed_form() -> None:
    """log f = -x A x / 2: |A x|^2 / 2 - tr A; least at the precision of the data."""
    x = normal(5000, 2) @ torch.linalg.cholesky(torch.linalg.inv(MATRIX)).T

    def of(a: Tensor) -> Tensor:
        return score_matching.hyvarinen(lambda y: -0.5 * (y @ a * y).sum(1), x)

    wanted = 0.5 * (x @ MATRIX).square().sum(1).mean() - MATRIX.trace()
    torch.testing.assert_close(of(MATRIX).detach(), wanted)
    best = torch.linalg.inv(x.T @ x / len(x)).requires_grad_()
    (slope,) = torch.autograd.grad(of(best), best)
    assert float((slope + slope.T).abs().max()) < 1e-8


def test_sliced_score_matching_is_the_same_on_average() -> None:
    """Over the four directions of signs, exactly, in value and in gradient."""
    torch.manual_seed(0)
    net, x = plane.Energy(8, 2).double(), normal(20, 2)
    whole = score_matching.hyvarinen(net, x)
    signs = [torch.tensor(s).double().expand(20, 2) for s in itertools.product((1, -1), repeat=2)]
    parts = [score_matching.sliced(net, x, v) for v in signs]
    torch.testing.assert_close(torch.stack(parts).mean(), whole)
    assert len({round(float(part.detach()), 8) for part in parts}) > 1
    some = [p for name, p in net.named_parameters() if name != "body.net.4.bias"]
    wanted = torch.autograd.grad(whole, some)
    got = torch.autograd.grad(torch.stack(parts).mean(), some)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other)
