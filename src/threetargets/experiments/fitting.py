"""The training of a small network on draws made anew at each step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from threetargets.experiments.manifold.spec import Fit
from threetargets.streams import key
from threetargets.training.ema import Ema
from threetargets.training.step import adamw, learning_rate


def fitted(
    make: Callable[[], nn.Module], loss: Callable[[nn.Module, int], Tensor], fit: Fit, stream: str
) -> nn.Module:
    """The network of `make` with its averaged weights after AdamW on loss(net, step). Initial
    weights are a function of `stream` alone: with one stream two losses are paired."""
    settings = fit.settings
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(0, stream))
        net = make()
    optimizer, average = (
        adamw(net, settings, torch.device("cpu")),
        Ema(net, settings.ema_halflife_images),
    )
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, step)
        value = loss(net, step)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        average.update(net, settings.batch, (step + 1) * settings.batch)
    net.load_state_dict(average.state)
    return net.eval()
