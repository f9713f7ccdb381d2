"""The first screen: the best cell of every target, and how it stands to the lowest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from report import effects

from threetargets.families.diffusion import spec as diffusion
from threetargets.pipeline.cells import Run
from threetargets.report import best_of_targets
from threetargets.report.answer import answer
from threetargets.report.parts import comparing
from threetargets.report.parts.wording import target as named
from threetargets.report.reading.collect import Results

Make = Callable[..., Results]


def test_every_target_stands_with_its_best_cell(have: Make) -> None:
    results = have()
    table = best_of_targets.table(results)
    assert table is not None
    rows = {row[0].text: row for row in table.rows}
    assert [*rows] == ["x₀", "ε", "score", "v", "raw score"]
    for name, target in (("x₀", "x0"), ("v", "v")):
        cells = [c for c in diffusion.cells(results.study) if c.target == target]
        means = {c: np.mean([effects.bound(Run(c, s)) for s in (0, 1, 2)]) for c in cells}
        best = min(means, key=lambda c: means[c])
        assert rows[name][1].text.startswith(f"{means[best]:.4f}"[:4])
        assert rows[name][1].note == best.weighting
    assert [row[2].text for row in table.rows].count("lowest") == 1
    words = {"lowest", "within the margin", "undecided", "higher", "no data"}
    assert {row[2].text for row in table.rows} <= words


def test_the_table_and_the_sentence_say_the_same(have: Make) -> None:
    """A target that the sentence has as higher, undecided or within the margin stands so in the
    table, with how far its best is from the lowest."""
    for margin, expected in ((1e-6, "higher"), (10.0, "within the margin")):
        results = have(comparison={"bound_margin": margin})
        table = best_of_targets.table(results)
        likelihood = best_of_targets.which(results).partition("Samples: ")[0]
        assert table is not None and expected in [row[2].text for row in table.rows]
        means = {row[0].text: float(row[1].text.partition(" ")[0]) for row in table.rows}
        for row in table.rows:
            if row[2].text not in ("lowest", "is ε"):
                part = next(p for p in likelihood.split("; ")[1:] if row[2].text in p)
                assert row[0].text in part
                apart = float(row[2].note.partition(" ")[0])
                assert apart == pytest.approx(means[row[0].text] - min(means.values()), abs=2e-3)


def test_a_target_whose_best_is_another_one_is_named_so(have: Make) -> None:
    """Trained on the bound score is eps: its row has the figures of that, how it stands alone, and
    in the sentence it stands beside it."""
    cells = ["ddpm_x0_elbo", "ddpm_eps_elbo", "ddpm_score_native"]
    results = have(cells=cells, guidance={"cells": []})
    table = best_of_targets.table(results)
    assert table is not None
    rows = {row[0].text: row for row in table.rows}
    assert rows["score"][1] == rows["ε"][1] and rows["score"][2].text == "is ε"
    own = np.mean([effects.bound(Run("ddpm_score_native", s)) for s in (0, 1, 2)])
    assert rows["score"][2].note.startswith(f"native: {own:.4f}"[:12])
    likelihood = best_of_targets.which(results).partition("Samples: ")[0]
    assert "ε = score" in likelihood and likelihood.count("score") == 1


def test_a_tile_does_not_contradict_the_sentence(have: Make) -> None:
    """The sentence's family is the targets, a tile's would be all models: where the sentence tells
    how targets stand, a diffusion model's tile has no verdicts."""
    results = have()
    of = {tile.label: tile for tile in answer(results).tiles}
    fid = next(tile for label, tile in of.items() if "lowest FID" in label)
    models = {c for c in diffusion.cells(results.study) if c not in results.also}
    assert fid.note == f"of {len(models)} models; picked on these same figures"
    alone = answer(have(cells=["vae", "hvae", "ddpm_x0_elbo"], guidance={"cells": []}))
    assert any("better than" in tile.note or "undecided" in tile.note for tile in alone.tiles)


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
        (comparing.DIFFERENT, "are higher"),
        (comparing.WITHIN, "are within the margin of it"),
        (comparing.EQUAL, "are within the margin of it"),
        (comparing.INCONCLUSIVE, "are undecided"),
    ],
)
def test_the_headline_says_which_target_is_lowest(
    have: Make, verdict: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the means of every cell that is no other one by construction, and the verdicts alone."""
    monkeypatch.setattr(
        comparing, "family", lambda _, pairs: [replace(c, verdict=verdict) for c in pairs]
    )
    results = have()
    text = best_of_targets.which(results)
    cells = [c for c in diffusion.cells(results.study) if c not in results.also]
    means = {c: np.mean([effects.bound(Run(c, s)) for s in (0, 1, 2)]) for c in cells}
    best = min(means, key=lambda c: means[c])
    start = f"Each target at its best. Likelihood: {named(best.target)} has the lowest mean ("
    assert text.startswith(f"{start}{best.weighting}, ")
    assert f"{means[best]:.4f}"[:4] in text.partition(";")[0]
    likelihood = text.partition("Samples: ")[0]
    others = {named(c.target) for c in cells} - {named(best.target)}
    assert words in likelihood and all(other in likelihood for other in others)
    assert "Samples: " in text and answer(results).headline.startswith(text)


def test_a_target_that_has_no_figure_is_not_told(have: Make) -> None:
    assert best_of_targets.which(have(cells=["ddpm_x0_elbo"], guidance={"cells": []})) == ""


def test_a_target_that_is_another_one_but_not_at_its_best_is_told_apart(have: Make) -> None:
    """Of eps a variant is lowest, which score has not: score is eps, and not its best."""
    cells = ["ddpm_x0_elbo", "ddpm_eps_elbo", "ddpm_eps_elbo_learned", "ddpm_score_native"]
    results = have(cells=cells, guidance={"cells": []})
    for place, record in results.records.items():
        if place.stage == "likelihood" and place.run.cell == "ddpm_eps_elbo_learned":
            for k, f in enumerate(record.figures):
                if f.metric == "bound_bpd":
                    record.figures[k] = replace(f, value=f.value - 1.0)
    likelihood = best_of_targets.which(results).partition("Samples: ")[0]
    assert (
        "ε has the lowest mean (elbo · learned, " in likelihood
        and "score (elbo) is ε" in likelihood
    )
    assert "ε = score" not in likelihood
