"""The table of results: its columns, its file, and what the README shows of it."""

from __future__ import annotations

import contextlib
import csv
import importlib.metadata
import io
import platform
from pathlib import Path

import torch

from benchmarks.rows import ROOT, Options

RESULTS = ROOT / "benchmarks/results.csv"
COLUMNS: tuple[str, ...] = ("work", "device", "threads", "ours", "peer", "limit", "unit")
COLUMNS += ("ratio_to_peer", "ratio_to_limit", "ours_spread", "peer_spread", "peer_name")
COLUMNS += ("versions", "note")
SHOWN = 9
"""Rows of the README: those of a GPU, and what has neither a peer nor a goal, are in the file."""


def completed(name: str, row: dict[str, str], options: Options) -> dict[str, str]:
    """A row with what all rows have."""
    of = {"work": name, "device": device(options), "threads": str(options.threads)}
    return of | row | {"versions": versions(row.get("peer_name", ""))}


def device(options: Options) -> str:
    if options.gpu:
        return torch.cuda.get_device_name()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def versions(peer: str) -> str:
    installed = []
    for name in ("torch", peer):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError, ValueError):
            installed.append(f"{name} {importlib.metadata.version(name)}")
    return ", ".join(installed)


def noted(rows: list[dict[str, str]], note: str) -> list[dict[str, str]]:
    """With the words at the end of every note."""
    both = ["; ".join(filter(None, [row.get("note", ""), note])) for row in rows]
    return [row | {"note": words} for row, words in zip(rows, both, strict=True)]


def key(row: dict[str, str]) -> tuple[str, str, str]:
    return row["work"], row["device"], row["threads"]


def merged(before: list[dict[str, str]], rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows before, each in its place, new where it was measured again; then the others."""
    new = {key(row): row for row in rows}
    kept = [new.pop(key(row), row) for row in before]
    return [*kept, *new.values()]


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def text(rows: list[dict[str, str]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def markdown(rows: list[dict[str, str]]) -> str:
    """The README's table: what has a peer or a goal, first to last, SHOWN rows at most."""
    head = ("work", "unit", "ours", "peer", "limit", "ours / peer", "ours / limit", "what")
    shown = [row for row in rows if row["peer"] or row["note"]]
    table = [head, ("---",) * len(head)]
    for row in shown[:SHOWN]:
        own, peer = (
            row[k] + (f" ± {row[f'{k}_spread']}" if row[k] and row[f"{k}_spread"] else "")
            for k in ("ours", "peer")
        )
        what = "; ".join(filter(None, [row["peer_name"] if row["peer"] else "", row["note"]]))
        cells = (row["work"], row["unit"], own, peer, row["limit"])
        table.append((*cells, row["ratio_to_peer"], row["ratio_to_limit"], what))
    return "\n".join(f"| {' | '.join(cell or '–' for cell in line)} |" for line in table)
