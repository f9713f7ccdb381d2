"""How far each target and loss is behind the best of its study: in closed form, against a search by
brute force, and what is left out."""

from __future__ import annotations

import csv
import io
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
from threetargets.report.across import regret, side_by_side, which
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


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_what_is_called_native_weighs_every_noise_level_as_native(
    target: str, weighting: str
) -> None:
    """And what weighs them so is called native, but for EDM's output, which for data of variance 1
    is v up to its sign."""
    table = schedule.table(schedule.SCHEDULES["cosine"](9.0, -9.0), 50)
    i = torch.arange(2, 51)
    weights = (WEIGHTINGS[name](TARGETS[target], table, i) for name in (weighting, "native"))
    same = torch.allclose(*weights)
    called = regret.choice(target, weighting).loss == "native"
    assert same == (called or (target, weighting) == ("edm", "v-equivalent"))


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
        "Likelihood: predict v, with the bound as the loss (elbo). Behind the best of the same "
        "network in any study by at most 0.20 [0.20, 0.20] bits/dim (v, 3 studies); x₀ · elbo up "
        "to 2.00 (b), v · eps-equivalent up to 2.70 (a) and ε · native, the usual choice, up to "
        "3.50 (a)."
    )
    assert which.without_one(some) == (
        "Without the study b the advice for likelihood is x₀ · elbo; without any other study the "
        "advice is the same."
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
        "Samples: predict x₀, with the bound as the loss (elbo). FID less that of real images "
        "is at most 1.0 times that of the best of the same network (x₀, 3 studies); ε · elbo up to "
        "4.0 (c)."
    )
    assert which.both(some) == (
        "No choice is advised for both: x₀ · elbo up to 3.00 bits/dim behind and ε · elbo up to "
        "4.0 times the lowest excess FID."
    )
    assert which.without_one(some) == "Without any one of the studies the advice is the same."
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
    assert which.sure(some, 5).startswith(
        "How sure: 3 of 5 studies compare targets over several seeds, on 1 data set (digits), over "
        "3 seeds each."
    )


def test_a_choice_in_fewer_than_half_of_the_studies_is_named_but_not_advised(
    tmp_path: Path,
) -> None:
    """v is best in three of seven, x0 next to it in all."""
    wobble = np.array([-0.001, 0.0, 0.001])
    for k, name in enumerate("abcdefg"):
        means = {("x0", "elbo"): 2.0 + k, ("eps", "elbo"): 3.0 + k}
        means |= {("v", "elbo"): 1.9 + k} if k < 3 else {}
        put(tmp_path, name, rows(name, {p: list(m * (1 + wobble)) for p, m in means.items()}))
    studies = read(tmp_path)
    some = regret.regrets(studies)
    assert [w.choice.target for w in which.advised(some, BOUND)] == ["x0"]
    near = "As near or nearer, but in too few of the studies: v · elbo by the bound, at most 0.00 "
    assert f"{near}(3 of 7 studies)." in which.remarks(some, studies)
    (tmp_path / "g" / "metrics.csv").unlink()
    (tmp_path / "g").rmdir()
    some = regret.regrets(read(tmp_path))
    assert [w.choice.target for w in which.advised(some, BOUND)] == ["v"]


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


def test_a_fid_at_the_floor_leaves_its_study_unjudged_and_named(tmp_path: Path) -> None:
    """Whoever is there is the best, and has no ratio; the bounds are judged all the same."""
    figures = {("x0", "elbo"): [1.0, 2.0], ("eps", "elbo"): [2.0, 0.5], ("v", "elbo"): [3.0, 4.0]}
    some = rows("one", figures, "fid") + rows("one", figures)
    some.append(line("one", (FLOOR, "", "", 0, "fid", 0.5), model=FLOOR))
    put(tmp_path, "one", some)
    studies = read(tmp_path)
    every = regret.regrets(studies)
    assert {r.measure for r in every} == {BOUND} and len(every) == 3
    assert which.remarks(every, studies)[-1] == (
        "Not judged by FID, since one is no larger than that of real images: one."
    )


def test_a_study_that_has_only_other_choices_is_not_counted(tmp_path: Path) -> None:
    """It compares x0 with eps at a loss that the page does not have, and is no part of what half
    of the studies are."""
    here = {("x0", "elbo"): [2.0, 2.1], ("eps", "elbo"): [2.5, 2.7]}
    for name, figures in (("a", here), ("b", here), ("c", here)):
        put(tmp_path, name, rows(name, figures))
    alone = {("raw-score", "native"): [3.0, 3.1], ("x0", "elbo"): [2.0], ("eps", "elbo"): [2.2]}
    put(tmp_path, "d", rows("d", alone | {("raw-score", "elbo"): [3.0, 3.2]}))
    every = regret.regrets(read(tmp_path))
    assert {r.study for r in every} == {*"abcd"}
    assert {r.study for r in regret.of_choices(every)} == {*"abc"}


def test_who_is_best_does_not_depend_on_who_has_which_seeds(tmp_path: Path) -> None:
    """At the seeds that all have; a choice with one seed is none of them."""
    figures = {("x0", "elbo"): [1.0, 1.1, 10.0], ("eps", "elbo"): [2.0, 2.1]}
    put(tmp_path, "one", rows("one", figures | {("v", "elbo"): [0.5]}))
    here = of(regret.regrets(read(tmp_path)), "one")
    assert {c.target: r.best for c, r in here.items()} == {"x0": True, "eps": False}
    eps = here[Choice("eps", "elbo")].behind
    assert (eps.n, eps.mean) == (2, pytest.approx(1.0))


def test_of_two_names_of_one_loss_the_one_with_more_seeds_counts(tmp_path: Path) -> None:
    figures = {
        ("eps", "native"): [2.0, 2.2],
        ("eps", EQUIVALENT): [2.0],
        ("x0", "native"): [1.0, 1],
    }
    put(tmp_path, "one", rows("one", figures))
    put(tmp_path, "two", rows("two", figures))
    here = of(regret.regrets(read(tmp_path)), "one")
    assert here[Choice("eps", "native")].behind.n == 2
    table, _ = side_by_side.tables(read(tmp_path))
    assert table is not None
    assert [row[0].text for row in table.rows] == ["x₀ · native", "ε · native"]
