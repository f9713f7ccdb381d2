"""The best learning rate is put in by hand and read again."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from report import synthetic

from threetargets.families.diffusion import spec as diffusion
from threetargets.pipeline.records import Figure
from threetargets.report import answer
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_targets import learning_rates

ROOT = Path(__file__).parents[2]
BEST = {"x0": 5e-4, "eps": 2e-3, "v": 1e-3, "score": 8e-3, "flow": 3e-4, "edm": 4e-3}
RATES = [3e-4, 5e-4, 1e-3, 2e-3, 4e-3]
SIXTH = {("x0", "native"), ("score", "native")}


@pytest.fixture
def results() -> Results:
    """On validation images each target is best at its own rate, by a tenth for each factor of e;
    on test images by a twentieth, and .02 differs between seeds."""
    study = synthetic.study_of(ROOT / "config" / "learning-rates.yaml")
    made = synthetic.results(study)
    for place, record in made.records.items():
        if place.stage != "likelihood":
            continue
        rate = diffusion.training(study, place.run.cell).learning_rate
        away = abs(math.log(rate / BEST[diffusion.of(place.run.cell).target]))
        spread = 0.02 * (place.run.seed == 101)
        values = {"validation_bound": 2.0 + 0.1 * away, "bound": 2.0 + (0.05 + spread) * away}
        kept = [f for f in record.figures if f.quantity not in values]
        new = [Figure(f"{name}_bpd", v, quantity=name) for name, v in values.items()]
        made.records[place] = replace(record, figures=kept + new)
    return made


def test_every_target_and_weighting_has_five_rates_or_six(results: Results) -> None:
    known = learning_rates.rates(results)
    assert len(known) == 12
    for (target, weighting), some in known.items():
        assert [*some] == [*RATES, *([8e-3] if (target, weighting) in SIXTH else [])]
        assert {(c.target, c.weighting) for c in map(diffusion.of, some.values())} == {
            (target, weighting)
        }


def test_the_lowest_on_validation_images_is_chosen_and_bold(results: Results) -> None:
    table = learning_rates.table(results)
    for row in table.rows:
        bold = [name for name, text in zip(table.head, row, strict=True) if text.kind == "best"]
        assert bold == [f"{BEST[{'x₀': 'x0', 'ε': 'eps'}.get(row[0].text, row[0].text)]:g}"]
    assert "between 0.0003 and 0.008" in learning_rates.sentences(results)[0]


def test_test_images_have_no_say_in_the_choice(results: Results) -> None:
    """There the best of validation images is the worst of all."""
    for place, record in results.records.items():
        if place.stage == "likelihood":
            turned = [
                replace(f, value=4.0 - f.value) if f.quantity == "bound" and f.value else f
                for f in record.figures
            ]
            results.records[place] = replace(record, figures=turned)
    for (target, _), some in learning_rates.rates(results).items():
        assert learning_rates.best(results, some) == BEST[target]


def test_the_gain_is_that_of_test_images_paired_by_seed(results: Results) -> None:
    """x0: log 2 away from its best, so 0.05 log 2 and 0.07 log 2 at the two seeds; t of one degree
    of freedom is 12.706."""
    rows = {(r[0].text, r[1].text): r for r in learning_rates.gains(results).rows}
    middle, half = -0.06 * math.log(2), 12.7062 * 0.01 * math.log(2)
    low, high = middle - half, middle + half
    text = rows["x₀", "elbo"][-1].text.replace("−", "-")
    assert text.split(" ")[0] == f"{middle:.3f}"
    numbers = [float(part) for part in text.split("[")[1].rstrip("]").split(", ")]
    assert numbers == pytest.approx([low, high], abs=6e-4)
    assert rows["v", "elbo"][-1].text == "–"  # its best is the common one


def test_the_page_of_a_study_that_chooses_rates_opens_with_them(results: Results) -> None:
    first = answer.answer(results)
    assert first.headline.startswith(learning_rates.sentences(results)[0])
