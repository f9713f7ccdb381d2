"""Curves whose crossing and cost are known in closed form, put in by hand and read again."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from report import synthetic

from threetargets.families.diffusion import spec as diffusion
from threetargets.report.best_of_targets import table as first_table
from threetargets.report.reading.collect import Results
from threetargets.report.reading.courses import Course, images_to, needed, worst_end
from threetargets.report.topics.of_targets import over_training

ROOT = Path(__file__).parents[2]
IMAGES = (1000.0, 10_000.0, 100_000.0)


@pytest.mark.parametrize(
    ("level", "images"),
    [(3.5, 1000.0), (3.0, 1000.0), (2.5, 10**3.5), (2.0, 10_000.0), (1.9, 1e5), (1.8, None)],
)
def test_a_line_in_the_logarithm_is_met_where_it_is(level: float, images: float | None) -> None:
    course = Course(IMAGES, (3.0, 2.0, 1.9))
    assert images_to(course, level) == (None if images is None else pytest.approx(images))


def test_the_first_of_several_crossings_counts() -> None:
    assert images_to(Course(IMAGES, (3.0, 2.0, 4.0)), 2.5) == pytest.approx(10**3.5)


@pytest.fixture
def results() -> Results:
    """Straight lines in log images: x0 starts low and falls slowly, eps and v cross it, eps before
    10 000 images and v after; eps needs a tenth of the images that x0 does, times a factor of the
    seed."""
    study = synthetic.study_of(ROOT / "params.yaml", cells=CELLS, guidance={"cells": []})
    seen = synthetic.results(study)
    for place, record in seen.records.items():
        if place.stage == "likelihood" and place.run.cell.kind == "ddpm":
            target, shift = diffusion.of(place.run.cell).target, 0.01 * place.run.seed
            bound = [STARTS[target] - FALLS[target] * k + shift for k in range(3)]
            record.curves["training"] = {"images": [*IMAGES], "bound": bound}
    return seen


CELLS = ["ddpm_x0_elbo", "ddpm_eps_elbo", "ddpm_v_elbo"]
X0, EPS, V = map(diffusion.parse, CELLS)
STARTS, FALLS = {"x0": 2.4, "eps": 2.8, "v": 3.1}, {"x0": 0.1, "eps": 0.6, "v": 0.5}


def test_images_to_the_bound_of_the_worst_are_those_of_the_lines(results: Results) -> None:
    levels = worst_end(results, [X0, EPS, V])
    assert levels == pytest.approx({0: 2.2, 1: 2.21, 2: 2.22})
    for cell, tens in ((X0, 2.0), (EPS, 1.0), (V, 1.8)):
        cost = needed(results, cell, levels)
        assert cost.mean == pytest.approx(1000 * 10**tens)
        assert cost.low == pytest.approx(cost.high) == pytest.approx(cost.mean)


def test_the_interval_is_that_of_the_logarithms(results: Results) -> None:
    """eps meets 2.2, 2.2 + .06 and 2.2 + .12 a tenth of a decade apart: t of 2 degrees of
    freedom is 4.3027."""
    cost = needed(results, EPS, {0: 2.2, 1: 2.21 + 0.06, 2: 2.22 + 0.12})
    middle, half = 4 - 0.1, 4.302653 * 0.1 / math.sqrt(3)
    assert cost.mean == pytest.approx(10**middle)
    assert (cost.low, cost.high) == pytest.approx((10 ** (middle - half), 10 ** (middle + half)))


def test_the_orders_early_and_in_the_end_are_told(results: Results) -> None:
    rows = [[text.text for text in row] for row in over_training.orders(results).rows]
    assert rows == [["elbo", "x₀ < ε < v", "ε < v < x₀", "the last point"]]
    assert over_training.since(results, [X0, EPS]) == 10_000.0
    assert over_training.since(results, [EPS, V]) == 1000.0
    assert over_training.sentences(results) == [
        "By the bound, the order of the targets still changes at the last point at elbo weighting; "
        "x₀ − ε after 10 000 images and in the end: +0.1000 [+0.1000, +0.1000] and "
        "+0.60000 [+0.60000, +0.60000] at elbo (bits/dim)."
    ]


def test_the_cost_stands_in_the_table(results: Results) -> None:
    rows = {row[1].text: row[-1].text for row in over_training.table(results).rows}
    assert rows["ε"].startswith("10 000") and rows["x₀"].startswith("100 000")


def test_the_first_screen_asks_for_the_bound_of_the_lowest_at_half_of_its_images(
    results: Results,
) -> None:
    """That is its bound after the second of three points; of the others where their lines are as
    low, which is never where they end above it."""
    shown = first_table(results)
    assert shown is not None
    rows = {row[0].text: row for row in shown.rows}
    names = {"x0": "x₀", "eps": "ε", "v": "v"}
    (first,) = (t for t, name in names.items() if rows[name][2].text == "lowest")
    level = STARTS[first] - FALLS[first]
    assert shown.head[-1] == f"images to {level + 0.01:.2f} bits/dim"
    for name, text in names.items():
        decades = (STARTS[name] - level) / FALLS[name]
        images = f"{float(f'{1000 * 10**decades:.3g}'):,.0f}".replace(",", " ")
        expected = images if decades <= 2 else "not reached"
        expected = expected if decades > 0 else "at most 1 000"
        assert rows[text][-1].text.split(" [")[0].replace("\u202f", " ") == expected
    for record in results.records.values():
        if "training" in record.curves:
            record.curves["training"]["bound"][-1] += 1.0 * (record.seed == 0)
            record.curves["training"]["bound"][1] -= 5.0 * (record.cell == f"ddpm_{first}_elbo")
    again = first_table(results)
    assert again is not None
    others = [row[-1].text for row in again.rows if row[2].text != "lowest"]
    assert others == ["not reached"] * 2


def test_a_cell_without_a_curve_at_every_seed_is_left_out(results: Results) -> None:
    for place, record in results.records.items():
        if place.stage == "likelihood" and place.run.cell == V and place.run.seed == 1:
            del record.curves["training"]
    assert over_training.by_weighting(results) == {"elbo": [X0, EPS]}
    last = over_training.table(results).rows[-1]
    assert last[1].text == "v · elbo" and last[-1].kind == "missing"
    shown = first_table(results)
    assert shown is not None and not any("images" in name for name in shown.head)
