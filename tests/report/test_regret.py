"""How far each target and loss is behind the best of its study: in closed form, against a search by
brute force, and what is left out."""

from __future__ import annotations

import csv
import io
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from report.test_across import BPD, EQUIVALENT, known, line, put, read
from scipy import stats

from threetargets.diffusion import schedule
from threetargets.diffusion.target import TARGETS
from threetargets.diffusion.weighting import WEIGHTINGS
from threetargets.pipeline.cells import FLOOR
from threetargets.report import index_page
from threetargets.report.across import regret, regret_plot, which
from threetargets.report.across.contrasts import BOUND, FID
from threetargets.report.across.regret import Choice, Regret

Figures = dict[tuple[str, str], list[float]]


def rows(study: str, figures: Figures, metric: str = BPD) -> list[dict[str, object]]:
    return [
        line(study, ("ddpm", target, weighting, seed, metric, value))
        for (target, weighting), some in figures.items()
        for seed, value in enumerate(some)
    ]


def of(some: list[Regret], study: str, measure: str = BOUND) -> dict[Choice, Regret]:
    return {r.choice: r for r in some if (r.study, r.measure) == (study, measure)}


def test_the_distance_is_paired_by_seed_with_scipys_interval(tmp_path: Path) -> None:
    """Of FID it is the logarithm of the ratio of what is above the floor."""
    rng = np.random.default_rng(4)
    shared, extra = rng.normal(3.0, 1.0, 4) + 9.0, rng.normal(0.5, 0.1, 4)
    fids, ratios, floor = np.exp(rng.normal(0.0, 1.0, 4)), rng.normal(0.8, 0.2, 4), 0.3
    some = rows("one", {("x0", "elbo"): list(shared + extra), ("eps", "elbo"): list(shared)})
    above = {("x0", "elbo"): fids + floor, ("eps", "elbo"): fids * np.exp(ratios) + floor}
    some += rows("one", {place: list(values) for place, values in above.items()}, "fid")
    some.append(line("one", (FLOOR, "", "", 0, "fid", floor), model=FLOOR))
    put(tmp_path, "one", some)
    every = regret.regrets(read(tmp_path))
    for measure, first, best, values in (
        (BOUND, "x0", "eps", extra),
        (FID, "eps", "x0", ratios),
    ):
        here = of(every, "one", measure)
        low, high = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
        behind = here[regret.choice(first, "elbo")]
        assert behind.behind.mean == pytest.approx(values.mean())
        assert [behind.behind.low, behind.behind.high] == pytest.approx([low, high])
        least = here[regret.choice(best, "elbo")]
        assert (least.behind.mean, least.behind.low) == (0.0, None)
        assert (least.best, behind.best) == (True, False)


@pytest.mark.parametrize("target", [t for t in TARGETS if f"{t}-equivalent" in WEIGHTINGS])
def test_a_target_s_own_equivalent_loss_is_its_native_one(target: str) -> None:
    table = schedule.table(schedule.SCHEDULES["cosine"](9.0, -9.0), 50)
    i = torch.arange(2, 51)
    for other, weighting in itertools.product(TARGETS, WEIGHTINGS):
        same = torch.allclose(
            WEIGHTINGS[weighting](TARGETS[other], table, i),
            WEIGHTINGS["native"](TARGETS[other], table, i),
        )
        named = regret.choice(other, weighting).loss == "native"
        assert same or not named
        assert named or weighting != f"{other}-equivalent"
    assert regret.choice(target, f"{target}-equivalent") == Choice(target, "native")


def studies_of(tmp_path: Path) -> dict[str, Figures]:
    """Three studies in which v is never best, and never far behind."""
    wobble = np.array([-0.001, 0.0, 0.001])
    means = {
        "a": {("x0", "elbo"): 2.0, ("eps", "elbo"): 3.0, ("v", "elbo"): 2.2},
        "b": {("x0", "elbo"): 5.0, ("eps", "elbo"): 3.0, ("v", "elbo"): 3.1},
        "c": {("x0", "elbo"): 3.0, ("eps", "elbo"): 3.2, ("v", "elbo"): 3.05},
    }
    figures: dict[str, Figures] = {}
    for name, of_study in means.items():
        some = of_study | {(t, EQUIVALENT): mean + 2.5 for (t, _), mean in of_study.items()}
        figures[name] = {place: list(mean * (1 + wobble)) for place, mean in some.items()}
        put(tmp_path, name, rows(name, figures[name]))
    return figures


def test_the_advice_is_the_least_of_the_largest_distances(tmp_path: Path) -> None:
    """By brute force over the means of the three studies."""
    figures = studies_of(tmp_path)
    best = {name: min(map(np.mean, some.values())) for name, some in figures.items()}
    places = set.intersection(*(set(some) for some in figures.values()))
    most = {p: max(np.mean(figures[s][p]) - best[s] for s in figures) for p in places}
    some = regret.regrets(read(tmp_path))
    chosen = which.advised(some, BOUND)
    assert [w.choice for w in chosen] == [regret.choice(*min(places, key=lambda p: most[p]))]
    for place in places:
        found = regret.worst(some, BOUND, regret.choice(*place))
        assert found is not None and found.behind.mean == pytest.approx(most[place])
    assert which.advice(some, BOUND) == (
        "Likelihood: predict v, with the bound as the loss (elbo); never more than 0.20 bits/dim "
        "behind the best of a study, in 3 studies. By comparison: x₀ · elbo up to 2.00 (b), "
        "v · eps-equivalent up to 2.70 (a) and ε · native, the usual choice, up to 3.50 (a)."
    )
    assert which.advice(some, FID) == "" and which.both(some) == ""


def test_fid_is_told_as_a_ratio_and_one_advice_by_the_other(tmp_path: Path) -> None:
    wobble = np.array([0.99, 1.0, 1.01])
    for k, name in enumerate("abc"):
        bounds = {("x0", "elbo"): 3.0 + k, ("eps", "elbo"): 2.0}
        fids = {("x0", "elbo"): 1.0 + 0.1 * k, ("eps", "elbo"): (2.0 + k) * (1.0 + 0.1 * k)}
        some = rows(name, {place: list(mean * wobble) for place, mean in bounds.items()})
        some += rows(name, {p: list(mean * wobble) for p, mean in fids.items()}, "fid")
        put(tmp_path, name, some)
    some = regret.regrets(read(tmp_path))
    assert which.advice(some, FID) == (
        "Samples: predict x₀, with the bound as the loss (elbo); never more than 1.0 times the "
        "lowest FID of a study, in 3 studies. By comparison: ε · elbo up to 4.0 (c)."
    )
    assert which.both(some) == (
        "No choice is best at both: that for samples is up to 3.00 bits/dim behind by the bound, "
        "that for likelihood up to 4.0 times the lowest FID."
    )
    table = which.table(some)
    assert table is not None
    assert [(r[0].text, r[2].kind, r[3].kind) for r in table.rows] == [
        ("x₀", "", "best"),
        ("ε", "best", ""),
    ]
    assert table.rows[1][3].text.startswith("4.0 [4.0, 4.0]")


def test_choices_within_the_margin_are_advised_together(tmp_path: Path) -> None:
    """A setting brings the margin, .05 bits/dim; without one no two are tied."""
    wobble = np.array([-0.001, 0.0, 0.001])
    for name, shift in (("a", 0.0), ("b", 0.04), ("c", 0.02)):
        means = {("x0", "elbo"): 2.0 - shift, ("eps", "elbo"): 2.0, ("v", "elbo"): 2.3}
        put(tmp_path, name, rows(name, {p: list(m + wobble) for p, m in means.items()}))
    assert [w.choice.target for w in which.advised(regret.regrets(read(tmp_path)), BOUND)] == ["x0"]
    for name in "abc":
        known(tmp_path, name)
    some = regret.regrets(read(tmp_path))
    assert [w.choice.target for w in which.advised(some, BOUND)] == ["x0", "eps"]
    assert which.advice(some, BOUND).startswith("Likelihood: predict x₀ or ε, with the bound as")
    assert which.sure(some).startswith("How sure: 3 studies, on 1 data set (digits), 3 seeds each.")


def test_one_seed_and_two_studies_advise_nothing(tmp_path: Path) -> None:
    studies_of(tmp_path)
    path = tmp_path / "c" / "metrics.csv"
    table = list(csv.DictReader(io.StringIO(path.read_text())))
    path.unlink()
    path.parent.rmdir()
    put(tmp_path, "c", [dict(r) for r in table if r["seed"] == "0"])
    some = regret.regrets(read(tmp_path))
    assert len(of(some, "c")) == 6 and which.advised(some, BOUND) == []
    page = index_page.across(read(tmp_path), [])
    assert page.which.lead == (which.NONE,)
    x0 = regret.worst(some, BOUND, Choice("x0", "elbo"))
    assert x0 is not None and x0.study == "b"


def test_trainings_that_two_studies_share_count_once(tmp_path: Path) -> None:
    """In the one with more seeds, or the first; each choice by itself."""
    fids = [0.5, 0.7, 0.6, 0.8]
    for name, seeds in (("a", 3), ("b", 4), ("c", 4)):
        figures = {("x0", "elbo"): fids[:seeds], ("eps", "elbo"): [2 * f for f in fids[:seeds]]}
        extra = {("v", "elbo"): [3.0, 3.1, 3.2]} if name == "a" else {}
        some = rows(name, figures | extra, "fid") + rows(name, figures | extra)
        put(tmp_path, name, some)
    every = [r for r in regret.regrets(read(tmp_path)) if r.measure == FID]
    assert [(r.study, r.choice.target) for r in every] == [("a", "v"), ("b", "x0"), ("b", "eps")]


def test_a_fid_at_the_floor_has_no_ratio_and_is_left_out(tmp_path: Path) -> None:
    figures = {("x0", "elbo"): [1.0, 2.0], ("eps", "elbo"): [2.0, 0.5], ("v", "elbo"): [3.0, 4.0]}
    some = rows("one", figures, "fid") + rows("one", figures)
    some.append(line("one", (FLOOR, "", "", 0, "fid", 0.5), model=FLOOR))
    put(tmp_path, "one", some)
    every = regret.regrets(read(tmp_path))
    assert {r.choice.target for r in every if r.measure == FID} == {"x0", "v"}


def test_the_picture_has_a_row_for_each_shared_choice_and_its_worst(tmp_path: Path) -> None:
    studies_of(tmp_path)
    known(tmp_path, "a")
    page = index_page.across(read(tmp_path), [])
    plot = page.which.plot
    assert plot is not None and len(plot.rows) == 18
    some = regret.regrets(read(tmp_path))
    for one in regret.choices(some):
        assert plot.svg.count(f">{one.label}<") == 1
        most = regret.worst(some, BOUND, one)
        assert most is not None and f">{most.behind.mean:.2f}<" in plot.svg
    for data in ("digits", ">b<", ">c<"):
        assert data in plot.svg
    assert regret_plot.picture([]) is None
    written = index_page.write(tmp_path, page)
    assert {"regret.svg", "regret.csv", "table-regret.csv"} <= {
        p.name for p in (tmp_path / "figures").iterdir()
    }
    assert written.read_text().index("figure-regret") < written.read_text().index('id="pairs"')
    known_rows = list(csv.DictReader(io.StringIO((tmp_path / "figures/regret.csv").read_text())))
    assert sum(r["best"] == "True" for r in known_rows) == 3
    assert all(math.isfinite(float(r["behind"])) for r in known_rows)
