"""How the small networks of experiments are trained: Adam with a warm-up, and an average of the
weights. Imports no torch until it trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from threetargets.study.blocks import Training
from threetargets.study.values import Count, Positive, PositiveReal, Section

if TYPE_CHECKING:
    from torch import Tensor, nn


class Steps(Section):
    """A training: so many steps of so many examples; the average's half-life is in examples."""

    steps: Positive
    batch: Positive
    learning_rate: PositiveReal
    warmup_steps: Count
    ema_halflife_images: Count


def fit(net: nn.Module, loss: Callable[[int], Tensor], chosen: Steps) -> nn.Module:
    """Minimise loss(step), shape (), and give the network its averaged weights."""
    import torch

    from threetargets.training.ema import Ema
    from threetargets.training.step import adamw, learning_rate

    more = {"weight_decay": 0.0, "log_every": chosen.steps, "checkpoint_every": chosen.steps}
    settings = Training.model_validate(chosen.model_dump() | more)
    optimizer = adamw(net, settings, torch.device("cpu"))
    average = Ema(net, settings.ema_halflife_images)
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, step)
        value = loss(step)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        average.update(net, settings.batch, (step + 1) * settings.batch)
    net.load_state_dict(average.state)
    return net.eval()
