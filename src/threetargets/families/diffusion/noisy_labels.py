"""Labels that say little: a condition in which a model can ignore them."""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.streams import generator


def noisy(labels: Tensor, classes: int, share: float, seed: int) -> Tensor:
    """Labels (N,), int64, each replaced with probability `share` by a class that is drawn evenly,
    its own among them: p(class | label) = (1 - share) 1[class = label] + share / classes.

    What happens to image n is a function of (seed, n): all epochs see the same labels, and a larger
    share replaces the same ones and more.
    """
    if share == 0 or not len(labels):
        return labels
    streams = (generator(seed, "label-noise", n) for n in range(len(labels)))
    chance, which = torch.stack([torch.rand(2, generator=one) for one in streams]).unbind(1)
    drawn = (which * classes).long().clamp(max=classes - 1)
    return torch.where(chance < share, drawn, labels)
