"""The training loop, flat: one reads it from top to bottom. It is the same for every model of the
study."""

from __future__ import annotations

import copy
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from threetargets.errors import BudgetReached, ConfigError, Diverged
from threetargets.study.blocks import Training
from threetargets.tracking.journal import Journal, truncate_after
from threetargets.training import checkpoint
from threetargets.training.ema import Ema
from threetargets.training.step import (
    Eager,
    Graphed,
    Parts,
    Resample,
    Step,
    adamw,
    learning_rate,
    repeatable,
)
from threetargets.weights import Kept

Validate = Callable[[nn.Module], float]


@dataclass(frozen=True)
class Trained:
    """The averaged weights of a finished training, and what it took."""

    weights: dict[str, Tensor]
    seconds: float
    images: int
    kept: Kept


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collects SIGTERM and SIGINT instead of dying of them, so that the loop can save first."""
    caught: list[int] = []
    before = {
        s: signal.signal(s, lambda number, _: caught.append(number))
        for s in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def train(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    settings: Training,
    *,
    name: str,
    seed: int,
    identity: str,
    folder: Path,
    validate: Validate,
    accelerator: Accelerator,
    resample: Resample | None = None,
    budget: float = math.inf,
    graph: bool = True,
    keep: tuple[int, ...] = (),
) -> Trained:
    """Train `model` on levels `images` (N, C, H, W) and `labels` (N,), going on from the checkpoint
    in `folder` if there is one.

    Every number depends on (seed, step) alone. Several processes (accelerate launch) compute equal
    shares of every batch, with the noise that one process would draw; the first alone writes.
    Raises ConfigError where the batch has no equal shares, Diverged where the loss is not finite,
    and BudgetReached, after saving, when `budget` seconds have passed or the process is told to
    end. `graph`: whether one process on a GPU replays its steps as a CUDA graph. `keep`: steps
    after which the averaged weights are kept, too.
    """
    device, main = accelerator.device, accelerator.is_main_process
    share = share_of(settings.batch, accelerator.process_index, accelerator.num_processes)
    images, labels = images.to(device), labels.to(device)
    graph = graph and device.type == "cuda" and accelerator.num_processes == 1
    if device.type == "cuda":
        repeatable()
    model = accelerator.prepare(model)
    plain = accelerator.unwrap_model(model)
    optimizer = adamw(plain, settings, device)
    ema = Ema(plain, settings.ema_halflife_images)
    saved = folder / "checkpoint.safetensors"
    # The sum of the losses since the last entry is float64, as some losses are: a checkpoint keeps
    # all its digits.
    nothing = torch.zeros((), dtype=torch.float64, device=device)
    first, spent, running, since = 0, 0.0, nothing, 0
    kept: Kept = {}
    if saved.exists():
        state, kept = checkpoint.restore(saved, identity, plain, ema, optimizer, keep)
        first, spent, since = state.step, state.seconds, state.since
        running = torch.tensor(state.running, dtype=torch.float64, device=device)
    if main:
        if first:
            print(f"{name}: goes on after step {first}", file=sys.stderr)
        truncate_after(folder / "journal.jsonl", first)
    journal = Journal(folder / "journal.jsonl") if main else None
    parts = Parts(plain, optimizer, ema, images, labels, settings, seed, resample)
    take: Step = Graphed(parts) if graph else Eager(parts, model, share)
    start, shown = time.monotonic(), time.monotonic()
    model.train()

    with _signals() as caught:
        for step in range(first, settings.steps):
            running, since = running + take(step), since + 1
            done = step + 1
            seen = done * settings.batch

            last = done == settings.steps
            logged = done % settings.log_every == 0 or last
            if logged:
                mean = float(_mean(running, accelerator) / since)
                if not math.isfinite(mean):
                    raise Diverged(
                        f"{name}: loss is {mean} at step {done}; lower training learning_rate "
                        "or lengthen warmup_steps"
                    )
                running, since = nothing, 0
                now = time.monotonic()
                rate = (done - first) * settings.batch / (now - start)
                if journal:
                    metrics = {
                        "loss": mean,
                        "learning_rate": learning_rate(settings, step),
                        "images_per_second": rate,
                    }
                    journal.log(done, seen, metrics)
                if main and (now - shown > 2 or last):
                    left = (settings.steps - done) * settings.batch / rate
                    where = f"{name}: step {done}/{settings.steps}"
                    print(
                        f"{where}  loss {mean:.4g}  {rate:.0f} images/s  {left:.0f} s left",
                        file=sys.stderr,
                        flush=True,
                    )
                    shown = now
            if done in keep:
                kept[done] = {k: v.detach().clone() for k, v in ema.state.items()}
            due = done % settings.checkpoint_every == 0
            if journal and (due or last):
                average = averaged(plain, ema)
                journal.log(done, seen, {"validation_loss": validate(average)})
            elapsed = time.monotonic() - start
            stop = _any(bool(caught) or elapsed > budget, accelerator, ask=logged or due)
            if not last and (stop or due):
                total = float(_mean(running, accelerator))
                if not math.isfinite(total) or not finite(plain.state_dict()):
                    raise Diverged(
                        f"{name}: not finite at step {done}; lower training learning_rate"
                    )
                if main:
                    state = checkpoint.State(identity, done, spent + elapsed, total, since)
                    checkpoint.save(saved, state, plain, ema, optimizer, kept)
            if stop and not last:
                spent_up = (
                    f"time budget of {budget:.0f} s"
                    if elapsed > budget
                    else "another process was told to end,"
                )
                why = f"signal {caught[0]}" if caught else spent_up
                raise BudgetReached(
                    f"{name}: {why} after step {done}/{settings.steps}; saved, the same "
                    "command goes on from there"
                )
    if journal:
        journal.close()
    if not finite(ema.state):
        raise Diverged(
            f"{name}: weights are not finite after step {settings.steps}; lower training "
            "learning_rate"
        )
    seconds = spent + time.monotonic() - start
    return Trained(ema.state, seconds, settings.steps * settings.batch, kept)


def share_of(batch: int, index: int, processes: int) -> slice:
    """The rows of every batch that process `index` of `processes` computes. Raises ConfigError."""
    if batch % processes:
        raise ConfigError(
            f"training batch {batch} has no equal shares for {processes} processes; use a multiple"
        )
    return slice(index * batch // processes, (index + 1) * batch // processes)


def _mean(value: Tensor, accelerator: Accelerator) -> Tensor:
    return accelerator.reduce(value, "mean") if accelerator.num_processes > 1 else value


def _any(flag: bool, accelerator: Accelerator, ask: bool) -> bool:
    """Whether some process says so. Several ask each other only at steps that all of them reach,
    since asking waits."""
    if accelerator.num_processes == 1:
        return flag
    return ask and bool(
        accelerator.reduce(torch.tensor(float(flag), device=accelerator.device), "sum") > 0
    )


def finite(state: dict[str, Tensor]) -> bool:
    return bool(torch.stack([torch.isfinite(v).all() for v in state.values()]).all())


def averaged(model: nn.Module, ema: Ema) -> nn.Module:
    """A copy of the model with the averaged weights, in evaluation mode."""
    average = copy.deepcopy(model)
    average.load_state_dict(ema.state)
    return average.eval()
