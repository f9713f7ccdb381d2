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

PAIRS = Path(__file__).parents[2] / "config" / "pairs.yaml"


def put_in(run: Run) -> float:
    """A rate of their own makes all targets 2.0, the common one x0 worse by .5."""
    if run.cell.kind != "ddpm":
        return 2.5
    one = diffusion.of(run.cell)
    return 2.5 if (one.target, one.variant) == ("x0", "") else 2.0


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.setattr(effects, "_effect", put_in)
    return synthetic.results(synthetic.study_of(PAIRS))


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


def test_a_target_that_is_anothers_model_has_its_own_rate() -> None:
    """score is eps at elbo weighting: at eps's own rate, too, it is the cell of eps."""
    cells = [*map(str, synthetic.study_of(PAIRS).cells), "ddpm_eps_elbo_lr-2e-3"]
    some = own_rates.chosen(synthetic.results(synthetic.study_of(PAIRS, cells=cells)))
    assert some["eps", "elbo"] == some["score", "elbo"] == "ddpm_eps_elbo_lr-2e-3"


@pytest.mark.parametrize("change", ["training", "network"])
def test_what_differs_in_more_than_its_rate_has_no_rate_of_its_own(change: str) -> None:
    more = {"training": {"steps": 100}, "network": {"width": 8}}[change]
    rate = {"training": {"learning_rate": 0.004}}
    rate[change] = rate.get(change, {}) | more
    study = synthetic.study_of(PAIRS)
    cells = [*map(str, study.cells), "ddpm_eps_elbo_more"]
    named = study.diffusion.model_dump(exclude_unset=True)["variants"] | {"more": rate}
    made = synthetic.results(synthetic.study_of(PAIRS, cells=cells, diffusion={"variants": named}))
    assert [*own_rates.by_rate(made)["eps", "elbo"]] == [1e-3]


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
    chosen = synthetic.results(synthetic.study_of(PAIRS.with_name("learning-rates.yaml")))
    assert own_rates.chosen(chosen) == {} and comparing.tuned(chosen, BOUND) == []
