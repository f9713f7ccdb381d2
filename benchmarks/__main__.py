"""Side by side with other code bases and with what the machine can do.

    python -m benchmarks --out benchmarks/results.csv

Every row of the table is one kind of work. Ours, the peer's and the limit's are a process each, all
ready before the first is timed, and then timed in turn, again and again; a figure is the median of
its rates, its spread half of what lies between the highest and the lowest, as a share of it.
GFLOP/s are operations of the network (counted by torch.utils.flop_counter, backward passes as two
forward ones) over time, so that networks of different sizes compare.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import importlib.metadata
import io
import platform
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks import ours, peers
from benchmarks.rows import Make, Options
from benchmarks.timing import rates


@dataclass(frozen=True)
class Work:
    """One row of the table: ours, a peer's and its name, and what limits both."""

    ours: Make
    peer: Make | None
    peer_name: str
    limit: Make


LUCIDRAINS, CONVOLUTION = "denoising-diffusion-pytorch", peers.convolution
WORKS = {
    "train U-Net": Work(ours.unet_training, peers.training, "diffusers", CONVOLUTION),
    "train U-Net, other peer": Work(
        ours.unet_training, peers.lucidrains_training, LUCIDRAINS, CONVOLUTION
    ),
    "train transformer": Work(ours.transformer_training, None, "", peers.product),
    "sample U-Net, guided": Work(ours.unet_sampling, peers.sampling, "diffusers", CONVOLUTION),
    "sample transformer, guided": Work(ours.transformer_sampling, None, "", peers.product),
    "likelihood U-Net": Work(ours.unet_likelihood, peers.likelihood, "diffusers", CONVOLUTION),
}
COLUMNS: tuple[str, ...] = ("work", "device", "threads", "ours", "peer", "limit", "unit")
COLUMNS += ("ratio_to_peer", "ratio_to_limit", "ours_spread", "peer_spread", "peer_name")
COLUMNS += ("versions",)


def line(name: str, work: Work, options: Options, ready: float) -> dict[str, Any]:
    """One row of the table. What failed is empty, and said on standard error."""
    makes = {"ours": work.ours, "peer": work.peer, "limit": work.limit}
    found = rates({k: v for k, v in makes.items() if v is not None}, options, ready)
    for which, seen in found.items():
        if isinstance(seen, str):
            print(f"{name}, {which}: {seen}", file=sys.stderr)
    known = {k: v for k, v in found.items() if not isinstance(v, str)}
    middle = {k: statistics.median(v) for k, v in known.items()}
    spread = {k: (max(v) - min(v)) / 2 / middle[k] for k, v in known.items()}

    def ratio(of: str) -> str:
        both = "ours" in middle and of in middle
        return f"{middle['ours'] / middle[of]:.2f}" if both else ""

    row = {k: f"{v:.1f}" for k, v in middle.items()}
    row |= {f"{k}_spread": f"{v:.0%}" for k, v in spread.items() if k != "limit"}
    row |= {"work": name, "device": device(options), "threads": str(options.threads)}
    row |= {"unit": "GFLOP/s", "peer_name": work.peer_name, "versions": versions(work.peer_name)}
    return row | {"ratio_to_peer": ratio("peer"), "ratio_to_limit": ratio("limit")}


def device(options: Options) -> str:
    if options.gpu:
        return torch.cuda.get_device_name()
    with contextlib.suppress(OSError):
        for text in Path("/proc/cpuinfo").read_text().splitlines():
            if text.startswith("model name"):
                return text.partition(":")[2].strip()
    return platform.machine()


def versions(peer: str) -> str:
    found = []
    for name in ("torch", peer):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError, ValueError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return ", ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--out", type=Path, help="CSV to write; else it is printed")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=0, help="images of a training step")
    parser.add_argument("--sampled", type=int, default=0, help="images of the other calls")
    parser.add_argument("--seconds", type=float, default=2.0, help="of one measurement")
    parser.add_argument("--ready", type=float, default=150.0, help="seconds to be ready in")
    parser.add_argument("--only", default="", help="rows whose names contain this")
    given = parser.parse_args()
    gpu = given.device == "cuda"
    options = Options(
        given.device,
        given.threads,
        given.batch or (512 if gpu else 64),
        given.sampled or (1000 if gpu else 100),
        given.seconds,
    )
    rows = []
    for name, work in WORKS.items():
        if given.only in name:
            rows.append(line(name, work, options, given.ready))
            print(", ".join(f"{k} {v}" for k, v in rows[-1].items()), file=sys.stderr, flush=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    if given.out:
        given.out.write_text(text.getvalue(), encoding="utf-8")
    else:
        print(text.getvalue(), end="")


if __name__ == "__main__":
    main()
