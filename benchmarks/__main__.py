"""Side by side with other code bases and with what the machine can do.

    python -m benchmarks --out benchmarks/results.csv

Of a rate, ours, the peer's and the limit's are a process each, all ready before the first is timed,
and then timed in turn, again and again; a figure is the median, its spread half of what lies
between the highest and the lowest, as a share of it. GFLOP/s are operations of the network (counted
by torch.utils.flop_counter, backward passes as two forward ones) over time, so that networks of
different sizes compare. Of what takes s or ms, less is better. Where only some rows are asked for,
the others stay in the file as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import costs, filling, ours, peers, planning, quality, sheet, variants
from benchmarks.rows import Make, Options, spread
from benchmarks.timing import middle, rates


@dataclass(frozen=True)
class Work:
    """A rate: ours, a peer's and its name, and what limits both."""

    ours: Make
    peer: Make | None
    peer_name: str
    limit: Make


Measure = Callable[[Options], dict[str, dict[str, str]]]
"""Rows by their names: what is no rate."""

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
    f"{filling.TOGETHER} trainings, stacked weights": Work(
        filling.stacked, filling.alone, "ours, one alone", CONVOLUTION
    ),
}
MEASURES: dict[str, Measure] = {
    "time to quality": quality.time_to_quality,
    "cost of images": costs.over_images,
    "cost of seeds": costs.over_seeds,
    "trainings side by side": filling.side_by_side,
    "planning": planning.planning,
}
ON_GPU = {
    f"GPU: {name}": Work(make, before, "ours, eager", peers.product)
    for name, (make, before) in variants.VARIANTS.items()
}


def lines(works: dict[str, Work], options: Options, ready: float) -> dict[str, dict[str, str]]:
    """Rows of rates. What failed is empty, and said on standard error. What several rows share is
    one process."""
    asked = [(work.ours, work.peer, work.limit) for work in works.values()]
    makes = dict.fromkeys(make for some in asked for make in some if make is not None)
    measured = dict(zip(makes, rates(list(makes), options, ready), strict=True))
    return {name: _line(name, work, measured) for name, work in works.items()}


def _line(name: str, work: Work, measured: dict[Make, list[float] | str]) -> dict[str, str]:
    parts = {"ours": work.ours, "peer": work.peer, "limit": work.limit}
    known = dict[str, list[float]]()
    for which, make in parts.items():
        seen = measured[make] if make else []
        if isinstance(seen, str):
            print(f"{name}, {which}: {seen}", file=sys.stderr)
        elif seen:
            known[which] = seen
    row = {k: f"{middle(v):.1f}" for k, v in known.items()}
    row |= {f"{k}_spread": spread(v) for k, v in known.items() if k != "limit"}
    for of in ("peer", "limit"):
        if "ours" in known and of in known:
            row[f"ratio_to_{of}"] = f"{middle(known['ours']) / middle(known[of]):.2f}"
    return row | {"unit": "GFLOP/s", "peer_name": work.peer_name}


def measured(options: Options, only: str, ready: float) -> list[dict[str, str]]:
    """The rows whose names contain `only`, in the order of the file."""
    works = {k: v for k, v in (WORKS | ON_GPU).items() if only in k}
    if not options.gpu and (skipped := [name for name in works if name in ON_GPU]):
        why = "torch finds no GPU" if not torch.cuda.is_available() else "--device is cpu"
        print(f"skipped, {why}: {'; '.join(skipped)}", file=sys.stderr)
        works = {k: v for k, v in works.items() if k not in ON_GPU}
    # On a GPU all compile at once, which takes minutes; a CPU has a core for one row at a time.
    groups = [works] if options.gpu else [{name: work} for name, work in works.items()]
    calls = [lambda group=group: lines(group, options, ready) for group in groups if group]
    calls += [
        lambda measure=measure: measure(options) for k, measure in MEASURES.items() if only in k
    ]
    rows = []
    for call in calls:
        for name, row in call().items():
            rows.append(sheet.completed(name, row, options))
            print(", ".join(f"{k} {v}" for k, v in rows[-1].items()), file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--out", type=Path, help="CSV to write; else it is printed")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=0, help="images of a training step")
    parser.add_argument("--sampled", type=int, default=0, help="images of the other calls")
    parser.add_argument("--seconds", type=float, default=2.0, help="of one measurement")
    parser.add_argument("--quality", type=float, default=0.0, help="seconds of the peer's training")
    parser.add_argument("--repeats", type=int, default=0, help="of what is no rate")
    parser.add_argument("--cells", type=int, default=1000, help="of the study that is planned")
    parser.add_argument("--ready", type=float, default=150.0, help="seconds to be ready in")
    parser.add_argument("--only", default="", help="rows whose names contain this")
    parser.add_argument("--note", default="", help="to be said of every row: what ran beside")
    parser.add_argument("--readme", action="store_true", help="print the README's table of --out")
    given = parser.parse_args()
    if given.readme:
        print(sheet.markdown(sheet.read(given.out or sheet.RESULTS)))
        return
    gpu = given.device == "cuda"
    options = Options(
        given.device,
        given.threads,
        given.batch or (512 if gpu else 64),
        given.sampled or (1000 if gpu else 100),
        given.seconds,
        given.quality or (600.0 if gpu else 30.0),
        given.repeats,
        given.cells,
    )
    rows = sheet.noted(measured(options, given.only, given.ready), given.note)
    if given.out:
        before = sheet.read(given.out) if given.only and given.out.exists() else []
        given.out.write_text(sheet.text(sheet.merged(before, rows)), encoding="utf-8")
    else:
        print(sheet.text(rows), end="")


if __name__ == "__main__":
    main()
