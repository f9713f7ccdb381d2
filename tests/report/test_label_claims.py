"""The claim of models that can ignore their label, on accuracies that are made up: real images have
0.975, chance is 0.1."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report import synthetic
from report.conftest import ROOT
from report.test_claims import changed, verdict

from threetargets.pipeline.records import Figure
from threetargets.report.parts.drawing import dash
from threetargets.report.reading.collect import Place, Results
from threetargets.report.topics.of_guidance import guided_claims, label_claims, sweeps

CELL = "ddpm_eps_eps-equivalent"
STUDY = synthetic.study_of(ROOT / "config/ignored-labels.yaml")
ABLE = [f"{CELL}_dropped", f"{CELL}_noisy"]


def accurate(noisy: dict[str, float], dropped: dict[str, float], spread: float = 0.01) -> Results:
    """Accuracy by gamma; of the usual model 0.97."""
    known = {ABLE[0]: dropped, ABLE[1]: noisy}

    def value(place: Place, f: Figure, had: float) -> float:
        if f.metric != "accuracy" or place.run.cell not in STUDY.guidance.cells:
            return had
        return known.get(place.run.cell, {}).get(f.gamma, 0.97) + spread * (place.run.seed - 1)

    return changed(synthetic.results(STUDY), value)


IGNORES, HEEDS = {"1": 0.2, "8": 0.9}, {"1": 0.9, "8": 0.95}


def test_which_models_can_ignore_their_label() -> None:
    results = synthetic.results(STUDY)
    assert guided_claims.ignorant(results) == ABLE and guided_claims.usual(results) == [CELL]
    assert "dropped (10%) and ε · noisy (8%)" in sweeps.lead(results)
    usual = synthetic.results(synthetic.study_of(ROOT / "config/guidance.yaml"))
    assert guided_claims.ignorant(usual) == [] and "brackets" not in sweeps.lead(usual)


@pytest.mark.parametrize(
    ("noisy", "dropped", "spread", "expected"),
    [
        (IGNORES, HEEDS, 0.01, "reproduced"),
        (IGNORES, IGNORES, 0.01, "reproduced"),
        ({"1": 0.2, "8": 0.45}, HEEDS, 0.01, "not reproduced"),
        (IGNORES, {"1": 0.2, "8": 0.45}, 0.01, "not reproduced"),
        ({"1": 0.2, "8": 0.59}, HEEDS, 0.01, "inconclusive"),
        (HEEDS, HEEDS, 0.01, "not reproduced"),
        ({"1": 0.54, "8": 0.9}, HEEDS, 0.01, "inconclusive"),
        (IGNORES, HEEDS, 0.5, "inconclusive"),
    ],
)
def test_the_rule(
    noisy: dict[str, float], dropped: dict[str, float], spread: float, expected: str
) -> None:
    """The middle between chance and real images is at 0.5375; half of the way from 0.2 at
    0.5875."""
    assert verdict(accurate(noisy, dropped, spread), "ignore-label") == expected


def test_what_is_brought_back_is_told_from_half_of_the_way() -> None:
    text = label_claims.ignore_label(accurate(IGNORES, HEEDS)).figure
    assert "noisy: 0.200 ± 0.025 at γ = 1, 0.900 ± 0.025 at γ = 8, which is +0.31" in text


def test_the_ceiling_is_uncertain_too() -> None:
    """0.015 beyond half of the way, by seeds that hardly vary, where real images' accuracy has a
    standard error of 0.007, or one of 0.05."""
    results = accurate({"1": 0.2, "8": 0.6025}, HEEDS, 1e-4)
    assert verdict(results, "ignore-label") == "reproduced"
    records = {
        place: replace(
            record,
            figures=[
                replace(f, stderr=0.05) if f.metric == "accuracy" else f for f in record.figures
            ],
        )
        for place, record in results.records.items()
    }
    assert verdict(replace(results, records=records), "ignore-label") == "inconclusive"


def test_a_study_without_such_models_has_nothing_of_it() -> None:
    usual = synthetic.results(synthetic.study_of(ROOT / "config/guidance.yaml"))
    assert verdict(usual, "ignore-label") == "no data"
    assert verdict(usual, "ignore-label (trained as usual)") != "no data"


def test_a_missing_curve_keeps_it_open() -> None:
    results = accurate(IGNORES, IGNORES)
    records = {p: r for p, r in results.records.items() if p.run.cell != ABLE[0]}
    assert verdict(replace(results, records=records), "ignore-label") == "inconclusive"


def test_other_claims_do_not_look_at_them() -> None:
    """Whatever their accuracies: the trend of the usual model alone."""
    text = {
        claim.id: claim.decide(accurate(IGNORES, {"1": 0.9, "8": 0.1})).figure
        for claim in sweeps.CLAIMS
    }
    assert "over 1 curves" in text["guidance-clear"] and "noisy" not in text["guidance-u"]


def test_variants_of_one_look_have_lines_of_their_own() -> None:
    cells = STUDY.guidance.cells
    lines = [dash(cell, cells) for cell in cells]
    assert len({str(line) for line in lines}) == 3 and lines[0] == dash(cells[0], cells[:1])
