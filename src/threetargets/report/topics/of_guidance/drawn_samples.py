"""Sample grids: rows are gammas, columns are classes; real images stand beside them in the same
layout."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from threetargets.errors import DataError
from threetargets.families.cell import Cell
from threetargets.files import read_arrays
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.cells import Run
from threetargets.report.parts.captions import commands, prepared
from threetargets.report.parts.drawing import FONT, INK, MUTED, PAPER, Plot
from threetargets.report.parts.wording import cell, labels
from threetargets.report.reading.collect import Place, Results

LEFT, TOP, EDGE = 32, 26, 26  # pixels of the drawing: row labels, column labels, one tile


def _png(image: np.ndarray) -> str:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(
        out, format="PNG", optimize=True
    )
    return base64.b64encode(out.getvalue()).decode()


def _tiles(
    rows: Sequence[np.ndarray | None], columns: int, shape: tuple[int, int, int], levels: int
) -> np.ndarray:
    """One picture (H, W, C) of 8-bit values from rows of level arrays (columns, C, h, w); a missing
    row is mid-grey."""
    c, h, w = shape
    sheet = np.full((len(rows) * (h + 1) - 1, columns * (w + 1) - 1, c), 128, dtype=np.uint8)
    for i, row in enumerate(rows):
        for j in range(columns if row is not None else 0):
            assert row is not None
            tile = np.rint(row[j].astype(np.float64) * 255 / (levels - 1)).astype(np.uint8)
            sheet[i * (h + 1) : i * (h + 1) + h, j * (w + 1) : j * (w + 1) + w] = tile.transpose(
                1, 2, 0
            )
    return sheet


def _drawing(
    sheet: np.ndarray, rows: list[str], columns: list[str], shape: tuple[int, int, int]
) -> str:
    """The sheet as SVG with its labels; pixels stay square and sharp."""
    scale = EDGE / max(shape[1:])
    width, height = sheet.shape[1] * scale, sheet.shape[0] * scale
    total = (LEFT + width + 2, TOP + height + 2)
    text = (
        [f'<text x="{LEFT - 6}" y="{TOP - 9}" text-anchor="end" fill="{MUTED}">γ</text>']
        if rows and rows[0]
        else []
    )
    step_x, step_y = (shape[2] + 1) * scale, (shape[1] + 1) * scale
    for i, label in enumerate(rows):
        y = TOP + i * step_y + shape[1] * scale / 2 + 3.5
        text.append(
            f'<text x="{LEFT - 6}" y="{y:.1f}" text-anchor="end" fill="{INK}">'
            f"{escape(label)}</text>"
        )
    for j, label in enumerate(columns):
        x = LEFT + j * step_x + shape[2] * scale / 2
        text.append(
            f'<text x="{x:.1f}" y="{TOP - 9}" text-anchor="middle" fill="{INK}">'
            f"{escape(label[:4])}</text>"
        )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{total[0]:.1f}pt" height="{total[1]:.1f}pt" '
        f'viewBox="0 0 {total[0]:.1f} {total[1]:.1f}">\n'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>\n'
        f'<g style="font-size: 9.5px; {FONT}">{"".join(text)}</g>\n'
        f'<image x="{LEFT}" y="{TOP}" width="{width:.1f}" height="{height:.1f}" '
        'preserveAspectRatio="none" style="image-rendering: pixelated" '
        f'xlink:href="data:image/png;base64,{_png(sheet)}"/>\n</svg>\n'
    )


def _by_class(
    images: np.ndarray, labels: np.ndarray, classes: int, which: int = 0
) -> np.ndarray | None:
    """The image at that place among its class, for each class, (classes, C, h, w); None where a
    class has too few."""
    places = [np.flatnonzero(labels == c) for c in range(classes)]
    if any(len(f) <= which for f in places):
        return None
    return images[[f[which] for f in places]]


def _classes(results: Results) -> list[str]:
    names = results.manifest.get("class_names")
    return (
        [str(n) for n in names]
        if names
        else [str(i) for i in range(int(results.manifest["classes"]))]
    )


def _shape(results: Results) -> tuple[int, int, int]:
    c, h, w = results.manifest["shape"]
    return int(c), int(h), int(w)


def picture(results: Results, rows: Sequence[np.ndarray | None]) -> str:
    """Rows of grey images without labels, as SVG; of binary data they may have 256 levels, as mean
    images do."""
    shape, levels = _shape(results), int(results.manifest["levels"])
    columns = max((len(row) for row in rows if row is not None), default=1)
    top = 256 if any(row is not None and row.max(initial=0) >= levels for row in rows) else levels
    return _drawing(_tiles(rows, columns, shape, top), [""] * len(rows), [], shape)


DRAWN_CAPTION = "Seed {seed}: z from the prior, and a draw from p(x | z)."


def drawn(results: Results, name: Cell) -> Plot:
    """The first samples of a model that knows no labels, first seed that has them."""
    study, each = results.study, 10
    seed = next(
        (s for s in study.seeds if results.status(Place("sample", Run(name, s), "none")) == "ok"),
        study.seeds[0],
    )
    path = paths.sample_dir(study, Run(name, seed), "none") / "gamma1.npz"
    levels = (
        read_arrays(path)["levels"][: 4 * each]
        if path.exists()
        else np.zeros((0, *_shape(results)), np.uint8)
    )
    rows: list[np.ndarray | None] = [levels[i : i + each] for i in range(0, len(levels), each)] or [
        None
    ]
    rows = [row if row is not None and len(row) == each else None for row in rows]
    have = [
        {"cell": name, "seed": seed, "row": i, "shown": row is not None}
        for i, row in enumerate(rows)
    ]
    caption = DRAWN_CAPTION.format(seed=seed)
    drawing = picture(results, rows)
    return Plot(
        f"samples-{name}",
        cell(name),
        drawing,
        have,
        caption,
        commands(results, "sample"),
        wide=False,
    )


def guided(results: Results, name: Cell, guidance: str) -> Plot:
    """The samples of one cell over gamma, first seed that has them; noise is paired, so a column
    differs by gamma."""
    study, shape, classes = results.study, _shape(results), _classes(results)
    gammas = jobs.gammas(study, guidance)
    seed = next(
        (s for s in study.seeds if results.status(Place("sample", Run(name, s), guidance)) == "ok"),
        study.seeds[0],
    )
    folder = paths.sample_dir(study, Run(name, seed), guidance)
    rows: list[np.ndarray | None] = []
    for gamma in gammas:
        path = folder / f"gamma{gamma}.npz"
        rows.append(None)
        if path.exists():
            arrays = read_arrays(path)
            levels = arrays.get("levels")
            if levels is None or "labels" not in arrays:
                raise DataError(
                    f"{path}: holds no levels and labels; delete it and run its stage again"
                )
            if len(levels) and levels.shape[1:] == shape:
                rows[-1] = _by_class(levels, arrays["labels"], len(classes))
    sheet = _tiles(rows, len(classes), shape, int(results.manifest["levels"]))
    have = [
        {"cell": name, "guidance": guidance, "gamma": g, "seed": seed, "shown": r is not None}
        for g, r in zip(gammas, rows, strict=True)
    ]
    caption = f"Seed {seed}." + (
        "" if all(r is not None for r in rows) else " Grey rows: no samples."
    )
    title = f"{labels(study.guidance.cells)[name]}, {guidance}"
    return Plot(
        f"samples-{name}-{guidance}",
        title,
        _drawing(sheet, gammas, classes, shape),
        have,
        caption,
        commands(results, "sample"),
        wide=False,
    )


def real(results: Results) -> Plot:
    """Test images in the layout of the samples."""
    shape, classes = _shape(results), _classes(results)
    test = read_arrays(paths.data_dir(results.study) / "test.npz")
    wanted = len(results.study.guidance.gammas)
    drawn_rows = [_by_class(test["images"], test["labels"], len(classes), i) for i in range(wanted)]
    rows: list[np.ndarray | None] = [r for r in drawn_rows if r is not None] or [None]
    sheet = _tiles(rows, len(classes), shape, int(results.manifest["levels"]))
    have: list[dict[str, Any]] = [
        {"split": "test", "row": i, "shown": r is not None} for i, r in enumerate(rows)
    ]
    drawing = _drawing(sheet, [""] * len(rows), classes, shape)
    return Plot(
        "samples-real", "Real images", drawing, have, "Test split.", prepared(results), wide=False
    )
