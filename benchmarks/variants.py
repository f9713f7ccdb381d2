"""Where the rate of a GPU comes from: our training step and guided sampling in the ways in which
they can be run, each beside the eager one. On a GPU alone: on a CPU there is one way."""

from __future__ import annotations

import functools

import torch

from benchmarks import ours
from benchmarks.rows import Make, Options, Row, chosen, data, forward_operations, network_of
from threetargets.families import parse, training_of
from threetargets.families.diffusion.model import Ddpm, static
from threetargets.families.diffusion.sampling import quick
from threetargets.pipeline.cells import Run
from threetargets.training.ema import Ema
from threetargets.training.step import Eager, Graphed, Parts, Step, adamw, repeatable

SMALL = {"name": "unet", "width": 32, "depth": 1}
"""195 MFLOP a pass: the network that left most of a card idle."""


def training(
    options: Options,
    weighting: str = "eps-equivalent",
    *,
    ready: bool = True,
    compiled: str = "",
    graph: bool = True,
    repeat: bool = True,
    small: bool = False,
) -> Row:
    """A training step in bfloat16. ready: with channels last and a loss of constant shapes;
    compiled: network, loss or nothing; graph: recorded and replayed; repeat: sums in one order."""
    if repeat:
        repeatable()
    network = SMALL if small else network_of(options)
    device, run = torch.device(options.device), Run(parse(f"ddpm_eps_{weighting}"), 0)
    model = ours.model_of(network, run)
    operations = 3 * forward_operations(model.net)
    model.autocast = torch.bfloat16
    if ready:
        static(model, device)
    model.to(device).train()
    if compiled == "network":
        model.net.compile(dynamic=False)
    if compiled == "loss":
        fused = functools.partial(torch.compile(Ddpm.example_loss, dynamic=False), model)
        object.__setattr__(model, "example_loss", fused)
    settings = training_of(chosen(network), run.cell).model_copy(update={"batch": options.batch})
    optimizer = adamw(model, settings, device)
    parts = Parts(model, optimizer, Ema(model, 250000), *data(options), settings, 0)
    step: Step = Graphed(parts) if graph else Eager(parts, model)
    steps = iter(range(settings.steps))
    return Row(lambda: step(next(steps)), options.batch, operations)


def sampling(options: Options, *, ready: bool, compiled: bool = False, half: bool = False) -> Row:
    """Ten guided steps in float32, or with the network in bfloat16 (half)."""
    network, device = network_of(options), torch.device(options.device)
    model = ours.model_of(network, ours.RUN)
    operations = 2 * 10 * forward_operations(model.net)
    model.to(device).eval()
    if ready:
        quick(model, model.net, compiled)
    draw = ours.drawn(model, network, device, "bf16" if half else "fp32")
    return Row(lambda: draw(2.0, range(options.sampled)), options.sampled, operations)


BEFORE = {"ready": False, "graph": False, "repeat": False}
TRAINING: Make = functools.partial(training, **BEFORE)
ELBO: Make = functools.partial(training, weighting="elbo", **BEFORE)
SMALL: Make = functools.partial(training, small=True, **BEFORE)
SAMPLING: Make = functools.partial(sampling, ready=False)
VARIANTS: dict[str, tuple[Make, Make]] = {
    "train, network compiled": (
        functools.partial(training, compiled="network", **BEFORE),
        TRAINING,
    ),
    "train, graph": (training, TRAINING),
    "train, graph, network compiled": (functools.partial(training, compiled="network"), TRAINING),
    "train, graph, network compiled, any order of sums": (
        functools.partial(training, compiled="network", repeat=False),
        TRAINING,
    ),
    "train, graph, loss compiled": (functools.partial(training, compiled="loss"), TRAINING),
    "train elbo, graph, network compiled": (
        functools.partial(training, weighting="elbo", compiled="network"),
        ELBO,
    ),
    "train small U-Net, graph": (functools.partial(training, small=True), SMALL),
    "train small U-Net, graph, network compiled": (
        functools.partial(training, compiled="network", small=True),
        SMALL,
    ),
    "sample, channels last": (functools.partial(sampling, ready=True), SAMPLING),
    "sample, compiled": (functools.partial(sampling, ready=True, compiled=True), SAMPLING),
    "sample, compiled, bfloat16": (
        functools.partial(sampling, ready=True, compiled=True, half=True),
        SAMPLING,
    ),
}
"""Each way, and the eager one that it is measured beside."""
