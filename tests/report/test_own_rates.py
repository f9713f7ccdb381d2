"""Targets at a learning rate of their own are compared with each other, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from report import effects, synthetic

from threetargets.families.diffusion import spec as diffusion
from threetargets.pipeline.cells import Run
from threetargets.report.parts import comparing
from threetargets.report.parts.measures import BOUND
from threetargets.report.reading import own_rates
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_targets import comparisons

ROOT = Path(__file__).parents[2]


def put_in(run: Run) -> float:
    """A rate of their own makes all targets 2.0, the common one x0 worse by .5."""
    if run.cell.kind != "ddpm":
        return 2.5
    one = diffusion.of(run.cell)
    return 2.5 if (one.target, one.variant) == ("x0", "") else 2.0


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.setattr(effects, "_effect", put_in)
    return synthetic.results(synthetic.study_of(ROOT / "config" / "pairs.yaml"))


def test_the_chosen_cell_has_the_rate_that_is_not_the_common_one(results: Results) -> None:
    known = own_rates.by_rate(results)
    for (target, weighting), cell in own_rates.chosen(results).items():
        if (target, weighting) not in known:  # one with another by construction
            continue
        some = known[target, weighting]
        shared = own_rates.common(results.study, target, weighting)
        assert diffusion.of(cell).target == target and diffusion.of(cell).weighting == weighting
        assert diffusion.training(results.study, cell).learning_rate in some
        assert (cell == some.get(shared)) == (len(some) == 1)


def test_a_lead_that_a_rate_of_its_own_takes_away_is_told_in_the_common_family_alone(
    results: Results,
) -> None:
    own, shared = comparing.tuned(results, BOUND), comparing.targets(results, BOUND)
    tuned = {(c.where, *(diffusion.of(x).target for x in (c.a, c.b))): c for c in own}
    for c in shared:
        names = [diffusion.of(x).target for x in (c.a, c.b)]
        if names == ["x0", "eps"]:
            assert c.verdict == comparing.DIFFERENT and c.better == c.b
            here = tuned[c.where, "x0", "eps"]
            moved = diffusion.of(here.a).variant != ""
            assert here.verdict == (comparing.EQUAL if moved else comparing.DIFFERENT)
    titles = [t.title for t in comparisons.sections(results, Mirror())[0].tables]
    assert "Targets, each at a learning rate of its own" in titles


def test_a_study_that_chooses_rates_compares_none_of_them() -> None:
    chosen = synthetic.results(synthetic.study_of(ROOT / "config" / "learning-rates.yaml"))
    assert own_rates.chosen(chosen) == {} and comparing.tuned(chosen, BOUND) == []
