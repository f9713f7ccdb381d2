"""Effects that were put in are found in the decomposition, and its claim follows its rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report import effects, synthetic

from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.statistics import t_interval
from threetargets.pipeline.cells import Run
from threetargets.report import at_a_glance
from threetargets.report.parts import comparing
from threetargets.report.parts.measures import BOUND, FID
from threetargets.report.parts.wording import Table
from threetargets.report.reading import crossed
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_targets import comparisons as comparison_topic
from threetargets.report.topics.of_targets import decomposition, output_spaces

STUDY = Path(__file__).parents[2] / "config" / "decomposition.yaml"


def put_in(run: Run) -> float:
    """x0 is worse by .4 without an input skip and .0 with one; elbo better by .2 than the rest; a
    narrow network worse by .1."""
    if run.cell.kind != "ddpm":
        return 2.5
    skip = "skip" in run.cell.variant
    alone = 0.4 if diffusion.of(run.cell).target == "x0" and not skip else 0.0
    better = -0.2 if diffusion.of(run.cell).weighting == "elbo" else 0.0
    return 2.1 + alone + better + (0.1 if "narrow" in run.cell.variant else 0.0)


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.setattr(effects, "_effect", put_in)
    return synthetic.results(synthetic.study_of(STUDY))


def test_the_grids_are_balanced_and_have_every_factor(results: Results) -> None:
    plain, wide = crossed.grids(results)
    assert plain.factors == ("output space", "weighting", "input skip")
    assert plain.cells.shape == (5, 5, 2)
    assert wide.factors == ("output space", "input skip", "width")
    assert wide.cells.shape == (5, 2, 2)
    for grid in (plain, wide):
        assert len({*grid.cells.flat}) == grid.cells.size
        for place, cell in zip(_product(grid), grid.cells.flat, strict=True):
            seen = crossed.levels(results, cell)
            assert seen is not None
            named = dict(zip(crossed.FACTORS, seen.factors, strict=True))
            assert tuple(named[factor] for factor in grid.factors) == place


def _product(grid: crossed.Grid) -> list[tuple[Any, ...]]:
    import itertools

    return list(itertools.product(*grid.levels))


def test_what_was_put_in_explains_the_spread(results: Results) -> None:
    """By hand, over 5 x 5 x 2 cells: the x0 column of one half is worse by .4, the elbo column
    better by .2."""
    found = decomposition.effects(results, crossed.grids(results)[0], BOUND)
    targets = 5 * 2 * (4 * 0.04**2 + 0.16**2)
    skips = 25 * 2 * 0.04**2
    both = targets
    weightings = 5 * 2 * (4 * 0.04**2 + 0.16**2)
    total = targets + skips + both + weightings
    expected = {
        ("output space",): targets / total,
        ("weighting",): weightings / total,
        ("input skip",): skips / total,
        ("output space", "input skip"): both / total,
    }
    for factors, share in expected.items():
        assert found[factors].share == pytest.approx(share, abs=0.03)
    assert sum(e.share for e in found.values()) == pytest.approx(1.0)
    assert decomposition.effects(results, crossed.grids(results)[0], FID)


def test_the_headline_begins_with_what_explains_most(results: Results) -> None:
    assert decomposition.headline(results).startswith(
        "Of the spread of the bound between 50 crossed cells "
    )
    shares = {
        e.factors: e.share
        for e in decomposition.effects(results, crossed.grids(results)[0], BOUND).values()
    }
    first = f"the output space explains {shares['output space',]:.0%}"
    second = f"the weighting explains {shares['weighting',]:.0%}"
    assert any(part in decomposition.headline(results) for part in (first, second))
    rest = "; without x₀ the output space explains 0% [0%, 0%], the weighting 100% [100%, 100%]."
    assert decomposition.headline(results).endswith(rest)
    ends = synthetic.results(synthetic.study_of(STUDY.parent / "endpoints.yaml"))
    assert decomposition.headline(ends) == ""


def test_no_target_is_named_where_all_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five targets in equal steps: without the first or the last the rest still differ."""
    steps = ("x0", "eps", "v", "flow", "edm")

    def stairs(run: Run) -> float:
        there = run.cell.kind == "ddpm"
        return 2.0 + 0.1 * steps.index(diffusion.of(run.cell).target) if there else 2.5

    monkeypatch.setattr(effects, "_effect", stairs)
    stepped = synthetic.results(synthetic.study_of(STUDY))
    assert "the output space explains" in decomposition.headline(stepped)
    assert "without" not in decomposition.headline(stepped)


def test_a_target_of_one_weighting_hides_no_grid() -> None:
    """The default study has raw score at one matched weighting alone."""
    default = synthetic.results(synthetic.study_of(STUDY.parents[1] / "params.yaml"))
    (grid,) = crossed.grids(default)
    assert grid.factors == ("output space", "weighting")
    assert grid.levels == (("x0", "eps", "v"), ("eps-equivalent", "elbo"))


def test_an_input_skip_is_compared_for_each_target_and_weighting(results: Results) -> None:
    """x0 gains the .4 that was put in, the others nothing; narrow networks stand outside."""
    some = comparing.input_skips(results, BOUND)
    assert len(some) == 25
    for one in some:
        assert diffusion.of(one.a).target == diffusion.of(one.b).target
        assert (diffusion.of(one.a).variant, diffusion.of(one.b).variant) == ("skip", "")
        gain = -0.4 if diffusion.of(one.a).target == "x0" else 0.0
        assert one.difference.interval.mean == pytest.approx(gain, abs=0.03)
    table = next(t for t in _paired(results) if t.name == "paired-input-skips")
    assert {row[2].text for row in table.rows} == {"with − without"}
    assert table.rows[0][1].text == "x₀ · eps-equivalent"


def test_weightings_are_named_by_their_own_names(results: Results) -> None:
    """One of them has a target's name, edm."""
    table = next(t for t in _paired(results) if t.name == "paired-weightings")
    of_edm = [row[2].text for row in table.rows if row[1].text == "edm"]
    assert "eps-equivalent − elbo" in of_edm and "edm − elbo" in of_edm


def _paired(results: Results) -> tuple[Table, ...]:
    return comparison_topic.sections(results, None)[0].tables  # type: ignore[arg-type]


def test_the_spread_over_targets_goes_with_the_skip(results: Results) -> None:
    without, with_skip = (decomposition.spread(results, "sigmoid", s) for s in (False, True))
    assert without is not None and with_skip is not None
    assert without[0] == pytest.approx(0.4, abs=0.02) and with_skip[0] < 0.02
    finding = decomposition.output_space(results)
    assert finding.verdict == "reproduced" and "50 equal" in finding.figure


def test_a_difference_that_a_skip_leaves_is_not_reproduced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def still(run: Run) -> float:
        x0 = run.cell.kind == "ddpm" and diffusion.of(run.cell).target == "x0"
        return put_in(run) + (0.3 if x0 else 0.0)

    monkeypatch.setattr(effects, "_effect", still)
    finding = decomposition.output_space(synthetic.results(synthetic.study_of(STUDY)))
    assert finding.verdict == "not reproduced" and "by more than the margin" in finding.figure


def test_a_missing_run_leaves_no_grid_and_no_verdict(results: Results) -> None:
    gone = Run(diffusion.parse("ddpm_v_edm_skip"), 1)
    some = synthetic.results(results.study, missing=gone)
    plain, wide = crossed.grids(some)
    assert decomposition.effects(some, plain, BOUND) == {}
    assert decomposition.effects(some, wide, BOUND)
    assert decomposition.output_space(some).verdict != "reproduced"


def test_a_target_that_has_no_cell_with_a_skip_is_left_out() -> None:
    file, lacking = STUDY.parent / "mnist14.yaml", "ddpm_flow_elbo_skip"
    whole = synthetic.study_of(file)
    (grid,) = crossed.grids(synthetic.results(whole))
    assert grid.factors == ("output space", "weighting", "input skip")
    levels = (("x0", "eps", "v", "flow", "edm"), ("eps-equivalent", "elbo"), (False, True))
    assert grid.levels == levels
    fewer = synthetic.study_of(file, cells=[str(c) for c in whole.cells if c != lacking])
    (grid,) = crossed.grids(synthetic.results(fewer))
    assert grid.levels == (("x0", "eps", "v", "edm"), *levels[1:])


def test_studies_without_a_crossed_grid_have_none() -> None:
    default = synthetic.results(synthetic.study_of(STUDY.parents[1] / "params.yaml"))
    assert decomposition.output_space(default).verdict == "no data"
    alone = synthetic.study_of(STUDY, cells=["ddpm_x0_elbo"])
    assert crossed.grids(synthetic.results(alone)) == []


def test_the_amplification_is_that_of_the_table_of_output_spaces(results: Results) -> None:
    """At log-SNR 0, where a = s: x0 1 and 1; eps 1 and 1; v s and a; flow a half and a half."""
    made = output_spaces.amplification(results)
    for name, (x0, eps) in {
        "x0": (1.0, 1.0),
        "eps": (1.0, 1.0),
        "v": (0.5**0.5, 0.5**0.5),
        "flow": (0.5, 0.5),
        "edm": (0.7 / 1.49**0.5, 0.7 / 1.49**0.5),
    }.items():
        middle = abs(made[name]["log_snr"]).argmin()
        assert made[name]["x0"][middle] == pytest.approx(x0, rel=0.02)
        assert made[name]["eps"][middle] == pytest.approx(eps, rel=0.02)


def test_pictures_hold_the_figures_of_their_cells(results: Results) -> None:
    by_target, errors = at_a_glance.by_target(results), output_spaces.errors(results)
    rows = {(r["measure"], r["cell"]): r for r in by_target.rows}
    for cell in ("ddpm_flow_min-snr-5_skip", "ddpm_x0_elbo"):
        interval = t_interval([effects.bound(Run(diffusion.parse(cell), s)) for s in (0, 1, 2)])
        assert rows["bound", cell]["mean"] == pytest.approx(interval.mean)
        assert rows["bound", cell]["low"] == pytest.approx(interval.low)
    assert len({r["cell"] for r in errors.rows}) == 10
    assert errors.svg.count("<path") > 20
