"""Several trainings of one small network at a time: by stacked weights in one process, or side by
side in processes of their own. Which one fills a machine better than one training alone?"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from benchmarks import ours, variants
from benchmarks.rows import (
    MNIST,
    Options,
    Row,
    chosen,
    data,
    forward_operations,
    network_of,
    spread,
)
from benchmarks.timing import ROUNDS, answer, middle, started
from threetargets.families import training_of
from threetargets.families.diffusion.model import Ddpm, static
from threetargets.pipeline.cells import Run
from threetargets.training.ema import Ema
from threetargets.training.step import adamw

TOGETHER = 8

Gradients = Callable[..., tuple[Tensor, ...]]
"""(stacked parameters, buffers, images (M, B, C, H, W), labels, i (M, B), eps) -> gradients."""


class Objective(nn.Module):
    """A model's loss over a batch whose noise is given."""

    def __init__(self, model: Ddpm):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, labels: Tensor, i: Tensor, eps: Tensor) -> Tensor:
        return self.model.example_loss(images, labels, i, eps).mean()


def stack(models: Sequence[Ddpm]) -> tuple[nn.ParameterList, Gradients]:
    """The parameters of all, one behind the other, and the gradients of all losses at once."""
    objectives = [Objective(model) for model in models]
    stacked, buffers = stack_module_state(objectives)
    names, first = list(stacked), objectives[0]

    def loss(parameters: dict[str, Tensor], own: dict[str, Tensor], *batch: Tensor) -> Tensor:
        return functional_call(first, (parameters, own), batch)

    def gradients(parameters: Sequence[Tensor], *batch: Tensor) -> tuple[Tensor, ...]:
        named = dict(zip(names, parameters, strict=True))
        slopes = vmap(grad(loss))(named, buffers, *batch)
        return tuple(slopes[name] for name in names)

    return nn.ParameterList(stacked.values()), gradients


def small(options: Options) -> dict[str, Any]:
    return variants.SMALL if options.gpu else network_of(options)


def stacked(options: Options) -> Row:
    """A step of all: draws, losses, backward passes, AdamW, averages; on a GPU in bfloat16,
    compiled and replayed as graphs."""
    device, network = torch.device(options.device), small(options)
    models = [ours.model_of(network, Run(ours.RUN.cell, k)) for k in range(TOGETHER)]
    operations = 3 * forward_operations(models[0].net)
    for model in models:
        model.autocast = torch.bfloat16 if options.gpu else None
        static(model, device)
        model.to(device).train()
    parameters, gradients = stack(models)
    if options.gpu:
        gradients = torch.compile(gradients, dynamic=False, mode="reduce-overhead")
    settings = training_of(chosen(network), ours.RUN.cell)
    optimizer = adamw(parameters, settings, device)
    average = Ema(parameters, settings.ema_halflife_images)
    images, labels = data(options)
    size, steps = (TOGETHER, options.batch), itertools.count(1)

    @torch.no_grad()  # of a gradient none is wanted
    def step() -> None:
        rows = torch.randint(0, len(images), size, device=device)
        i = torch.randint(1, models[0].table.steps + 1, size, device=device)
        eps = torch.randn(*size, *MNIST.shape, device=device)
        slopes = gradients(list(parameters), images[rows], labels[rows], i, eps)
        for parameter, slope in zip(parameters, slopes, strict=True):
            parameter.grad = slope
        optimizer.step()
        average.update(options.batch, next(steps) * options.batch)

    return Row(step, TOGETHER * options.batch, operations)


def alone(options: Options) -> Row:
    """A step of one, in the way in which a study takes it."""
    if options.gpu:
        return variants.training(options, compiled="network", small=True)
    return ours.training(options, network_of(options))


def side_by_side(options: Options) -> dict[str, dict[str, str]]:
    """The rate of all processes together, beside that of the first while it is alone: eight on a
    GPU, one for each core else. Each has the threads of the options."""
    count = TOGETHER if options.gpu else len(os.sched_getaffinity(0))
    row = {"unit": "GFLOP/s", "peer_name": "ours, one alone"}
    ones, sums = list[float](), list[float]()
    with started([alone] * count, options) as pipes:
        reason = next((why for why in map(answer, pipes) if isinstance(why, str)), "")
        while not reason and len(sums) < ROUNDS:
            for asked, seen in ((pipes[:1], ones), (pipes, sums)):
                for pipe in asked:
                    pipe.send(True)
                rates = [answer(pipe) for pipe in asked]
                reason = reason or next((r for r in rates if isinstance(r, str)), "")
                seen.append(sum(r for r in rates if isinstance(r, float)))
    if reason:
        return {f"{count} trainings side by side": row | {"note": reason}}
    together, one = middle(sums), middle(ones)
    row |= {"ours": f"{together:.1f}", "ours_spread": spread(sums)}
    row |= {"peer": f"{one:.1f}", "peer_spread": spread(ones)}
    return {f"{count} trainings side by side": row | {"ratio_to_peer": f"{together / one:.2f}"}}
