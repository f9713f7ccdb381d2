"""One step of a training: draw a batch, its loss, backward, AdamW, average of the weights.

`Eager` takes it operation by operation: the reference, and what a CPU and several processes do. On
a GPU, where the host would otherwise be the slower one, `Graphed` records it once as a CUDA graph
and replays it: nothing in it is read by the host. In both, images and noise of step k are functions
of (seed, k) alone.
"""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from threetargets.streams import ALL, generator, key
from threetargets.study.blocks import Training
from threetargets.training.ema import Ema, decay

Resample = Callable[[Tensor, torch.Generator], Tensor]
"""Draws levels anew from the stored images of a batch, where a data set is a distribution (dynamic
binarisation)."""

Step = Callable[[int], Tensor]
"""Takes step k. Its loss, shape (), on the device: reading it waits for the device."""

WARM_UP = 3
"""Steps that are taken eagerly before the graph is recorded: libraries choose their kernels, the
compiler runs, Adam's moments are made."""

WINDOW = 64
"""Steps whose rows the device gets at once."""


def batch_indices(seed: int, step: int, batch: int, count: int) -> Tensor:
    """The examples of step `step`: positions step * batch .. of an endless sequence of
    permutations, one a epoch.

    Permutation e is a function of (seed, "order", e) alone, so a resumed run sees what the
    undisturbed one would.
    """
    position = torch.arange(step * batch, (step + 1) * batch)
    epochs = position // count
    return torch.cat(
        [_order(seed, int(e), count)[position[epochs == e] % count] for e in epochs.unique()]
    )


@functools.lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> Tensor:
    return torch.randperm(count, generator=generator(seed, "order", epoch))


def learning_rate(settings: Training, step: int) -> float:
    """Linear warm-up, then half a cosine down to zero at the last step."""
    warm = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    return settings.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / settings.steps))


def adamw(model: nn.Module, settings: Training, device: torch.device) -> torch.optim.AdamW:
    """AdamW, fused: one kernel for all parameters; on a CPU the loop over them took as long as the
    forward and backward pass. On a GPU its learning rate lies there, for a graph to change it."""
    gpu = device.type == "cuda"
    rate = settings.learning_rate
    return torch.optim.AdamW(
        model.parameters(),
        lr=torch.tensor(rate, device=device) if gpu else rate,
        weight_decay=settings.weight_decay,
        fused=True,
        capturable=gpu,
    )


@dataclass(frozen=True)
class Parts:
    """What a step works on. Images (N, C, H, W) uint8 and labels (N,) lie on the device."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    ema: Ema
    images: Tensor
    labels: Tensor
    settings: Training
    seed: int
    resample: Resample | None = None


class Eager:
    """A step as it is written. `wrapped`: the model as the processes share it, which has the
    gradients averaged over `share`s of the batch."""

    def __init__(self, parts: Parts, wrapped: nn.Module, share: slice = ALL):
        self.parts, self.wrapped, self.share = parts, wrapped, share

    def __call__(self, step: int) -> Tensor:
        parts, settings, seed = self.parts, self.parts.settings, self.parts.seed
        device = parts.images.device
        for group in parts.optimizer.param_groups:
            group["lr"] = learning_rate(settings, step)
        rows = batch_indices(seed, step, settings.batch, len(parts.images)).to(device)
        batch = parts.images[rows]
        if parts.resample:
            batch = parts.resample(batch, generator(seed, "binarise", step, device=device))
        noise = generator(seed, "train", step, device=device)
        loss = self.wrapped(batch, parts.labels[rows], noise, self.share)
        parts.optimizer.zero_grad()
        loss.backward()
        parts.optimizer.step()
        parts.ema.update(settings.batch, (step + 1) * settings.batch)
        return loss.detach()


class Graphed:
    """A step recorded as a CUDA graph and replayed: on the device alone, but for its number, two
    keys of noise, and every WINDOW steps the rows of the next ones.

    Where there is no GPU, or the recording fails, the same operations are called one by one.
    """

    def __init__(self, parts: Parts):
        settings, device = parts.settings, parts.images.device
        self.parts, self.device = parts, device
        steps, batch = range(settings.steps), settings.batch
        weights = [1 - decay(batch, (k + 1) * batch, settings.ema_halflife_images) for k in steps]
        self.rates = torch.tensor([learning_rate(settings, k) for k in steps], device=device)
        self.weights = torch.tensor(weights, device=device)
        self.at = torch.zeros(1, dtype=torch.int64, device=device)
        self.rows = torch.zeros(WINDOW, batch, dtype=torch.int64, device=device)
        self.loss = torch.zeros((), dtype=torch.float64, device=device)
        self.sources = self._generators()
        self.graph: torch.cuda.CUDAGraph | None = None
        self.window, self.warm, self.records = -1, 0, device.type == "cuda"

    def _generators(self) -> dict[str, torch.Generator]:
        return {purpose: torch.Generator(self.device) for purpose in ("train", "binarise")}

    def __call__(self, step: int) -> Tensor:
        if self.records and self.graph is None and self.warm >= WARM_UP:
            self._record()
        self.place(step)
        if self.graph is not None:
            self.graph.replay()
        elif self.records:
            self._aside()
        else:
            self.operations()
        self.warm += 1
        return self.loss

    def place(self, step: int) -> None:
        """Tell the device which step comes: nothing here waits for it."""
        if step // WINDOW != self.window:
            self.window = step // WINDOW
            batch, count = self.parts.settings.batch, len(self.parts.images)
            rows = batch_indices(self.parts.seed, self.window, WINDOW * batch, count)
            if self.device.type == "cuda":
                rows = rows.pin_memory()
            self.rows.copy_(rows.view(WINDOW, batch), non_blocking=True)
        self.at.fill_(step)
        # Philox with this key, from its start: what a generator made for this step would draw.
        for purpose, source in self.sources.items():
            source.manual_seed(key(self.parts.seed, purpose, step))

    def operations(self) -> None:
        """The step that `place` has named."""
        parts = self.parts
        for group in parts.optimizer.param_groups:
            rate = self.rates.index_select(0, self.at).squeeze(0)
            if isinstance(group["lr"], Tensor):
                group["lr"].copy_(rate)
            else:
                group["lr"] = float(rate)  # without a GPU
        rows = self.rows.index_select(0, self.at % WINDOW).squeeze(0)
        batch = parts.images.index_select(0, rows)
        if parts.resample:
            batch = parts.resample(batch, self.sources["binarise"])
        loss = parts.model(batch, parts.labels.index_select(0, rows), self.sources["train"])
        parts.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parts.optimizer.step()
        parts.ema.approach(self.weights.index_select(0, self.at).squeeze(0))
        self.loss.copy_(loss.detach())

    def _aside(self) -> None:
        """On a stream of its own, as CUDA asks of what is recorded afterwards."""
        now, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(now)
        with torch.cuda.stream(side):
            self.operations()
        now.wait_stream(side)

    def _record(self) -> None:
        graph = torch.cuda.CUDAGraph()
        for source in self.sources.values():
            graph.register_generator_state(source)
        self.parts.optimizer.zero_grad(set_to_none=True)
        try:
            with torch.cuda.graph(graph):
                self.operations()
        except RuntimeError as error:
            why = str(error).splitlines()[0]
            print(f"the step goes on without a CUDA graph: {why}", file=sys.stderr)
            self.records, self.sources = False, self._generators()
        else:
            self.graph = graph


def repeatable() -> None:
    """Kernels whose sums have one order, so that a resumed training is the undisturbed one to the
    bit on the same device. Where a library has none, it warns."""
    from torch._inductor import config as inductor  # seconds that a CPU does not need

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    if hasattr(inductor, "deterministic"):  # the compiler then measures no kernels to choose one
        inductor.deterministic = True
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
