"""The page across studies: differences in closed form, what is missing, what is damaged, and that
nothing of a file becomes HTML."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from report.conftest import ROOT
from scipy import stats
from typer.testing import CliRunner

from threetargets import study as parameters
from threetargets.cli.tools import app
from threetargets.errors import DataError, MissingInput
from threetargets.pipeline import paths
from threetargets.report import index_page
from threetargets.report.across import agreement, contrasts, side_by_side, studies
from threetargets.report.across.contrasts import ALONE, BOUND, FID, SECOND
from threetargets.report.reading import setting
from threetargets.report.reading.tidy import COLUMNS
from threetargets.stages import index as stage

BPD, EQUIVALENT = "bound_bpd", "eps-equivalent"
Row = tuple[str, str, str, int, str, float]


def line(study: str, row: Row, **more: str) -> dict[str, object]:
    model, target, weighting, seed, metric, value = row
    known = {"study": study, "model": model, "target": target, "weighting": weighting}
    known |= {"seed": str(seed), "metric": metric, "value": repr(float(value)), "status": "ok"}
    if metric == "fid":
        known |= {"guidance": "none", "gamma": "1", "extractor": "judge-1"}
    return dict.fromkeys(COLUMNS, "") | known | more


def put(reports: Path, study: str, rows: list[dict[str, object]]) -> Path:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    (reports / study).mkdir(parents=True)
    (reports / study / "metrics.csv").write_text(out.getvalue(), encoding="utf-8")
    return reports / study / "metrics.csv"


def pair(study: str, x0: list[float], eps: list[float], metric: str, weighting: str = "elbo"):
    values = {"x0": x0, "eps": eps}
    return [
        line(study, ("ddpm", target, weighting, seed, metric, value))
        for target, some in values.items()
        for seed, value in enumerate(some)
    ]


def known(reports: Path, name: str, **process: object) -> None:
    """A setting.json like that of the default study."""
    one = setting.setting(parameters.load(ROOT / "params.yaml")).model_dump(mode="json")
    one |= {"study": name, "process": one["process"] | process}
    (reports / name / "setting.json").write_text(json.dumps(one))


def read(reports: Path) -> list[studies.OneStudy]:
    some, left_out = studies.read_all(reports, [])
    assert left_out == []
    return some


def test_differences_are_paired_by_seed_with_scipys_interval(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    effects, shared = rng.normal(0.4, 0.1, 4), rng.normal(3.0, 5.0, 4) + 20.0
    ratios, fids = rng.normal(-0.7, 0.2, 4), np.exp(rng.normal(0.0, 1.0, 4))
    rows = pair("one", list(shared + effects), list(shared), "bound_bpd")
    rows += pair("one", list(fids * np.exp(ratios)), list(fids), "fid")
    put(tmp_path, "one", rows[::-1])  # the order of rows is no order of seeds
    bound, fid = contrasts.contrasts(read(tmp_path))
    assert (bound.measure, fid.measure) == (BOUND, FID)
    for contrast, values in ((bound, effects), (fid, ratios)):
        expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
        assert contrast.interval.mean == pytest.approx(values.mean())
        assert [contrast.interval.low, contrast.interval.high] == pytest.approx([*expected])
    assert bound.verdict == SECOND


def test_two_studies_of_the_same_trainings_count_once(tmp_path: Path) -> None:
    """Their FIDs are the same numbers; that their bounds are of other images does not matter."""
    for name, bound, fid in (("a", 1.0, 0.5), ("b", 1.1, 0.5), ("c", 1.0, 0.6)):
        rows = pair(name, [bound, bound + 0.2], [2.0, 2.1], "bound_bpd")
        put(tmp_path, name, rows + pair(name, [fid, 0.7], [0.8, 0.9], "fid"))
    shown = contrasts.contrasts(read(tmp_path))
    assert [(c.case.study.name, c.measure) for c in shown] == [
        (name, measure) for name in ("a", "c") for measure in (BOUND, FID)
    ]


def test_only_seeds_that_both_have_are_compared(tmp_path: Path) -> None:
    rows = pair("one", [1.0, 5.0, 9.0], [1.5, 5.5, 9.5], "bound_bpd")
    put(tmp_path, "one", [r for r in rows if (r["target"], r["seed"]) != ("eps", "1")])
    (contrast,) = contrasts.contrasts(read(tmp_path))
    assert (contrast.interval.n, contrast.interval.mean) == (2, -0.5)


def test_one_seed_is_a_point_and_decides_nothing(tmp_path: Path) -> None:
    put(tmp_path, "one", pair("one", [3.0], [2.0], "bound_bpd"))
    (contrast,) = some = contrasts.contrasts(read(tmp_path))
    assert (contrast.interval.mean, contrast.interval.low) == (1.0, None)
    assert contrast.verdict == ALONE
    assert "over two seeds or more" in agreement.headline(some)
    assert agreement.answers(some) is None
    (rule,) = agreement.rules(some, read(tmp_path))
    assert rule.endswith("One seed alone, so no verdict: one.")
    assert agreement.sure(some, read(tmp_path)) == "How sure: 1 study compares x₀ with ε."


def test_a_study_whose_figures_are_all_in_another_column_has_none(tmp_path: Path) -> None:
    fids = [0.5, 0.7]
    for name, more in (("whole", ("elbo", EQUIVALENT)), ("part", ("elbo",)), ("plain", ())):
        rows = pair(name, [1.0, 1.1], [2.0, 2.1], BPD)
        rows += [row for weighting in more for row in pair(name, fids, fids, "fid", weighting)]
        put(tmp_path, name, rows)
    table, _ = side_by_side.tables(read(tmp_path))
    assert table is not None and table.head == ("model", "plain", "whole")
    assert table.caption.endswith("another column has all of it: part.")


def test_an_input_skip_is_a_row_of_its_own_in_every_study(tmp_path: Path) -> None:
    """By what the variant changes, whatever it is called; another network is no row."""
    variants = {"gate": {"network": {"input_skip": True}}, "thin": {"network": {"width": 8}}}
    rows = pair("one", [2.0, 2.1], [2.0, 2.2], "bound_bpd")
    for name, shift in (("gate", 1.0), ("thin", 2.0)):
        rows += [
            r
            | {"model": f"ddpm_{r['target']}_elbo_{name}", "value": float(str(r["value"])) + shift}
            for r in rows[:4]
        ]
    put(tmp_path, "one", rows)
    known(tmp_path, "one", variants=variants)
    (one,) = read(tmp_path)
    assert [case.name for case in contrasts.cases(one)] == ["one", "one, input skip"]
    more = {(m.skip, m.more): v[0] for m, v in one.bounds.items() if m.target == "x0"}
    assert more == {(False, ""): 2.0, (True, ""): 3.0, (False, "width 8"): 4.0}


def test_a_study_without_pairs_is_listed_and_one_of_guidance_is_read_without_it(
    tmp_path: Path,
) -> None:
    put(tmp_path, "vaes", [line("vaes", ("vae_z2", "", "", 0, "bound_nats", 100.0))])
    plain = pair("other", [1.0, 2.0], [1.0, 2.0], "fid")
    guided = [r | {"guidance": "classifier", "gamma": "3", "value": "77"} for r in plain]
    failed = line("other", ("ddpm", "v", "elbo", 0, "bound_bpd", 1.0), status="failed", value="")
    put(tmp_path, "other", [*plain, *guided, failed])
    written, left_out = stage.run(tmp_path)
    text = written.read_text()
    assert left_out == [] and "77" not in text
    assert 'href="vaes/index.html"' in text and "VAE · z2" in text
    assert (tmp_path / "report.md").read_text().count("(vaes/report.md)") == 1


def test_the_same_bytes_twice_and_no_tags_out_of_a_file(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    rows = pair("one", [2.0, 2.1, 2.3], [2.4, 2.2, 2.6], "bound_bpd")
    rows.append(line("one", (evil, evil, evil, 0, "bound_bpd", 1.0)))
    put(tmp_path, "one", rows)
    known(tmp_path, "one")
    path = tmp_path / "one" / "setting.json"
    words = {"title": evil, "asks": evil, "headline": f"{evil} beats x0."}
    path.write_text(json.dumps(json.loads(path.read_text()) | words))
    (tmp_path / "one" / "figures").mkdir()
    provenance = tmp_path / "one" / "figures" / "table-provenance.csv"
    provenance.write_text(f"what,value\ncommit,{'ab' * 20}{evil}\n")
    (tmp_path / evil.replace("/", "")).mkdir()
    made = []
    for _ in range(2):
        stage.run(tmp_path)
        made.append({p.name: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()})
    assert made[0] == made[1]
    for name in ("index.html", "report.md"):
        assert b"<script" not in made[0][name]
    assert b"&lt;script&gt;" in made[0]["index.html"]
    assert b"beats x0." in made[0]["index.html"] and b"beats x0." in made[0]["report.md"]
    assert b"ababababab" in made[0]["index.html"] and b"ab" * 20 not in made[0]["index.html"]
    assert set(made[0]) >= {"differences.svg", "differences.csv", "table-settings.csv"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("study,model", "study,modell", "lacks the column model"),
        ("2.5", "nan", "row 2: expected a whole seed and a finite value, found '0' and 'nan'"),
        ("elbo,0,", "elbo,1,", "row 3: a second bound_bpd of one model and seed"),
        ("2.5,", "", "row 2 has not as many fields"),
        ("bad,", "good,", "holds the study 'good'; expected 'bad'"),
        ("2.5", '"2.5', "not a table in UTF-8"),
    ],
)
def test_a_damaged_table_is_one_line_and_the_others_are_shown(
    tmp_path: Path, old: str, new: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = put(tmp_path, "bad", pair("bad", [2.5, 3.5], [4.0, 5.0], "bound_bpd"))
    put(tmp_path, "good", pair("good", [2.0, 2.1], [2.5, 2.7], "bound_bpd"))
    (tmp_path / "empty").mkdir()
    path.write_text(path.read_text().replace(old, new, 1))
    call = ["index", "--reports", str(tmp_path)]
    done = CliRunner().invoke(app, call)
    assert isinstance(done.exception, DataError) and done.exception.exit_code == 3
    line = str(done.exception)
    assert words in line and "\n" not in line
    text = (tmp_path / "index.html").read_text()
    assert 'href="good/index.html"' in text and 'href="bad/index.html"' not in text
    assert text.count("Left out.") == 1 and "no metrics.csv, so it is no report" in text
    assert CliRunner().invoke(app, [*call, "--keep-failed"]).exit_code == 0


def test_the_study_that_chooses_parameters_is_named_and_not_compared(tmp_path: Path) -> None:
    for name in ("one", studies.CHOOSING):
        put(tmp_path, name, pair(name, [1.0, 2.0], [1.0, 2.1], BPD))
        (tmp_path / name / "index.html").write_text("")
    written, _ = stage.run(tmp_path)
    text = written.read_text()
    assert text.count('href="learning-rates/index.html"') == 1 and "1 study ·" in text
    assert "learning-rates/report.md" in (tmp_path / "report.md").read_text()


def test_without_the_folder_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="nowhere: no such folder"):
        stage.run(tmp_path / "nowhere")


def test_a_report_without_a_setting_has_its_parameter_files(tmp_path: Path) -> None:
    put(tmp_path, "endpoints", pair("endpoints", [1.0, 2.0], [1.0, 2.1], "bound_bpd"))
    some, _ = studies.read_all(tmp_path, [ROOT / "params.yaml", ROOT / "config/endpoints.yaml"])
    assert some[0].guessed.endswith("config/endpoints.yaml")
    assert index_page.across(some, []).settings.rows[0][0].text == "endpoints*"


def test_a_report_without_a_setting_is_compared_by_a_fitted_variance(tmp_path: Path) -> None:
    """Its parameter file may say another one than it was made with: here fixed-large."""
    rows = pair("endpoints", [3.0, 3.1], [1.0, 1.1], "bound_bpd")
    rows += pair("endpoints", [3.0, 3.1], [1.0, 1.1], "bound_fixed-large_bpd")
    rows += pair("endpoints", [2.0, 2.1], [1.5, 1.6], "bound_learned-interpolation_bpd")
    rows += [line("endpoints", ("vae", "", "", seed, "bound_bpd", 1.9)) for seed in (0, 1)]
    put(tmp_path, "endpoints", rows)
    file = [ROOT / "config/endpoints.yaml"]
    one = studies.read_all(tmp_path, file)[0][0]
    assert one.variance == "learned-interpolation"
    row = index_page.across([one], []).settings.rows[0]
    assert row[side_by_side.HEAD.index("variance of the bound")].text == "learned-interpolation"
    held = {model.target: values for model, values in one.bounds.items()}
    assert held == {"x0": {0: 2.0, 1: 2.1}, "eps": {0: 1.5, 1: 1.6}, "": {0: 1.9, 1: 1.9}}
    known(tmp_path, "endpoints", bound_variance="fixed-large")
    one = studies.read_all(tmp_path, file)[0][0]
    assert one.variance == "fixed-large"
    assert {0: 3.0, 1: 3.1} in one.bounds.values()
    for row in rows:
        row["metric"] = str(row["metric"]).replace("learned-interpolation", "of-old")
    (tmp_path / "old").mkdir()
    bare = put(tmp_path / "old", "endpoints", rows).parents[1]
    one = studies.read_all(bare, file)[0][0]
    assert (one.variance, len(one.bounds)) == ("", 3)


def test_settings_hold_what_the_parameters_say_and_come_back_the_same() -> None:
    for file in [ROOT / "params.yaml", *sorted((ROOT / "config").glob("*.yaml"))]:
        study = parameters.load(file)
        one = setting.setting(study)
        assert setting.Setting.model_validate_json(one.model_dump_json()) == one
        assert paths.across(study)[1].name == "setting.json"
    digits = setting.setting(parameters.load(ROOT / "params.yaml"))
    process = digits.process
    assert process is not None
    assert (digits.images, digits.levels, process.images_seen) == ((1, 8, 8), 17, 3000 * 64)
    ends = setting.setting(parameters.load(ROOT / "config/endpoints.yaml")).process
    assert ends is not None
    assert [ends.ends(v) for v in ("end3", "end11", "")] == [3.0, 11.0, 4.0]
    assert ends.differs("end3") == "log-SNR max 3"


def test_what_has_no_excess_over_the_floor_is_not_compared() -> None:
    first, second = {0: 1.5, 2: 0.5 + math.e}, {0: 1.5, 2: 1.5}
    assert contrasts.differences(FID, first, second, 0.5) == [0.0, pytest.approx(1.0)]
    assert contrasts.differences(FID, first, second, 1.5) == []
