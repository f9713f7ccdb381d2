"""How the small networks of experiments are trained: AdamW with a warm-up on draws made anew at
each step, and an average of the weights. Imports no torch until it trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from threetargets.study.blocks import Training
from threetargets.study.values import Count, Positive, PositiveReal, Section

if TYPE_CHECKING:
    from torch import Tensor, nn


class Fit(Section):
    """A training: so many steps of so many examples; the average's half-life is in examples."""

    steps: Positive
    batch: Positive
    learning_rate: PositiveReal
    warmup_steps: Count
    ema_halflife_images: Count

    @property
    def settings(self) -> Training:
        """The same as the training loop's own functions take it."""
        more = {"weight_decay": 0.0, "log_every": self.steps, "checkpoint_every": self.steps}
        return Training.model_validate(self.model_dump() | more)


def fit(net: nn.Module, loss: Callable[[int], Tensor], chosen: Fit) -> nn.Module:
    """Minimise loss(step), shape (), and give the network its averaged weights."""
    import torch

    from threetargets.training.ema import Ema
    from threetargets.training.step import adamw, learning_rate

    settings = chosen.settings
    optimizer = adamw(net, settings, torch.device("cpu"))
    average = Ema(net, settings.ema_halflife_images)
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, step)
        value = loss(step)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        average.update(settings.batch, (step + 1) * settings.batch)
    net.load_state_dict(average.state)
    return net.eval()


def fitted(
    make: Callable[[], nn.Module],
    loss: Callable[[nn.Module, int], Tensor],
    chosen: Fit,
    stream: str,
) -> nn.Module:
    """The network of `make` after `fit` on loss(net, step). Initial weights are a function of
    `stream` alone: with one stream two losses are paired."""
    import torch

    from threetargets.streams import key

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(0, stream))
        net = make()
    return fit(net, lambda step: loss(net, step), chosen)
