"""What pages and sections open with, by brute force over the figures behind it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report.test_across import BPD, known, put, read
from report.test_claims import changed, much_worse
from report.test_regret import rows

from threetargets.families.diffusion import spec as diffusion
from threetargets.pipeline.cells import FLOOR
from threetargets.report import best_of_targets, index_page, topics
from threetargets.report.across import contrasts, regret, which
from threetargets.report.answer import answer
from threetargets.report.parts.measures import BOUND, FID
from threetargets.report.parts.wording import cell as named
from threetargets.report.parts.wording import target
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_models import fidelity_tables
from threetargets.report.topics.of_targets import comparison_claims, targets

Make = Callable[..., Results]
CELLS = ["ddpm_x0_native", "ddpm_x0_elbo", "ddpm_eps_eps-equivalent", "ddpm_eps_elbo"]
CELLS += ["ddpm_score_native", "ddpm_v_elbo"]


def alone(have: Make, cells: list[str] = CELLS) -> Results:
    """Without sweeps, whose sections read images."""
    return have(cells=cells, guidance={"cells": []})


def mean(results: Results, cell: str, metric: str, guidance: str = "", gamma: str = "") -> float:
    return float(np.mean([*results.observe(cell, metric, guidance, gamma).values.values()]))


def put_in(results: Results, cell: str, metric: str, value: float, seeds: tuple[int, ...]) -> None:
    """Value plus a little of the seed; None beyond these seeds."""
    for place, record in results.records.items():
        if place.run.cell != cell:
            continue
        for k, f in enumerate(record.figures):
            if f.metric == metric:
                there = value + 0.01 * place.run.seed if place.run.seed in seeds else None
                record.figures[k] = replace(f, value=there)


def test_one_that_lacks_a_seed_may_be_lower_than_the_lowest(have: Make) -> None:
    results = alone(have, ["ddpm_x0_elbo", "ddpm_eps_elbo"])
    put_in(results, "ddpm_x0_elbo", "bound_bpd", 1.0, (0, 1))
    put_in(results, "ddpm_eps_elbo", "bound_bpd", 2.0, (0, 1, 2))
    likelihood = best_of_targets.which(results).partition("Samples: ")[0]
    assert "ε has the lowest mean" in likelihood
    assert "x₀ is lower at the seeds that it has" in likelihood and "higher" not in likelihood
    table = best_of_targets.table(results)
    assert table is not None and table.rows[0][2].text == "lower"
    assert table.rows[0][2].note.startswith("−1.0")


def test_fid_is_told_by_the_ratio_of_what_is_above_the_floor(have: Make) -> None:
    results = alone(have)
    table = best_of_targets.table(results)
    assert table is not None
    floor = mean(results, FLOOR, "fid")

    def excess(name: str) -> tuple[float, str, list[float]]:
        some = []
        for c in diffusion.cells(results.study):
            if c.target == name:
                seen = results.observe(c, "fid", FID.guidance, FID.gamma).values
                logs = [math.log(v - floor) for v in seen.values()]
                some.append((float(np.mean([*seen.values()])), str(c), logs))
        return min(some)

    lows = {name: excess(name) for name in ("x0", "eps", "v")}
    first = min(lows, key=lambda name: lows[name][0])
    rows_of = {row[0].text: row for row in table.rows}
    assert rows_of[target(first)][4].text == "lowest"
    for name in {*lows} - {first}:
        ratio = math.exp(np.mean(lows[name][2]) - np.mean(lows[first][2]))
        shown = float(rows_of[target(name)][4].note.removeprefix("×").partition(" ")[0])
        assert shown == pytest.approx(ratio, rel=0.06)


def test_a_fid_at_the_floor_is_not_judged(have: Make) -> None:
    results = alone(have, ["ddpm_x0_elbo", "ddpm_eps_elbo"])
    put_in(results, "ddpm_x0_elbo", "fid", -1.0, (0, 1, 2))
    text = best_of_targets.which(results).partition("Samples: ")[2]
    assert "ε is not judged" in text
    table = best_of_targets.table(results)
    assert table is not None and "real images" in table.rows[1][4].note


def test_sections_open_with_what_the_first_screen_says_of_them(have: Make) -> None:
    results = alone(have)
    shown = {section.id: section.lead for section in topics.sections(results, Mirror())}
    for topic in topics.topics(topics.reading(results)):
        spoken = [sentence for sentence in topic.sentences(results) if sentence]
        if spoken and topic.id in shown:
            assert spoken[0] in shown[topic.id]
    assert all(lead.endswith(".") for lead in shown.values())
    assert shown["comparisons"].startswith("Bound at ") and len(shown) > 8


def test_targets_by_weighting_open_with_the_lowest_mean(have: Make) -> None:
    """Of eps under its own loss too, which is trained under another name."""
    results = alone(have)
    lead = targets.lead(results, (BOUND,))
    of_native = {"x0": "ddpm_x0_native", "eps": "ddpm_eps_eps-equivalent"}
    of_native |= {"score": "ddpm_score_native"}
    low = min(of_native, key=lambda name: mean(results, of_native[name], "bound"))
    assert low == "eps" and "ε at native" in lead
    elbo = {c.target: c for c in diffusion.cells(results.study) if c.weighting == "elbo"}
    low = min(elbo, key=lambda name: mean(results, elbo[name], "bound"))
    assert f"{target(low)} at elbo" in lead


def test_fid_and_its_kin_open_with_the_lowest(have: Make) -> None:
    results = alone(have)
    means = {
        c: mean(results, c, "fid", FID.guidance, FID.gamma) for c in diffusion.cells(results.study)
    }
    low = min(means, key=lambda c: means[c])
    assert fidelity_tables.lead(results).startswith(f"{named(low)} has the lowest FID")


def test_a_claim_shows_the_half_that_decides_first(have: Make) -> None:
    """Samples are better, and the bound is worse by far: what refutes is the bound."""
    done = comparison_claims.simple_over_elbo(changed(have(), much_worse))
    assert done.verdict == "not reproduced" and done.figure.startswith("bound, ")


def test_the_training_is_told_and_no_sentence_twice(have: Make) -> None:
    first = answer(alone(have))
    assert any("192 000 training images seen (175 epochs)" in text for text in first.sure)
    every = [first.headline, *first.depends, *first.sentences]
    assert len({*every}) == len(every)
    assert not any(text in first.headline for text in first.depends)


def test_the_lowest_model_and_what_differs_stand_before_their_tables(tmp_path: Path) -> None:
    """One-seed columns are named without that; what two studies share is no difference."""
    for name, end in (("a", 4.0), ("b", 9.0)):
        figures = {("x0", "elbo"): [1.0, 2.0], ("eps", "elbo"): [3.0, 4.0]}
        figures |= {("v", "elbo"): [9.0, 9.1] if name == "a" else [0.5, 0.6]}
        put(tmp_path, name, rows(name, figures))
        known(tmp_path, name, log_snr_max=end)
    page = index_page.across(read(tmp_path), [])
    lowest, differ = page.lowest, page.differ
    assert lowest == "Lowest bound of the models below: x₀ · elbo in a; v · elbo in b."
    assert differ.startswith("The studies differ in finest noise (log-SNR 4 to 9); only ")
    path = tmp_path / "b" / "setting.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data": "mnist"}))
    again = index_page.across(read(tmp_path), []).differ
    assert again.startswith("The studies differ in data (2 sets) and finest noise")


def test_targets_under_their_own_losses_stand_on_the_first_screen(tmp_path: Path) -> None:
    for k, name in enumerate("ab"):
        fids = {("x0", "native"): [1.0, 1.01, 1.02 + k], ("eps", "native"): [4.0, 4.1, 4.2 + k]}
        bounds = {place: [3.0, 3.1, 3.2] for place in fids}
        put(tmp_path, name, rows(name, fids, "fid") + rows(name, bounds, BPD))
    page = index_page.across(read(tmp_path), [])
    sentence = "x₀ or ε by FID, each under its own loss: x₀ in 2 of 2 studies."
    assert sentence in page.which.sentences


def test_choices_of_two_losses_are_advised_each_with_its_own(tmp_path: Path) -> None:
    for name in "abc":
        bounds = {
            ("x0", "native"): [2.0, 2.1],
            ("v", "elbo"): [2.01, 2.1],
            ("eps", "native"): [3.0, 3.1],
        }
        put(tmp_path, name, rows(name, bounds))
        known(tmp_path, name)
    assert which.advice(regret.regrets(read(tmp_path)), contrasts.BOUND).startswith(
        "Likelihood: predict x₀ with its own squared error as the loss (native) or v with the "
        "bound as the loss (elbo). Behind the best of the same network in any study by at most "
        "0.00 bits/dim (x₀ · native, 3 studies) and 0.0"
    )
