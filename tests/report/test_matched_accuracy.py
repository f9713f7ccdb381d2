"""Kinds of guidance at matched accuracy, on lines whose crossings are known; and the claim of the
noisy classifier."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from report import synthetic
from report.conftest import ROOT
from report.test_claims import changed, verdict
from scipy import stats

from threetargets.pipeline import jobs
from threetargets.pipeline.records import Figure
from threetargets.report.parts.wording import labels
from threetargets.report.reading.collect import Place, Results
from threetargets.report.topics.of_guidance import matched_accuracy as matching
from threetargets.report.topics.of_guidance import sweeps

GAMMAS = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0]
SLOPES = {
    "classifier-free": 0.10,
    "interval": 0.05,
    "autoguidance": 0.30,
    "classifier": 0.12,
    "classifier-clean": 0.0,
}
"""Of accuracy over gamma, from 0.6; FID is gamma squared of every kind."""


def accuracy(kind: str, gamma: float, seed: int) -> float:
    return 0.6 + SLOPES[kind] * gamma + 0.01 * seed * (kind != "classifier-free")


def lines(place: Place, f: Figure, value: float) -> float:
    kind, seed = f.guidance, place.run.seed
    if kind not in SLOPES or f.metric not in ("accuracy", "fid"):
        return value
    return accuracy(kind, float(f.gamma), seed) if f.metric == "accuracy" else float(f.gamma) ** 2


@pytest.fixture(scope="module")
def results() -> Results:
    return changed(synthetic.results(synthetic.study_of(ROOT / "config/guidance.yaml")), lines)


@pytest.mark.parametrize(
    ("accuracies", "wanted", "there"),
    [
        ([0.2, 0.4, 0.6], 0.5, (1.5, 25.0)),
        ([0.2, 0.4, 0.6], 0.4, (1.0, 10.0)),
        ([0.9, 0.3, 0.9], 0.6, (0.5, 5.0)),
        ([0.2, 0.4, 0.6], 0.7, None),
        ([0.2, 0.4, 0.6], 0.1, None),
        ([0.2, 0.4, 0.6], 0.6, (2.0, 40.0)),
    ],
)
def test_where_a_line_has_a_value(
    accuracies: list[float], wanted: float, there: tuple[float, float] | None
) -> None:
    seen = matching.reached([0.0, 1.0, 2.0], accuracies, [0.0, 10.0, 40.0], wanted)
    assert seen == (None if there is None else pytest.approx(there))


def test_each_kind_is_at_the_gamma_that_its_slope_says(results: Results) -> None:
    cell = results.study.guidance.cells[1]
    for kind in ("interval", "autoguidance", "classifier"):
        one = matching.matched(results, cell, kind, 1.5)
        for seed in results.study.seeds:
            gamma = (0.15 - 0.01 * seed) / SLOPES[kind]
            fid = np.interp(gamma, GAMMAS, np.square(GAMMAS))
            assert one.at[seed] == pytest.approx((gamma, fid))
    itself = matching.matched(results, cell, "classifier-free", 1.5)
    assert itself.at == dict.fromkeys(results.study.seeds, (1.5, 2.25))


@pytest.mark.parametrize("level", matching.LEVELS)
def test_kinds_meet_at_fixed_accuracies(results: Results, level: float) -> None:
    """Their lines are read backwards by numpy."""
    cell = results.study.guidance.cells[1]
    (seen,) = [k for _, wanted, k in matching.meetings(results, cell) if wanted == level]
    assert {"classifier-free", "autoguidance"} <= {one.guidance for one in seen if one.whole}
    for one in seen:
        accuracies = (
            results.observe(cell, "accuracy", one.guidance, f"{g:g}").values for g in GAMMAS
        )
        values = [*accuracies]
        for seed, (gamma, fid) in one.at.items():
            assert gamma == pytest.approx(np.interp(level, [v[seed] for v in values], GAMMAS))
            assert fid == pytest.approx(np.interp(gamma, GAMMAS, np.square(GAMMAS)))


def test_the_table_pairs_by_seed_and_says_what_is_never_reached(results: Results) -> None:
    table = matching.table(results)
    assert table is not None
    rows = [[text.text for text in row] for row in table.rows if "γ" in row[1].text]
    assert len(rows) == 2 * len(SLOPES)  # no second gamma: classifier-clean reaches none
    assert rows[0][1:] == [
        "0.750, at γ = 1.5",
        "classifier-free",
        "1.50",
        "2.250 (all seeds equal)",
        "–",
    ]
    by_kind = {row[2]: row for row in rows[: len(SLOPES)]}
    assert by_kind["classifier-clean"][4].startswith("never reaches it: mean accuracy highest 0.61")
    gammas = [(0.15 - 0.01 * seed) / SLOPES["interval"] for seed in results.study.seeds]
    less = np.interp(gammas, GAMMAS, np.square(GAMMAS)) - 2.25
    low, high = stats.t.interval(0.95, 2, less.mean(), stats.sem(less))
    shown = [float(text) for text in re.findall(r"[+−][\d.]+", by_kind["interval"][5])]
    assert shown == pytest.approx([less.mean(), low, high], abs=0.051)
    assert "0.0625" not in sweeps.lead(results) and "6.2%" in sweeps.lead(results)
    assert "log-SNR −1.6 to 2.6" in sweeps.lead(results)


def test_an_accuracy_that_no_other_kind_reaches_is_no_meeting(results: Results) -> None:
    """All others keep below 0.9; classifier-free guidance alone has it."""

    def low(place: Place, f: Figure, value: float) -> float:
        other = f.metric == "accuracy" and f.guidance not in ("", "none", "classifier-free")
        return min(value, 0.85) if other else value

    cell = results.study.guidance.cells[0]
    shown = [where for where, _, _ in matching.meetings(changed(results, low), cell)]
    assert shown == ["0.750, at γ = 1.5"]


def test_a_kind_that_begins_above_an_accuracy_never_reaches_it(results: Results) -> None:
    def late(place: Place, f: Figure, value: float) -> float:
        return value + 0.16 if (f.guidance, f.metric) == ("autoguidance", "accuracy") else value

    table = matching.table(changed(results, late))
    assert table is not None
    texts = [text.text for row in table.rows for text in row]
    assert "never reaches it: mean accuracy lowest 0.770" in texts


def _effect(accuracy_of_clean: float, fid_of_clean: float) -> Any:
    def put(place: Place, f: Figure, value: float) -> float:
        if f.guidance not in ("classifier", "classifier-clean") or f.gamma != "1":
            return value
        clean, noise = f.guidance == "classifier-clean", 0.001 * (place.run.seed + 1) ** 2
        if f.metric == "accuracy":
            return (accuracy_of_clean if clean else 0.9) + noise * (1 + clean)
        return (
            (fid_of_clean if clean else 2.0) + noise * (1 + clean) if f.metric == "fid" else value
        )

    return put


@pytest.mark.parametrize(
    ("clean", "expected"),
    [
        ((0.5, 9.0), "reproduced"),
        ((0.95, 9.0), "not reproduced"),
        ((0.5, 1.0), "not reproduced"),
        ((0.898, 1.998), "inconclusive"),
    ],
)
def test_a_classifier_without_noise_is_decided_by_accuracy_and_fid(
    results: Results, clean: tuple[float, float], expected: str
) -> None:
    assert verdict(changed(results, _effect(*clean)), "noisy-classifier") == expected


def test_claims_of_the_notes_are_about_their_two_kinds(
    results: Results, have: Callable[..., Results]
) -> None:
    assert verdict(have(), "noisy-classifier") == "no data"

    def flat(place: Place, f: Figure, value: float) -> float:
        return value if f.guidance in ("none", "classifier", "classifier-free") else 0.5

    for name in ("guidance-clear", "guidance-u"):
        assert verdict(changed(results, flat), name) == verdict(results, name)


def test_the_gamma_of_the_lowest_mean_is_told_and_whether_it_is_the_largest(
    have: Callable[..., Results],
) -> None:
    """By brute force over the figures: a minimum at the end of the sweep may lie beyond it."""
    results = have()
    (text,) = sweeps.sentences(results)
    shown = labels(results.study.guidance.cells)
    for kind in results.study.guidance.kinds:
        part = next(p for p in text.split("; at ") if f"with {kind} guidance" in p)
        for name in results.study.guidance.cells:
            sweep = jobs.gammas(results.study, kind)
            seen = [results.observe(name, "fid", kind, g).values for g in sweep]
            low = sweep[int(np.argmin([np.mean([*values.values()]) for values in seen]))]
            end = " (the largest tried)" if low == sweep[-1] else ""
            assert re.search(rf"{re.escape(low + end)} for (\S+ = )*{shown[name]}", part)
    assert sweeps.lowest_gamma({"0": 2.0, "2": 1.0, "10": 3.0}) == "2"
    assert sweeps.lowest_gamma({"0": 2.0, "1.5": 1.0, "10": 0.5}) == "10 (the largest tried)"
