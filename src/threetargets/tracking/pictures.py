"""The pictures that go with a run: sample grids (rows gamma, columns class) and the curves of a
training."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from threetargets import files
from threetargets.tracking.journal import Entry

COLUMNS = 10
PIXELS = 32  # the least width of one image in the grid


def _row(levels: np.ndarray, labels: np.ndarray, classes: int) -> list[np.ndarray]:
    """One image of each class that was asked for; the first ones where no label was."""
    if not (labels >= 0).any():
        return list(levels[:COLUMNS])
    return [
        levels[np.flatnonzero(labels == c)[0]]
        for c in range(min(classes, COLUMNS))
        if (labels == c).any()
    ]


def sample_grid(sets: list[Path], manifest: Path, picture: Path) -> None:
    """Write the grid of these sample sets, one a row in the order given, as PNG; nothing where
    there are no samples."""
    from PIL import Image

    values = files.read_json(manifest)
    count, (channels, height, width), classes = values["levels"], values["shape"], values["classes"]
    arrays = [files.read_arrays(path) for path in sets]
    rows = [_row(a["levels"], a["labels"], classes) for a in arrays if len(a["levels"])]
    if not rows or not any(rows):
        return
    scale, columns = math.ceil(PIXELS / width), max(len(row) for row in rows)
    canvas = np.full(
        (channels, len(rows) * (height + 1) - 1, columns * (width + 1) - 1), 255, np.uint8
    )
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            top, left = i * (height + 1), j * (width + 1)
            shown = np.rint(image.astype(np.float64) * (255 / (count - 1))).astype(np.uint8)
            canvas[:, top : top + height, left : left + width] = shown
    large = canvas.repeat(scale, axis=1).repeat(scale, axis=2)
    Image.fromarray(large[0] if channels == 1 else large.transpose(1, 2, 0)).save(picture)


def loss_curves(entries: list[Entry], picture: Path) -> None:
    """Write every loss of the journal over steps as PNG; nothing where there is none."""
    from matplotlib.figure import Figure

    names = sorted({name for entry in entries for name in entry["metrics"] if "loss" in name})
    if not names:
        return
    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    for name in names:
        points = [
            (entry["step"], entry["metrics"][name]) for entry in entries if name in entry["metrics"]
        ]
        axes.plot(*zip(*points, strict=True), label=name)
    axes.set_xlabel("step")
    axes.legend()
    figure.savefig(picture, dpi=100)
