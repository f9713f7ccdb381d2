"""Binarised MNIST in the topic of discrete diffusion, on made-up images."""

from __future__ import annotations

import pytest
from experiments.test_any_order import MNIST, some
from experiments.tiny_notes import TINY
from report import made_up

from threetargets.experiments.discrete import any_order
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_experiments.discrete import TOPIC


def test_published_figures_stand_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(any_order, "images", some)
    monkeypatch.setitem(TINY, "discrete", TINY["discrete"] | {"mnist": MNIST})
    monkeypatch.setattr(made_up, "_had", {})
    made = made_up.results("discrete", lambda metric, seed: 90.0 + seed)
    (section,) = TOPIC.sections(made, Mirror())
    assert len(section.plots) == 2 and len(section.tables) == 3
    table = section.tables[-1]
    assert all(len(row) == len(table.head) for row in table.rows)
    texts = {row[0].text: row[1].text for row in table.rows}
    assert texts["absorbing diffusion, this study"].startswith("91.0")
    assert texts["NADE-k, two hidden layers"] == "87.13"
    assert "91.0" in TOPIC.sentences(made)[1]
    gone = made_up.results("discrete", lambda metric, seed: 90.0, missing=(0, 1, 2))
    (section,) = TOPIC.sections(gone, Mirror())
    assert len(section.plots) == 0 and section.tables[-1].rows[0][1].text == "missing"
