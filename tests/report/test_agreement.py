"""What the page across studies says: which target where, and what the weighting is worth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from report import synthetic
from report.conftest import ROOT
from report.test_across import BPD, EQUIVALENT, known, line, pair, put, read

from threetargets.families.diffusion import spec as diffusion
from threetargets.report.across import agreement, contrasts
from threetargets.report.across.contrasts import BOUND, FIRST, OPEN, PAIRS, SECOND, TIE, WEIGHTINGS
from threetargets.report.parts import comparing, measures
from threetargets.report.reading import setting, tidy


def test_the_table_counts_studies_and_noise_tells_them_apart(tmp_path: Path) -> None:
    """Two studies against one at elbo, one tied and one undecided; a tie needs the margin, which a
    setting brings."""
    wobble = np.array([-0.001, 0.0, 0.001])
    effects = (("a", -0.3, 4.0), ("b", 0.3, 9.0), ("c", 0.5, 11.0), ("e", 0.02, 5.0))
    for name, effect, end in effects:
        rows = pair(name, list(2 + effect + wobble), [2.0] * 3, "bound_bpd")
        rows += pair(name, list(2 + 0.01 + wobble), [2.0] * 3, "bound_bpd", "native")
        put(tmp_path, name, rows)
        known(tmp_path, name, log_snr_max=end)
    put(tmp_path, "d", pair("d", [1.0, 3.0, 2.0], [2.0] * 3, "bound_bpd"))
    known(tmp_path, "d", log_snr_max=7.0)
    some = contrasts.contrasts(read(tmp_path))
    assert {c.verdict for c in some if c.weighting == "native"} == {TIE}
    table = agreement.answers(some)
    assert table is not None
    assert [tuple(cell.text for cell in row) for row in table.rows] == [
        ("x₀ or ε", "native", "tied in 4 of 4 studies", ""),
        (
            "x₀ or ε",
            "elbo",
            "on digits x₀ where the finest noise is at log-SNR 4, tied at 5, ε at 9 to 11, "
            "undecided in d",
            "",
        ),
    ]
    assert agreement.headline(some) == ""  # nothing is known of another loss


def test_the_noise_explains_nothing_where_no_data_set_has_both_sides(tmp_path: Path) -> None:
    wobble = np.array([-0.001, 0.0, 0.001])
    for name, effect in (("a", -0.3), ("b", 0.3), ("c", 0.3)):
        put(tmp_path, name, pair(name, list(2 + effect + wobble), [2.0] * 3, BPD))
        known(tmp_path, name, log_snr_max=4.0 if name == "a" else 9.0)

    def words() -> str:
        return agreement.lower_one(contrasts.contrasts(read(tmp_path)), BOUND, "elbo")

    on_digits = "on digits x₀ where the finest noise is at log-SNR 4, ε at 9"
    assert words() == on_digits

    def of_mnist(name: str) -> Path:
        path = tmp_path / name / "setting.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"data": "mnist"}))
        return path

    of_mnist("c")
    assert words() == f"{on_digits}; on other data, at 9, ε in 1 of 1 study"
    known(tmp_path, "c", log_snr_max=9.0)
    path = of_mnist("a")
    counted = "ε in 2 of 3 studies (b and c), x₀ in 1 (a)"
    assert words() == counted
    known(tmp_path, "a", log_snr_max=4.0)
    known(tmp_path, "c", log_snr_max=3.0)
    assert words() == counted
    path.unlink()  # and so its noise is not known
    known(tmp_path, "c", log_snr_max=9.0)
    assert words() == counted


@pytest.mark.parametrize("target", ["x0", "eps"])
def test_a_loss_that_has_two_names_is_compared_under_either(tmp_path: Path, target: str) -> None:
    """`x0-equivalent` is native of x0 alone: x0 so trained is compared with eps at native, and eps
    so trained is not; and the other way round."""
    other = "eps" if target == "x0" else "x0"
    figures = {(target, f"{target}-equivalent"): [1.0, 1.1], (other, "native"): [2.0, 2.3]}
    rows = [
        line("one", ("ddpm", *place, seed, BPD, value))
        for place, some in figures.items()
        for seed, value in enumerate(some)
    ]
    put(tmp_path, "one", rows)
    (one,) = contrasts.contrasts(read(tmp_path))
    sign = 1 if target == "x0" else -1
    assert one.weighting == "native" and one.interval.mean == pytest.approx(-1.1 * sign)
    rows = [r | {"weighting": f"{target}-equivalent"} for r in rows]
    put(tmp_path / "other", "one", rows)
    weightings = [c.weighting for c in contrasts.contrasts(read(tmp_path / "other"))]
    assert weightings == ([EQUIVALENT] if target == "eps" else [])


def test_samples_are_told_study_by_study(tmp_path: Path) -> None:
    """Of three FIDs the floor is 0: the logarithms differ by more than their noise, or do not."""
    low, high, wide = [1.0, 1.01, 1.02], [2.0, 2.1, 2.2], [1.0, 9.0, 2.0]
    bounds = [1.0, 1.1, 1.2], [1.05, 1.2, 1.1], BPD
    put(tmp_path, "d", pair("d", *bounds))
    assert agreement.samples(contrasts.contrasts(read(tmp_path))) == ""
    put(tmp_path, "c", pair("c", *bounds) + pair("c", wide, high, "fid"))
    only = contrasts.contrasts(read(tmp_path))
    assert agreement.samples(only) == "Samples: FID is lower for neither in 1 study."
    both = pair("a", low, high, "fid") + pair("a", low, [3.0, 3.1, 3.3], "fid", EQUIVALENT)
    put(tmp_path, "a", pair("a", *bounds) + both)
    put(tmp_path, "b", pair("b", *bounds) + pair("b", high, [1.2, 1.1, 1.3], "fid"))
    assert agreement.samples(contrasts.contrasts(read(tmp_path))) == (
        "Samples: FID is lower for x₀ in a (eps-equivalent and elbo); ε in b (elbo); "
        "neither in 1 study."
    )


def test_one_study_that_varies_the_noise_is_told_by_it(tmp_path: Path) -> None:
    wobble = np.array([-0.001, 0.0, 0.001])
    rows = []
    for end, effect in ((3, -0.3), (9, 0.3)):
        more = pair("one", list(2 + effect + wobble), [2.0] * 3, BPD)
        rows += [r | {"model": f"ddpm_{r['target']}_elbo_end{end}"} for r in more]
    put(tmp_path, "one", rows)
    ends = {f"end{end}": {"schedule": {"log_snr_max": float(end)}} for end in (3, 9)}
    known(tmp_path, "one", variants=ends)
    some = contrasts.contrasts(read(tmp_path))
    assert agreement.lower_one(some, BOUND, "elbo") == (
        "on digits x₀ where the finest noise is at log-SNR 3, ε at 9"
    )


@pytest.mark.parametrize(
    ("effects", "words"),
    [
        ([-0.3, 0.3, 0.5], "ε in 2 of 3 studies (s1 and s2), x₀ in 1 (s0)"),
        ([-0.3, 0.3], "x₀ in 1 of 2 studies (s0), ε in 1 (s1)"),
        ([-0.3, -0.3, None], "x₀ in 2 of 3 studies, undecided in 1"),
        ([-0.3, None], "undecided in 1 of 2 studies, x₀ in 1"),
        ([None], "undecided in 1 of 1 study"),
    ],
)
def test_which_one_is_lower_where_the_noise_is_not_known(
    tmp_path: Path, effects: list[float | None], words: str
) -> None:
    """None: an effect whose interval is wide."""
    for k, effect in enumerate(effects):
        wobble = np.array([-0.001, 0.0, 0.001]) if effect else np.array([-1.0, 0.0, 1.0])
        put(tmp_path, f"s{k}", pair(f"s{k}", list(2 + (effect or 0) + wobble), [2.0] * 3, BPD))
    assert agreement.lower_one(contrasts.contrasts(read(tmp_path)), BOUND, "elbo") == words


def test_the_weighting_is_told_from_both_targets(tmp_path: Path) -> None:
    """One study gains .5 (x0) and .25 (eps), the other nothing that is sure with eps."""
    wobble = np.array([-0.001, 0.0, 0.001])
    for name, worse in (("a", wobble + 1.25), ("b", np.array([0.0, 1.0, 2.0]))):
        rows = pair(name, [1.0] * 3, [1.0, 1.0, 1.0001], BPD)
        put(tmp_path, name, rows + pair(name, list(1.5 + wobble), list(worse), BPD, EQUIVALENT))
    some = contrasts.contrasts(read(tmp_path))
    words = agreement.weighting_first(some)
    assert words == (
        "train on the bound (elbo), which beats eps-equivalent for x₀ and for ε in 1 of 2 studies, "
        "by 0.25 to 0.50 bits/dim"
    )
    assert agreement.headline(some) == f"Likelihood: {words}."
    lower = agreement.lower_one(some, BOUND, "elbo")
    sentence = f"x₀ or ε by the bound, trained on it: {lower}."
    assert lower and agreement.trained_on_the_bound(some) == sentence
    assert agreement.trained_on_the_bound([c for c in some if c.weighting != "elbo"]) == ""
    assert not agreement.weighting_first([c for c in some if c.weighting == "elbo"])


def test_of_nested_studies_the_one_with_more_seeds_counts(tmp_path: Path) -> None:
    """Equal to nine digits is the same training; a study without FIDs is nobody's part."""
    fids = [0.5, 0.7, 0.6, 0.8]
    for name, count, off in (("a", 3, 1e-12), ("b", 4, 0.0), ("c", 3, 1e-4)):
        rows = pair(name, [1.0] * count, [2.0] * count, BPD)
        rows += pair(name, [f + off for f in fids[:count]], fids[:count], "fid")
        put(tmp_path, name, rows)
    put(tmp_path, "d", pair("d", [1.0, 1.1], [2.0, 2.0], BPD))
    shown = contrasts.contrasts(read(tmp_path))
    assert [c.case.study.name for c in shown if c.measure == BOUND] == ["b", "c", "d"]


@pytest.mark.parametrize("file", ["params.yaml", "config/mnist14.yaml"])
def test_verdicts_and_intervals_are_those_of_the_study_s_own_page(
    tmp_path: Path, file: str
) -> None:
    study = synthetic.study_of(ROOT / file)
    results = synthetic.results(study)
    folder = tmp_path / study.study
    folder.mkdir()
    (folder / "metrics.csv").write_text(tidy.as_csv(tidy.rows(results)))
    (folder / "setting.json").write_text(setting.setting(study).model_dump_json())
    own = [c for c in contrasts.contrasts(read(tmp_path)) if c.case.own]
    words = {comparing.EQUAL: TIE, comparing.WITHIN: TIE, comparing.INCONCLUSIVE: OPEN}
    seen = set()
    for measure, name in ((measures.BOUND, BOUND), (measures.FID, contrasts.FID)):
        for c in comparing.targets(results, measure):
            place = (diffusion.of(c.a).target, diffusion.of(c.b).target)
            if place not in PAIRS or c.where not in WEIGHTINGS or not c.evidence:
                continue
            (one,) = (
                o
                for o in own
                if (o.measure, o.weighting, o.first, o.second) == (name, c.where, *place)
            )
            low = c.difference.interval.low
            assert one.interval.low == pytest.approx(low, rel=1e-9)
            side = FIRST if c.better == c.a else SECOND
            assert one.verdict == words.get(c.verdict, side)
            seen.add(one.verdict)
    assert len(seen) > 1 and len(own) > 5


def test_score_is_set_against_eps_where_they_are_two_models(tmp_path: Path) -> None:
    rows = pair("one", [2.0, 2.1, 2.2], [2.0, 2.3, 1.9], BPD, "native")
    scores = [r | {"target": "score", "value": str(3.0 + k)} for k, r in enumerate(rows[:3])]
    put(tmp_path, "one", [*rows, *scores])
    some = contrasts.contrasts(read(tmp_path))
    table = agreement.answers(some)
    assert table is not None
    assert ("score or ε", "native", "undecided in 1 of 1 study", "") in [
        tuple(cell.text for cell in row) for row in table.rows
    ]
