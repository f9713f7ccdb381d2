"""Where two targets change places, put in by hand and found again."""

from __future__ import annotations

from pathlib import Path

import pytest
from report import effects, synthetic

from threetargets.families.diffusion import spec as diffusion
from threetargets.pipeline.cells import Run
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_targets import endpoints

ROOT = Path(__file__).parents[2]
ENDS = [3.0, 4.0, 5.0, 5.5, 6.0, 7.0, 9.0, 11.0]


@pytest.mark.parametrize(
    ("difference", "roots"),
    [
        ([-1.0, 1.0, 3.0], [4.0]),
        ([1.0, 3.0, 5.0], []),
        ([-1.0, 3.0, -1.0], [3.5, 6.5]),
        ([0.0, 1.0, 2.0], []),
        ([-1.0, 0.0, 2.0], [5.0]),
        ([-1.0, 0.0, -2.0], []),
        ([-1.0, 0.0, 0.0, 2.0], [6.0]),
    ],
)
def test_crossings_are_roots_of_the_line_through_the_points(
    difference: list[float], roots: list[float]
) -> None:
    x = [3.0, 5.0, 7.0, 9.0][: len(difference)]
    assert endpoints.crossings(x, difference) == pytest.approx(roots)


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Results:
    """x0 is better than eps by .34 at 3 and worse by .1 more for each step of log-SNR: they meet at
    6.4, seed 0 at 6.2."""

    def bound(run: Run) -> float:
        if run.cell.kind != "ddpm":
            return 2.5
        at = float(run.cell.variant.removeprefix("end").replace("-", "."))
        x0 = diffusion.of(run.cell).target == "x0"
        early = 0.02 if run.seed == 0 else 0.0
        return 2.0 + ((0.1 * (at - 6.4) + early) if x0 else 0.0)

    monkeypatch.setattr(effects, "bound", bound)
    return synthetic.results(synthetic.study_of(ROOT / "config" / "endpoints.yaml"))


def test_every_target_has_every_end(results: Results) -> None:
    known = endpoints.ends(results)
    assert {key[0] for key in known} == {"x0", "eps"}
    assert all([*some] == ENDS for some in known.values())
    for (target, weighting), some in known.items():
        for at, cell in some.items():
            assert cell == diffusion.cell_of(target, weighting, f"end{at:g}".replace(".", "-"))


def test_the_crossing_is_found_with_its_interval(results: Results) -> None:
    where = endpoints.crossing(results, "elbo")
    assert where is not None and where[1] == []
    assert where[0].mean == pytest.approx((6.2 + 6.4 + 6.4) / 3) and where[0].n == 3
    assert where[0].low is not None and where[0].high is not None
    assert where[0].low < 6.2 < 6.4 < where[0].high
    rows = [[text.text for text in row] for row in endpoints.table(results).rows]
    assert ["elbo", "3"] in [row[:2] for row in rows] and len(rows) == len(ENDS) + 1
    assert "6.33" in endpoints.sentences(results)[0]


def test_a_seed_that_never_crosses_is_named(results: Results) -> None:
    gone = synthetic.results(results.study, missing=Run(diffusion.parse("ddpm_x0_elbo_end7"), 2))
    where = endpoints.crossing(gone, "elbo")
    assert where is not None and where[0].n == 2 and where[1] == [2]
    assert "no single one in 1 seed" in endpoints.table(gone).rows[-1][2].text


def test_a_seed_that_crosses_twice_is_named(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = effects.bound

    def bound(run: Run) -> float:
        again = (run.cell, run.seed) == ("ddpm_x0_elbo_end11", 1)
        return 1.9 if again else once(run)

    monkeypatch.setattr(effects, "bound", bound)
    twice = synthetic.results(results.study)
    where = endpoints.crossing(twice, "elbo")
    assert where is not None and where[1] == [1]
    assert where[0].mean == pytest.approx((6.2 + 6.4) / 2) and where[0].n == 2


def test_the_picture_has_a_line_for_each_target(results: Results) -> None:
    plot = endpoints.curves(results)
    assert len(plot.rows) == 2 * len(ENDS)
    assert {row["seeds"] for row in plot.rows} == {3}


def test_a_study_of_one_process_has_no_such_section() -> None:
    default = synthetic.results(synthetic.study_of(ROOT / "params.yaml"))
    assert endpoints.ends(default) == {} and endpoints.sentences(default) == []
