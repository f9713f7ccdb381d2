"""Small images in rows."""

from __future__ import annotations

import numpy as np

from threetargets.report.parts.drawing import canvas
from threetargets.report.parts.image_rows import draw_rows, sheet

ROWS = {"one": np.array([[[0.0, 0.5], [0.25, 2.0]]]), "none": np.zeros((0, 2, 2))}


def test_a_row_for_each_label_and_white_where_there_is_nothing() -> None:
    made = sheet(ROWS, 2, 2)
    assert made.shape == (5, 5)
    np.testing.assert_array_equal(made[:2, :2], [[0.0, 0.5], [0.25, 1.0]])
    assert (made[2:] == 1).all() and (made[:, 2:] == 1).all()


def test_labels_stand_beside_their_rows() -> None:
    with canvas("test", 1, 1, 3, 2) as (_, axes):
        draw_rows(axes[0, 0], ROWS, 2, 2)
        labels = {
            t.get_text(): y
            for t, y in zip(axes[0, 0].get_yticklabels(), axes[0, 0].get_yticks(), strict=True)
        }
    assert labels == {"one": 0.5, "none": 3.5}
