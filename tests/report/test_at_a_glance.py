"""The first screen: the best cell of every target, and how it stands to the lowest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from report import effects

from threetargets.families.diffusion import spec as diffusion
from threetargets.pipeline.cells import Run
from threetargets.report import at_a_glance
from threetargets.report.answer import answer
from threetargets.report.parts import comparing
from threetargets.report.parts.measures import BOUND
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_targets import comparisons

Make = Callable[..., Results]


def test_every_target_stands_with_its_best_cell(have: Make) -> None:
    results = have()
    table = at_a_glance.table(results)
    assert table is not None
    rows = {row[0].text: row for row in table.rows}
    assert [*rows] == ["x₀", "ε", "score", "v", "raw score"]
    for name, target in (("x₀", "x0"), ("v", "v")):
        cells = [c for c in diffusion.cells(results.study) if c.target == target]
        means = {c: np.mean([effects.bound(Run(c, s)) for s in (0, 1, 2)]) for c in cells}
        best = min(means, key=lambda c: means[c])
        assert rows[name][1].text.startswith(f"{means[best]:.4f}"[:4])
        assert rows[name][1].note == best.weighting
    assert [row[3].text for row in table.rows].count("lowest") == 1
    assert {row[3].text for row in table.rows} <= {
        "lowest",
        "equal",
        "different",
        "different but within the margin",
        "inconclusive",
        "no data",
    }


def test_the_first_screen_has_picture_and_table_once(have: Make) -> None:
    first = answer(have())
    assert [plot.name for plot in first.plots] == ["by-target"]
    assert [table.name for table in first.tables] == ["first"]


def test_one_target_needs_neither(have: Make) -> None:
    first = answer(have(cells=["vae", "ddpm_x0_elbo"], guidance={"cells": []}))
    assert first.plots == () and first.tables == ()


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (comparing.DIFFERENT, "x₀ beats ε (= score)"),
        (comparing.WITHIN, "x₀ ties with ε (= score)"),
        (comparing.EQUAL, "x₀ ties with ε (= score)"),
        (comparing.INCONCLUSIVE, "x₀ against ε (= score) undecided"),
        (comparing.NO_DATA, ""),
    ],
)
def test_the_headline_says_which_target_beats_which(have: Make, verdict: str, words: str) -> None:
    """By the verdicts of the table alone; score, which is eps there, is told once."""
    pairs = [
        replace(c, verdict=verdict)
        for c in comparing.targets(have(), BOUND)
        if {diffusion.of(c.a).target, diffusion.of(c.b).target} <= {"x0", "eps", "score"}
    ]
    lower = next(c for c in pairs if (str(c.a), str(c.b)) == ("ddpm_x0_elbo", "ddpm_eps_elbo"))
    assert lower.better == lower.a
    assert comparisons.standing(pairs, "elbo") == (f"at elbo {words}" if words else "")
