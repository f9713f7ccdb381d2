"""Binary draws: their mean is the grey level, and the ends are certain."""

import torch

from threetargets import streams
from threetargets.data import binarise


def test_ones_come_with_the_probability_of_the_grey_level():
    n = 20000
    grey = torch.tensor([0, 1, 64, 128, 254, 255], dtype=torch.uint8).expand(n, 6)
    drawn = binarise.draw(grey, streams.generator(0, "test"))
    assert drawn.dtype == torch.uint8 and set(drawn.unique().tolist()) == {0, 1}
    p = grey[0].double() / 255
    stderr = (p * (1 - p) / n).sqrt()
    assert ((drawn.double().mean(0) - p).abs() <= 4 * stderr).all()


def test_black_and_white_are_certain_for_the_extreme_draws(monkeypatch):
    for u in (0.0, 1 - 2**-24):
        monkeypatch.setattr(torch, "rand", lambda shape, u=u, **_: torch.full(shape, u))
        drawn = binarise.draw(torch.tensor([0, 255], dtype=torch.uint8), torch.Generator())
        assert drawn.tolist() == [0, 1]
