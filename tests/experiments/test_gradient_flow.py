"""Three ways along a score against closed forms of a Gaussian and the gradient by autograd."""

from __future__ import annotations

import math

import pytest
import torch
from experiments.tiny_notes import TINY

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.schedule import Table
from threetargets.diffusion.target import Prediction
from threetargets.experiments.gradient_flow import measure, moves
from threetargets.experiments.gradient_flow.spec import GradientFlow
from threetargets.experiments.manifold.ring import Ring, exact
from threetargets.oracles import Gaussian
from threetargets.streams import generator

BLOCK = GradientFlow.model_validate(TINY["gradient_flow"])
RING = Ring(3, 0.2)
PREDICTOR = exact(RING, torch.eye(2, dtype=torch.float64))
OWN = Gaussian(
    torch.tensor([0.4, -0.2]), torch.tensor([[0.5, 0.2], [0.2, 0.3]], dtype=torch.float64)
)


def levels(*log_snrs: float) -> Table:
    """From fine to coarse."""
    return Table(torch.tensor([math.inf, *log_snrs], dtype=torch.float64))


def test_the_flow_is_the_oracles() -> None:
    path = levels(*torch.linspace(5, -5, 201).tolist())
    x = torch.randn(20, 2, dtype=torch.float64, generator=generator(0, "test"))
    *_, last = moves.flow(OWN.predict, path, x)
    wanted = OWN.flow(x, path.log_snr[-1], path.log_snr[1])
    torch.testing.assert_close(last.after, wanted, atol=2e-3, rtol=0)
    assert len(list(moves.flow(OWN.predict, path, x))) == 200


def test_a_step_of_the_flow_is_one_along_the_gradient() -> None:
    """dy = sigma |d sigma| grad log p(y; sigma) for y = x / a, the gradient by autograd."""
    path = levels(1.001, 1.0)
    x = torch.randn(20, 2, dtype=torch.float64, generator=generator(0, "test"))
    (move,) = moves.flow(PREDICTOR, path, x)
    fine, coarse = (torch.exp(-v / 2) for v in path.log_snr[1:])
    a_s, a_t = (signal_noise(v)[0] for v in path.log_snr[1:])
    y = (x / a_t).requires_grad_()
    law = RING.mixture()
    (uphill,) = torch.autograd.grad(law.log_density(a_t * y, path.log_snr[2]).sum(), y)
    moved = (move.after - move.before) / a_s
    torch.testing.assert_close(moved, coarse * (coarse - fine) * uphill, rtol=0.01, atol=1e-6)


def test_langevin_is_at_rest_where_its_closed_form_is() -> None:
    """At one level, on N(m, v I): variance v / (1 - w / 2v), w = rate s^2."""
    law = Gaussian(torch.tensor([0.4, 0.0]), 0.2 * torch.eye(2))
    path, source = levels(1.0, 0.5), generator(0, "test")
    x = torch.randn(20_000, 2, dtype=torch.float64, generator=source)

    def noise() -> torch.Tensor:
        return torch.randn(x.shape, dtype=torch.float64, generator=source)

    *_, last = moves.langevin(law.predict, path, x, 0.9, 40, noise)
    a, s = signal_noise(path.log_snr[1])
    v, w = float(a**2 * 0.2 + s**2), float(0.9 * s**2)
    assert float(last.after.var(0).mean()) == pytest.approx(v / (1 - w / (2 * v)), rel=0.02)
    assert float(last.after.mean(0)[0]) == pytest.approx(float(a) * 0.4, abs=0.02)


def test_ascent_ends_at_a_mode() -> None:
    level = torch.tensor(4.0, dtype=torch.float64)
    a, s = signal_noise(level)
    x = torch.randn(50, 2, dtype=torch.float64, generator=generator(0, "test"))
    *_, last = moves.ascent(PREDICTOR, level, x, 0.3, float((0.2 * a) ** 2 + s**2), 300)
    gaps = (last.after[:, None] / a - RING.centres).norm(dim=2).min(1).values
    assert float(gaps.max()) < 1e-3


def test_levels_begin_and_end_with_the_process() -> None:
    log_snr = measure.path(BLOCK).log_snr
    assert log_snr[[1, -1]].tolist() == pytest.approx([6.0, -7.0])
    assert len(log_snr) == BLOCK.moves.levels + 1


def turned(x: torch.Tensor, log_snr: torch.Tensor) -> Prediction:
    """The exact one with its eps turned by 60 degrees, and three times as long."""
    c, s = 0.5, math.sqrt(0.75)
    eps = 3 * PREDICTOR(x, log_snr).eps @ torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
    return Prediction(x, eps)


def test_the_cosine_of_a_score_that_is_turned_and_ascent_goes_uphill() -> None:
    both = {"exact": PREDICTOR, "learned": turned}
    assert list(measure.cosines(BLOCK, both, 0).values()) == pytest.approx([0.5] * 6)
    law = RING.mixture()
    _, uphill, tracks = measure.followed(BLOCK, "ascent", PREDICTOR, law, 0)
    assert uphill == 1 and tracks.shape == (24, 31, 2)
    _, uphill, _ = measure.followed(BLOCK, "langevin", PREDICTOR, law, 0)
    assert uphill < 0.9
