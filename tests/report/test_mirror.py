"""Records against MLflow: equal numbers pass, a different one stops the report, an absent one is
counted."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report import synthetic
from report.conftest import SMALL

from threetargets.errors import Disagreement
from threetargets.pipeline import paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.records import Figure
from threetargets.report.reading import tracked as mirror
from threetargets.report.reading.collect import Place, Results
from threetargets.stages import report
from threetargets.tracking import figure_key

Make = Callable[..., Results]


def test_equal_figures_agree_and_are_counted(have: Make) -> None:
    results = have(failed=synthetic.FAILED)
    metrics = synthetic.mirrored(results, figure_key)
    found = mirror.compare(results, metrics, figure_key)
    assert found.absent == 0
    assert found.compared == sum(
        f.value is not None for r in results.records.values() for f in r.figures
    )


@pytest.mark.parametrize(("factor", "agrees"), [(1 + 1e-12, True), (1 + 1e-6, False), (-1, False)])
def test_a_different_figure_is_named_with_both_values(
    have: Make, factor: float, agrees: bool
) -> None:
    results = have()
    metrics = synthetic.mirrored(results, figure_key)
    place = Place("evaluate", Run("ddpm_eps_eps-equivalent", 1))
    figure: Any = results.figure(place.run, "fid", "classifier", "2")
    metrics[results.run_id(place)][figure_key(figure)] *= factor
    if agrees:
        mirror.compare(results, metrics, figure_key)
        return
    with pytest.raises(Disagreement) as caught:
        mirror.compare(results, metrics, figure_key)
    message = str(caught.value)
    for part in (
        "ddpm_eps_eps-equivalent/seed1/evaluate.json",
        "fid",
        repr(figure.value),
        repr(figure.value * factor),
    ):
        assert part in message


def test_nan_is_nan_and_may_be_missing(have: Make) -> None:
    results = have(**SMALL)
    place = Place("likelihood", Run("vae", 0))
    record = results.records[place]
    figures = [Figure("bound_bpd", math.nan), Figure("nll_bpd", math.inf)]
    results = replace(results, records={**results.records, place: replace(record, figures=figures)})
    run_id = results.run_id(place)
    metrics = synthetic.mirrored(results, figure_key)
    counted = mirror.compare(results, metrics, figure_key)
    largest = {"bound_bpd": math.nan, "nll_bpd": 1.7976931348623157e308}  # what MLflow keeps
    assert mirror.compare(results, metrics | {run_id: largest}, figure_key) == counted
    absent = mirror.compare(results, metrics | {run_id: {}}, figure_key)
    assert (absent.compared, absent.absent) == (counted.compared - 2, 0)
    with pytest.raises(Disagreement, match="bound_bpd is nan"):
        mirror.compare(results, metrics | {run_id: {"bound_bpd": 2.0}}, figure_key)


def test_figures_that_mlflow_lacks_are_counted_not_refused(have: Make) -> None:
    results = have(**SMALL)
    total = sum(f.value is not None for r in results.records.values() for f in r.figures)
    assert mirror.compare(results, {}, figure_key) == mirror.Mirror(0, total)


def test_the_stage_stops_at_a_disagreement_and_writes_nothing(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = make(**SMALL)
    metrics = synthetic.mirrored(results, figure_key)
    metrics[results.run_id(Place("likelihood", Run("vae", 0)))]["bound_bpd"] += 0.5
    monkeypatch.setattr(mirror, "address", lambda results: "unused")
    monkeypatch.setattr(mirror, "fetch", lambda uri, experiment: metrics)
    with pytest.raises(Disagreement, match="bound_bpd"):
        report.run(results.study)
    assert not paths.reports(results.study).exists()


def test_real_runs_are_fetched_page_by_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "RUNS_A_PAGE", 2)
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("study", artifact_location=tmp_path.as_uri())
    expected = {}
    for index in range(3):
        run_id = client.create_run(experiment).info.run_id
        client.log_metric(run_id, "fid/gamma_1.5", index / 7)
        expected[run_id] = {"fid/gamma_1.5": index / 7}
    assert mirror.fetch(uri, experiment) == expected


def test_a_database_that_is_gone_is_not_created(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = make(**SMALL)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(FileNotFoundError, match=r"mlflow\.db"):
        mirror.address(results)
    note = report._mirror(results).note
    assert "could not be read" in note
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize(
    "state", [None, {"state": "incomplete", "reason": "no server", "runs": {}}]
)
def test_without_tracking_the_report_goes_on_and_says_so(make: Make, state: Any) -> None:
    results = make(**SMALL)
    path = paths.results(results.study) / "tracking.json"
    path.unlink()
    if state is not None:
        path.write_text(json.dumps(state))
    page = report.run(results.study).read_text()
    assert ("no tracking.json" if state is None else "no server") in page
