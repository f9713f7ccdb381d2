"""The claim of the manifold experiment on made-up figures whose answer is known; the section it
stands in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from experiments.test_pipeline import tiny
from report.synthetic import PROVENANCE
from report.test_page import checked

from threetargets import experiments
from threetargets.experiments.manifold.spec import Manifold, cases, main
from threetargets.pipeline import jobs
from threetargets.pipeline.records import Figure, Record
from threetargets.report import topics
from threetargets.report.answer import answer
from threetargets.report.page import write
from threetargets.report.reading.collect import Place, Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_experiments.manifold import TOPIC, decide
from threetargets.study.schema import Study

SEEDS = [0, 1, 2]
Distance = Callable[[str, int, int], float | None]
"""(target, D, seed) -> distance from the plane."""


def block(study: Study) -> Manifold:
    (own,) = experiments.of(study).values()
    assert isinstance(own, Manifold)
    return own


def results(distance: Distance, missing: tuple[int, ...] = (), **changes: object) -> Results:
    study = tiny(**changes).model_copy(update={"seeds": SEEDS})
    records, arrays = {}, {}
    for run in jobs.experiment_runs(study):
        if run.seed in missing:
            continue
        own = block(study)
        figures = [Figure("in_plane/data", 0.1), Figure("experiment_seconds", 1.0)]
        figures += [Figure(f"in_plane/exact_D{d}", 0.1 + 0.01 * run.seed) for d in own.dimensions]
        curves: dict[str, Any] = {}
        for case in cases(own):
            off = distance(case.target, case.dimension, run.seed)
            figures += [
                Figure(f"off_plane/{case.name}", off),
                Figure(f"in_plane/{case.name}", 0.2 + 0.01 * run.seed),
                Figure(f"eps_excess/{case.name}", 0.3 + 0.01 * run.seed),
            ]
            curves[case.name] = {"log_snr": [6.0, -7.0], "value": [0.1, 0.2 + 0.1 * run.seed]}
        records[Place("experiment", run)] = Record(
            "experiment",
            study.study,
            run.cell,
            run.seed,
            "0" * 16,
            figures=figures,
            curves={"eps_excess": curves},
            command=f"threetargets experiment --cell {run.cell} --seed {run.seed} --threads 1",
            provenance=PROVENANCE,
        )
        names = ["data", "exact_D16", *(case.name for case in main(own))]
        arrays[run] = {name: np.full((3, 2), 0.5, np.float32) for name in names}
    return Results(study, records, {}, {}, arrays=arrays)


def as_published(target: str, dimension: int, seed: int) -> float:
    factor = {"x0": 0.001, "eps": 1.0, "v": 0.1}[target]
    return factor * dimension * (1 + 0.02 * seed)


def flat(target: str, dimension: int, seed: int) -> float:
    return 1 + 0.1 * ((7 * seed + dimension) % 3)


@pytest.mark.parametrize(
    ("distance", "verdict"),
    [
        (as_published, "reproduced"),
        (flat, "inconclusive"),
        (lambda t, d, k: 100 - as_published(t, d, k), "not reproduced"),
        (lambda t, d, k: (1 if t == "x0" else 0.1) * d * (1 + 0.02 * k), "not reproduced"),
        (lambda t, d, k: d * (1 + 0.02 * k) if t != "v" else flat(t, d, k), "not reproduced"),
        (lambda t, d, k: None if (t, k) == ("v", 1) else as_published(t, d, k), "inconclusive"),
        (lambda t, d, k: None, "no data"),
    ],
)
def test_the_rule(distance: Distance, verdict: str) -> None:
    """As published; nothing; the opposite; x0 rises more; eps rises and v does not, but x0 does; a
    diverged case; nothing finite."""
    assert decide(results(distance)).verdict == verdict


def test_a_missing_seed_reproduces_nothing() -> None:
    found = decide(results(as_published, missing=(1,)))
    assert found.verdict == "inconclusive"
    assert decide(results(as_published, missing=(0, 1))).verdict == "inconclusive"
    assert decide(results(as_published, missing=(0, 1, 2))).verdict == "no data"


def test_the_differences_are_those_of_the_ends() -> None:
    """eps rises by 12 (1, 1.02, 1.04) from D = 4 to 16: mean 12.24, interval by t of 3 seeds."""
    figure = decide(results(as_published)).figure
    assert "D = 4 to 16" in figure
    half = 4.302653 * 0.24 / 3**0.5
    assert f"rise of ε: +12.24 [+{12.24 - half:.2f}, +{12.24 + half:.2f}]" in figure
    less = [part.split(":")[0] for part in figure.split("; ") if "less" in part]
    assert less == ["rise of ε less that of x₀", "rise of v less that of x₀"]


@pytest.mark.parametrize("changes", [{"width": 32}, {"dimensions": [2, 16]}])
def test_without_a_dimension_on_each_side_of_the_width_there_is_no_claim(changes: dict) -> None:
    assert decide(results(as_published, **changes)).verdict == "no data"


def test_a_study_without_the_experiment_has_no_section(
    have: Callable[..., Results],
) -> None:
    other = have()
    assert decide(other).verdict == "no data"
    assert TOPIC.sections(other, Mirror()) == [] and TOPIC.sentences(other) == []


def test_the_section_shows_every_case_and_says_what_is_missing() -> None:
    made = results(lambda t, d, k: None if t == "eps" else as_published(t, d, k), missing=(2,))
    (section,) = TOPIC.sections(made, Mirror())
    (off,) = section.tables
    kinds = [tuple(cell.text for cell in row[:4]) for row in off.rows]
    assert kinds == [
        *((t, "v-equivalent", "8", "no") for t in ("x₀", "ε", "v")),
        *((t, "v-equivalent", "8", "yes") for t in ("x₀", "ε", "v")),
        ("x₀", "native", "8", "no"),
    ]
    assert off.head[4:] == ("D = 4", "D = 16")
    assert "2 failed" in off.rows[1][5].note and "1 missing" in off.rows[0][5].note
    assert off.rows[3][4].text == "", "not trained there"
    within = section.folded[0]
    assert [row[0].text for row in within.rows[-2:]] == ["exact", "data"]
    errors, levels, samples = section.plots
    assert {row["target"] for row in errors.rows} == {"x0", "eps", "v"}
    assert {row["D"] for row in levels.rows} == {2, 16}
    assert len(samples.rows) == 3 * (2 + 3)


def test_the_first_screen_of_experiments_alone() -> None:
    first = answer(results(as_published))
    assert first.headline.startswith("Reproduced: ")
    assert not first.tiles
    plain, skipped, *_ = first.sentences
    assert "ε 16.32 ± 0.79" in plain and "issues 2 and 8" in skipped
    names = [claim.id for claim in topics.every_claim(topics.reading(results(as_published)))]
    assert "manifold" in names and "tweedie" in names and "ladder" not in names


def test_its_page_stands_without_cells_and_without_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = results(as_published, missing=(2,))
    page = write(made, Mirror())
    html = checked(page.read_text(encoding="utf-8"))
    assert {"manifold", "claims", "provenance"} <= set(html.ids) and "models" not in html.ids
    assert "manifold, seed 2: missing experiment." in "".join(html.text)
    headlines = json.loads((page.parent / "metrics.json").read_text())
    assert headlines == {"records": {"failed": 0, "missing": 1}}
