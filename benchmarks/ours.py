"""This project's training step, guided sampling and likelihood, as its stages call them."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.rows import (
    MNIST,
    Options,
    Row,
    chosen,
    data,
    forward_operations,
    network_of,
    transformer_of,
)
from threetargets.cli.app import whole_float32
from threetargets.diffusion.guidance import conditional
from threetargets.diffusion.schedule import Table
from threetargets.families import parse, training_of
from threetargets.families.build import build
from threetargets.families.diffusion.model import Ddpm, static
from threetargets.families.diffusion.sampling import drawing, quick
from threetargets.families.protocol import Draw
from threetargets.likelihood.denoised import denoise
from threetargets.pipeline.cells import Run
from threetargets.training.ema import Ema
from threetargets.training.step import Eager, Graphed, Parts, Step, adamw, repeatable

RUN = Run(parse("ddpm_eps_eps-equivalent"), 0)


def model_of(network: dict[str, Any], run: Run) -> Ddpm:
    model = build(chosen(network), MNIST, run)
    assert isinstance(model, Ddpm)
    return model


def readied(options: Options, model: Ddpm) -> None:
    """On its device, and on a GPU as a study with `compile: true` and `precision: bf16` has it."""
    if options.gpu:
        repeatable()
        model.autocast = torch.bfloat16
        static(model, torch.device(options.device))
        model.net.compile(dynamic=False)
    model.to(options.device).train()


def step_of(options: Options, parts: Parts) -> Step:
    return Graphed(parts) if options.gpu else Eager(parts, parts.model)


def training(options: Options, network: dict[str, Any]) -> Row:
    """A step: draw, loss, backward, AdamW, average; on a GPU in bfloat16, compiled, one graph."""
    device, model = torch.device(options.device), model_of(network, RUN)
    operations = 3 * forward_operations(model.net)
    readied(options, model)
    settings = training_of(chosen(network), RUN.cell).model_copy(update={"batch": options.batch})
    optimizer = adamw(model, settings, device)
    parts = Parts(model, optimizer, Ema(model, 250000), *data(options), settings, 0)
    step = step_of(options, parts)
    steps = iter(range(settings.steps))
    return Row(lambda: step(next(steps)), options.batch, operations)


def drawn(model: Ddpm, network: dict[str, Any], device: torch.device, precision: str) -> Draw:
    """Ten DDIM steps with classifier-free guidance, both halves in one batch."""
    study = chosen(network)
    steps = study.sampling.model_copy(update={"steps": 10})
    study = study.model_copy(update={"sampling": steps, "precision": precision})
    return drawing(study, MNIST, RUN, model, None, "classifier-free", device)


def sampling(options: Options, network: dict[str, Any]) -> Row:
    model, device = model_of(network, RUN), torch.device(options.device)
    operations = 2 * 10 * forward_operations(model.net)
    model.to(device).eval()
    if options.gpu:
        quick(model, model.net, True)
    draw = drawn(model, network, device, "bf16" if options.gpu else "fp32")
    return Row(lambda: draw(2.0, range(options.sampled)), options.sampled, operations)


def likelihood(options: Options, network: dict[str, Any]) -> Row:
    """The bound over ten noise levels, without labels, in whole float32."""
    whole_float32()
    model = model_of(network, RUN)
    operations = 10 * forward_operations(model.net)
    model.to(options.device).eval()
    null = torch.full((1,), model.null, device=options.device)
    table, levels = short(model), data(options)[0][: options.sampled]
    predictors = [(slice(0, options.sampled), conditional(model.conditional, null))]

    def work() -> float:
        seen = denoise(predictors, table, levels, MNIST.levels, seed=0)
        return float(seen.bound("fixed-large").nats.mean())

    return Row(work, options.sampled, operations)


def short(model: Ddpm) -> Table:
    """Ten noise levels of the model's process."""
    at = torch.linspace(0, model.table.steps, 11).round().long()
    return Table(model.table.log_snr[at])


def unet_training(options: Options) -> Row:
    return training(options, network_of(options))


def unet_sampling(options: Options) -> Row:
    return sampling(options, network_of(options))


def unet_likelihood(options: Options) -> Row:
    return likelihood(options, network_of(options))


def transformer_training(options: Options) -> Row:
    return training(options, transformer_of(options))


def transformer_sampling(options: Options) -> Row:
    return sampling(options, transformer_of(options))
