"""Rates of training and guided sampling on a GPU, ours and diffusers', as one JSON.

    python benchmarks/gpu_step.py --out rates.json

Every row is a process: all of them build and compile at once, then each measures alone, in turn.
TFLOP/s are 3 x forward x images/s for training (a backward pass is two forward ones) and forward x
calls x images/s for sampling; the forward pass is counted by torch.utils.flop_counter.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import json
import multiprocessing
import statistics
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from threetargets import study
from threetargets.families import parse, training_of
from threetargets.families.build import build
from threetargets.families.counted import counted
from threetargets.families.diffusion.model import Ddpm, static
from threetargets.families.diffusion.sampling import drawing, quick
from threetargets.pipeline.cells import Run
from threetargets.training.ema import Ema
from threetargets.training.step import Eager, Graphed, Parts, Step, adamw, repeatable

ROOT = Path(__file__).parents[1]
MNIST = SimpleNamespace(shape=(1, 28, 28), levels=256, classes=10, dims=784)
REPEATS = 3


class Row:
    """`work` is called `count` times a measurement and does `images` images a call, at
    `operations` floating-point operations each."""

    def __init__(self, work: Callable[[], object], images: int, operations: float):
        self.work, self.images, self.operations = work, images, operations


def forward_operations(network: nn.Module) -> float:
    x, label = torch.zeros(1, *MNIST.shape), torch.zeros(1, dtype=torch.int64)
    return counted(lambda: network(x, torch.zeros(1), label))


def chosen(options: Any, **network: int) -> Any:
    """The study of MNIST on a GPU, its sizes cut where a machine has none."""
    whole = study.load(ROOT / "config/mnist.yaml")
    sizes = network or ({} if options.device == "cuda" else {"width": 8, "depth": 1})
    return whole.model_copy(update={"network": whole.network.model_copy(update=sizes)})


def data(options: Any) -> tuple[Tensor, Tensor]:
    """Noise: no rate depends on it."""
    g = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (55000, *MNIST.shape), generator=g).to(torch.uint8)
    return images.to(options.device), (torch.arange(55000) % 10).to(options.device)


def ours(
    options: Any,
    weighting: str = "eps-equivalent",
    *,
    ready: bool = True,
    compiled: str = "",
    graph: bool = True,
    repeat: bool = True,
    **network: int,
) -> Row:
    """A training step. ready: with channels last and a loss of constant shapes; compiled: network,
    loss or nothing."""
    if repeat:
        repeatable()
    of, device = chosen(options, **network), torch.device(options.device)
    run = Run(parse(f"ddpm_eps_{weighting}"), 0)
    model = build(of, MNIST, run)
    assert isinstance(model, Ddpm)
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
    settings = training_of(of, run.cell).model_copy(update={"batch": options.batch})
    optimizer = adamw(model, settings, device)
    parts = Parts(model, optimizer, Ema(model, 250000), *data(options), settings, 0)
    step: Step = Graphed(parts) if graph else Eager(parts, Accelerator(), model)
    steps = iter(range(settings.steps))
    return Row(lambda: step(next(steps)), options.batch, operations)


def theirs(options: Any) -> nn.Module:
    """diffusers' U-Net of the same widths, conditional on a class."""
    from diffusers import UNet2DModel

    channels = (48, 96, 96) if options.device == "cuda" else (8, 16, 16)
    return UNet2DModel(
        sample_size=28,
        in_channels=1,
        out_channels=1,
        layers_per_block=2,
        block_out_channels=channels,
        down_block_types=("DownBlock2D",) * 3,
        up_block_types=("UpBlock2D",) * 3,
        norm_num_groups=8,
        num_class_embeds=11,
        add_attention=False,
    )


def their_operations(network: nn.Module) -> float:
    x, label = torch.zeros(1, *MNIST.shape), torch.zeros(1, dtype=torch.int64)
    return counted(lambda: network(x, torch.zeros(1), label))


def diffusers_training(options: Any) -> Row:
    """Their step as their examples have it, at its best: compiled, channels last, fused AdamW."""
    from diffusers import DDPMScheduler
    from diffusers.training_utils import EMAModel

    device, net = torch.device(options.device), theirs(options)
    operations = 3 * their_operations(net)
    net = net.to(device, memory_format=torch.channels_last)
    average = EMAModel(net.parameters(), foreach=True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-4, fused=True)
    schedule = DDPMScheduler(num_train_timesteps=500)
    images, labels = data(options)
    if options.device == "cuda":
        net.compile(dynamic=False)

    def work() -> None:
        rows = torch.randint(0, len(images), (options.batch,), device=device)
        x = images[rows].float() / 127.5 - 1
        noise, t = torch.randn_like(x), torch.randint(0, 500, (options.batch,), device=device)
        noisy = schedule.add_noise(x, noise, t)
        with torch.autocast(device.type, torch.bfloat16):
            guess = net(noisy, t, class_labels=labels[rows]).sample
        loss = nn.functional.mse_loss(guess.float(), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average.step(net.parameters())

    return Row(work, options.batch, operations)


def sampling(options: Any, *, ready: bool, compiled: bool = False, half: bool = False) -> Row:
    """Classifier-free guided DDIM, both halves in one batch, 10 steps."""
    of, device = chosen(options), torch.device(options.device)
    of = of.model_copy(update={"sampling": of.sampling.model_copy(update={"steps": 10})})
    run = Run(parse("ddpm_eps_eps-equivalent"), 0)
    model = build(of, MNIST, run)
    assert isinstance(model, Ddpm)
    operations = 2 * 10 * forward_operations(model.net)
    model.to(device).eval()
    if ready:
        quick(model, model.net, compiled)
    if half:
        inner = model.net.forward
        model.net.forward = lambda *x: _in_bfloat16(inner, device, *x)  # type: ignore[method-assign]
    draw = drawing(of, MNIST, run, model, None, "classifier-free", device)
    return Row(lambda: draw(2.0, range(options.sampled)), options.sampled, operations)


def _in_bfloat16(network: Callable[..., Tensor], device: torch.device, *inputs: Tensor) -> Tensor:
    with torch.autocast(device.type, torch.bfloat16):
        return network(*inputs)


def diffusers_sampling(options: Any) -> Row:
    """The same with their network and scheduler, bfloat16, channels last, compiled."""
    from diffusers import DDIMScheduler

    device, net = torch.device(options.device), theirs(options)
    operations = 2 * 10 * their_operations(net)
    net = net.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    if options.device == "cuda":
        net.compile(dynamic=False)
    schedule = DDIMScheduler(num_train_timesteps=500)
    schedule.set_timesteps(10)
    labels = torch.arange(options.sampled, device=device) % 10
    both = torch.cat([labels, torch.full_like(labels, 10)])

    @torch.no_grad()
    def work() -> None:
        x = torch.randn(options.sampled, *MNIST.shape, device=device)
        for t in schedule.timesteps:
            with torch.autocast(device.type, torch.bfloat16):
                guess = net(torch.cat([x, x]), t, class_labels=both).sample.float()
            c, u = guess.chunk(2)
            x = schedule.step(u + 2.0 * (c - u), t, x).prev_sample

    return Row(work, options.sampled, operations)


def product(options: Any) -> Row:
    """What the card multiplies at: a bfloat16 product."""
    n = 8192 if options.device == "cuda" else 256
    a = torch.randn(n, n, dtype=torch.bfloat16, device=options.device)
    return Row(lambda: a @ a, 1, 2.0 * n**3)


BEFORE = {"ready": False, "graph": False, "repeat": False}
ROWS: dict[str, Callable[[Any], Row]] = {
    "bf16 product": product,
    "train, eager (before)": functools.partial(ours, **BEFORE),
    "train, compiled (before)": functools.partial(ours, compiled="network", **BEFORE),
    "train elbo, eager (before)": functools.partial(ours, weighting="elbo", **BEFORE),
    "train, graph of eager kernels": ours,
    "train, graph, network compiled": functools.partial(ours, compiled="network"),
    "train, graph, network compiled, any order of sums": functools.partial(
        ours, compiled="network", repeat=False
    ),
    "train, graph, loss compiled": functools.partial(ours, compiled="loss"),
    "train elbo, graph, network compiled": functools.partial(
        ours, weighting="elbo", compiled="network"
    ),
    "train small U-Net, eager (before)": functools.partial(ours, width=32, depth=1, **BEFORE),
    "train small U-Net, graph of eager kernels": functools.partial(ours, width=32, depth=1),
    "train small U-Net, graph, network compiled": functools.partial(
        ours, compiled="network", width=32, depth=1
    ),
    "train diffusers, compiled, channels last": diffusers_training,
    "sample, eager (before)": functools.partial(sampling, ready=False),
    "sample, channels last": functools.partial(sampling, ready=True),
    "sample, channels last, compiled": functools.partial(sampling, ready=True, compiled=True),
    "sample, channels last, compiled, bf16": functools.partial(
        sampling, ready=True, compiled=True, half=True
    ),
    "sample diffusers, compiled, channels last, bf16": diffusers_sampling,
}


def settle(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def measured(row: Row, options: Any) -> dict[str, float]:
    """The median of REPEATS rates, each over `seconds` or more; calls are queued as a training
    queues them."""
    settle(options.device)
    start = time.perf_counter()
    row.work()
    settle(options.device)
    calls = max(1, round(options.seconds / REPEATS / (time.perf_counter() - start)))
    rates = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(calls):
            row.work()
        settle(options.device)
        rates.append(calls * row.images / (time.perf_counter() - start))
    rate = statistics.median(rates)
    return {
        "images_per_second": rate,
        "spread": (max(rates) - min(rates)) / rate,
        "tflops": rate * row.operations / 1e12,
        "mflop_an_image": row.operations / 1e6,
    }


def process(name: str, options: Any, pipe: Connection) -> None:
    """One row: make it ready, say so, and measure when told to."""
    try:
        torch.set_num_threads(1)
        start = time.perf_counter()
        row = ROWS[name](options)
        for _ in range(6):  # compiles, warms up, records
            row.work()
        settle(options.device)
        if options.device == "cuda":
            torch.cuda.empty_cache()  # the other rows are on the card as well
        pipe.send(time.perf_counter() - start)
        pipe.recv()
        pipe.send(measured(row, options))
    except Exception as error:
        traceback.print_exc()
        with contextlib.suppress(OSError):
            pipe.send(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--sampled", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--ready", type=float, default=120.0, help="seconds to be ready in")
    parser.add_argument("--only", default="", help="rows whose names contain this")
    options = parser.parse_args()
    gpu = options.device == "cuda"
    options.batch = options.batch or (512 if gpu else 16)
    options.sampled = options.sampled or (1000 if gpu else 16)
    rows = [name for name in ROWS if options.only in name]
    if importlib.util.find_spec("diffusers") is None:
        rows = [name for name in rows if "diffusers" not in name]
    spawn = multiprocessing.get_context("spawn")
    began, found = time.perf_counter(), dict[str, Any]()
    result = {"torch": torch.__version__, "device": options.device, "rows": found}
    if gpu:
        result["device"] = torch.cuda.get_device_name()

    def put() -> None:
        text = json.dumps(result, indent=1)
        if options.out:
            options.out.write_text(text + "\n", encoding="utf-8")
        else:
            print(text)

    # On a CPU, where rows are few and small, one after the other.
    for group in [rows] if gpu else [[name] for name in rows]:
        pipes: dict[str, Connection] = {}
        workers = []
        for name in group:
            pipes[name], other = spawn.Pipe()
            workers.append(spawn.Process(target=process, args=(name, options, other), daemon=True))
            workers[-1].start()
        deadline = time.perf_counter() + options.ready
        ready: dict[str, Any] = {}
        for name, pipe in pipes.items():
            late = not pipe.poll(max(0.0, deadline - time.perf_counter()))
            ready[name] = f"not ready in {options.ready:.0f} s" if late else pipe.recv()
        for name, seconds in ready.items():
            found[name] = {"error": seconds}
            if isinstance(seconds, float):
                pipes[name].send(True)
                rates = pipes[name].recv() if pipes[name].poll(60) else "no answer in 60 s"
                failed = isinstance(rates, str)
                found[name] = {"error": rates} if failed else {"ready_seconds": seconds, **rates}
            print(f"{name}: {json.dumps(found[name])}", flush=True)
            if options.out:
                put()
        for worker in workers:
            worker.terminate()
    result["seconds"] = time.perf_counter() - began
    put()


if __name__ == "__main__":
    main()
