"""Numbers at logarithmic axes are plain text."""

from __future__ import annotations

import re

import numpy as np
import pytest

from threetargets.report.parts.drawing import canvas, svg
from threetargets.report.parts.ticks import power


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.02, "0.02"),
        (500.0, "500"),
        (1e-3, "0.001"),
        (1e-4, "10⁻⁴"),
        (6e-10, "6×10⁻¹⁰"),
        (1e5, "10⁵"),
        (2.5e6, "2.5×10⁶"),
        (-3e-7, "−3×10⁻⁷"),
        (-0.5, "−0.5"),
        (0.0, "0"),
    ],
)
def test_a_number_is_written_plainly(value: float, text: str) -> None:
    assert power(value) == text


@pytest.mark.parametrize("ends", [(1e-8, 1e2), (0.02, 0.5), (3.0, 2e6), (0.3, 0.9)])
@pytest.mark.parametrize("scale", ["log", "symlog"])
def test_a_drawing_has_its_ticks_where_matplotlib_has_them(
    ends: tuple[float, float], scale: str
) -> None:
    """As many labels as it would have, each the number of its place, and no mathematics."""
    drawn = []
    for plain in (True, False):
        with canvas("ticks", 1, 1, 3.0, 3.0) as (figure, axes):
            panel = axes[0, 0]
            panel.set_yscale(scale)
            panel.plot([0, 1], ends, ".")
            if plain:
                drawn.append(svg(figure))
            figure.canvas.draw()
            where = [*panel.get_yticks(), *panel.get_yticks(minor=True)]
            labels = [*panel.yaxis.get_ticklabels(), *panel.yaxis.get_ticklabels(minor=True)]
            low, high = panel.get_ylim()
            texts = {
                float(f"{y:.6g}"): label.get_text()
                for y, label in zip(where, labels, strict=True)
                if low <= y <= high and label.get_text()
            }
            drawn.append(texts)
    text, ours, theirs = drawn
    assert "mathdefault" not in text and "$" not in text
    assert ours.keys() == theirs.keys() and len(ours) > 1
    for y, label in ours.items():
        shown = label.replace("−", "-").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
        parts = (
            re.fullmatch(r"(-?)(?:([\d.]+)×)?10(-?\d+)", shown)
            if re.search("[⁰-⁹⁻¹²³]", label)
            else None
        )
        value = float(shown) if parts is None else float(f"{parts[1]}{parts[2] or 1}e{parts[3]}")
        assert np.isclose(value, y)
