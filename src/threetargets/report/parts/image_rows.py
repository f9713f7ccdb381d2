"""Small images in rows, as a panel of a figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def sheet(rows: Mapping[str, np.ndarray], side: int, across: int) -> np.ndarray:
    """The first `across` images (n, side, side), in [0, 1], of each row, with a pixel between them;
    white where there is none."""
    step = side + 1
    made = np.ones((step * len(rows) - 1, step * across - 1))
    for i, images in enumerate(rows.values()):
        for j, image in enumerate(images[:across]):
            place = slice(step * i, step * i + side), slice(step * j, step * j + side)
            made[place] = image.clip(0, 1)
    return made


def draw_rows(panel: Axes, rows: Mapping[str, np.ndarray], side: int, across: int) -> None:
    """That sheet, a label beside each row, and no axes."""
    panel.imshow(sheet(rows, side, across), cmap="gray", vmin=0, vmax=1)
    panel.set_yticks([(side + 1) * i + (side - 1) / 2 for i in range(len(rows))], list(rows))
    panel.set_xticks([])
    panel.grid(visible=False)
    for edge in panel.spines.values():
        edge.set_visible(False)
    panel.tick_params(length=0)
