"""What is timed: a call, and how many images and operations there are in it."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from threetargets import study
from threetargets.data.read import Manifest
from threetargets.families.counted import counted
from threetargets.study.schema import Study

ROOT = Path(__file__).parents[1]
MNIST = Manifest("mnist", 256, (1, 28, 28), 10, tuple("0123456789"), "", {}, {})
IMAGES = 20000


@dataclass(frozen=True)
class Options:
    """device: cpu or cuda. batch: images of a training step; sampled: of a sampling or likelihood
    call. seconds: of one measurement; quality: of the peer's training towards a quality. repeats:
    how often what is slow is measured, 0 its own number; cells: of the study that is planned."""

    device: str
    threads: int
    batch: int
    sampled: int
    seconds: float
    quality: float = 30.0
    repeats: int = 0
    cells: int = 1000

    @property
    def gpu(self) -> bool:
        return self.device == "cuda"


@dataclass(frozen=True)
class Row:
    """`work` does `images` images a call, of `operations` floating-point operations each."""

    work: Callable[[], object]
    images: int
    operations: float


Make = Callable[[Options], Row]
"""Builds what a row times, in the process that times it."""


def network_of(options: Options) -> dict[str, Any]:
    """The U-Net of config/mnist.yaml on a GPU, and of config/mnist-cpu.yaml on a CPU."""
    sizes = {"width": 48, "depth": 2} if options.gpu else {"width": 16, "depth": 1}
    return {"name": "unet", **sizes}


def transformer_of(options: Options) -> dict[str, Any]:
    sizes = (256, 6, 4) if options.gpu else (64, 3, 2)
    return {"name": "vit", "patch": 4, **dict(zip(("width", "depth", "heads"), sizes, strict=True))}


def chosen(network: dict[str, Any]) -> Study:
    """config/mnist.yaml with another network."""
    whole = study.load(ROOT / "config/mnist.yaml").model_dump(mode="json")
    return study.parse(whole | {"network": network}, "benchmarks")


def data(options: Options) -> tuple[Tensor, Tensor]:
    """Noise: no rate depends on it."""
    g = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (IMAGES, *MNIST.shape), generator=g).to(torch.uint8)
    return images.to(options.device), (torch.arange(IMAGES) % 10).to(options.device)


def forward_operations(network: nn.Module) -> float:
    """Of one image, multiplications and additions, by torch.utils.flop_counter."""
    x, label = torch.zeros(1, *MNIST.shape), torch.zeros(1, dtype=torch.int64)
    return counted(lambda: network(x, torch.zeros(1), label))


def settle(options: Options) -> None:
    if options.gpu:
        torch.cuda.synchronize()


def clock(options: Options) -> float:
    """Seconds: on a CPU those of the processor, so that what runs beside does not count."""
    settle(options)
    return time.perf_counter() if options.gpu else time.process_time()


def spread(values: list[float]) -> str:
    """Half of what lies between the highest and the lowest, as a share of the median; empty where
    one is infinite."""
    middle = statistics.median(values)
    return f"{(max(values) - min(values)) / 2 / middle:.0%}" if math.isfinite(max(values)) else ""
