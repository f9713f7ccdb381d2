"""The average of the weights, counted in images."""

import math

import pytest
import torch
from torch import nn

from threetargets.training.ema import RAMP, Ema, decay


class Scalar(nn.Module):
    def __init__(self, value=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value], dtype=torch.float64))
        self.register_buffer("count", torch.tensor(0))

    def put(self, value):
        self.weight.data.fill_(value)
        return self


def value(ema):
    return float(ema.state["weight"])


def follow(path, batch, images, halflife, seen=0, start=0.0):
    """The average after weights path(n) at n images since the start, in steps of `batch`."""
    model = Scalar(start)
    ema = Ema(model, halflife)
    for n in range(batch, images + 1, batch):
        model.put(path(n))
        ema.update(batch, seen + n)
    return value(ema)


LATE = 10**7
"""Images after which the warm-up is over."""


@pytest.mark.parametrize("halflife", [0, 100, 20000])
def test_of_a_constant(halflife):
    assert follow(lambda n: 3.25, 10, 500, halflife, start=3.25) == 3.25


def test_half_is_forgotten_after_the_halflife():
    assert follow(lambda n: 1.0, 50, 1000, 1000, seen=LATE) == pytest.approx(0.5, rel=1e-12)
    assert follow(lambda n: 1.0, 50, 3000, 1000, seen=LATE) == pytest.approx(7 / 8, rel=1e-12)


def test_of_a_ramp():
    """Weights equal to the number of steps n: the average is sum_k (1 - d) d^(n - k) k, summed in
    closed form."""
    batch, steps, halflife = 20, 200, 500
    d = 0.5 ** (batch / halflife)
    expected = steps - d * (1 - d**steps) / (1 - d)
    assert follow(lambda n: n / batch, batch, batch * steps, halflife, seen=LATE) == pytest.approx(
        expected, rel=1e-10
    )


@pytest.mark.parametrize("batch", [1, 16, 100])
def test_twice_the_batch_in_half_the_steps_is_the_same_average(batch):
    """For weights that stay put over both halves of the larger batch."""
    path = lambda n: math.sin(math.ceil(n / (2 * batch)))  # noqa: E731
    one = follow(path, batch, 40 * batch, 7 * batch, seen=LATE)
    two = follow(path, 2 * batch, 40 * batch, 7 * batch, seen=LATE)
    assert one == pytest.approx(two, rel=1e-12) and abs(one) > 0.01


def test_the_batch_hardly_matters_during_the_warm_up_either():
    """Weights that grow with the images seen: both averages lag by the same part of them."""
    one, two = (follow(lambda n: float(n), b, 12800, 10**9) for b in (16, 32))
    lag = 1 - one / 12800
    assert 0.03 < lag < 0.1
    assert one == pytest.approx(two, rel=0.002)


def test_the_first_weights_are_forgotten_at_once():
    """Without a warm-up the average would still be 0.97 of the first weights here."""
    assert abs(follow(lambda n: 0.0, 32, 320, 10000, start=1.0)) < 1e-9


@pytest.mark.parametrize(
    "seen, expected", [(0, 0.0), (1000, 0.5 ** (20 / 50)), (100000, 0.5 ** (20 / 500))]
)
def test_decay(seen, expected):
    assert RAMP == 0.05
    assert decay(20, seen, 500) == pytest.approx(expected, rel=1e-12)
    assert decay(20, seen, 0) == 0.0


def test_whole_numbers_are_copied_and_the_average_is_its_own():
    model = Scalar(1.0)
    ema = Ema(model, 1000)
    model.put(2.0)
    assert value(ema) == 1.0
    model.count += 5
    ema.update(10, LATE)
    assert int(ema.state["count"]) == 5 and 1.0 < value(ema) < 1.1
    other = Ema(Scalar(), 1000)
    other.load({k: v.clone() for k, v in ema.state.items()})
    assert value(other) == value(ema) and int(other.state["count"]) == 5
