"""The smoke study for real, from an empty folder: all stages by Snakemake, report, MLflow runs, a
second run."""

from __future__ import annotations

import csv
import json
import math
import re
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from pipeline.conftest import ROOT, copy_of_the_pipeline, run_snakemake

from threetargets.metrics import catalogue

pytestmark = pytest.mark.study

CALL = ("--cores", "2", "--configfile", "config/smoke.yaml")
COLUMNS = [
    "study",
    "model",
    "target",
    "weighting",
    "seed",
    "guidance",
    "gamma",
    "metric",
    "value",
    "stderr",
    "n",
]
COLUMNS += ["reference", "extractor", "run_id", "status", "trained_as"]
SMOKE = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text())


@dataclass(frozen=True)
class Done:
    """A study that has been run: its folder, what Snakemake said, how long it took in seconds."""

    folder: Path
    output: str
    code: int
    seconds: float

    def metrics(self, study: str) -> list[dict[str, str]]:
        with (self.folder / "reports" / study / "metrics.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def record(self, path: str) -> dict:
        return json.loads((self.folder / "results" / path).read_text())


def run_study(folder: Path, *call: str) -> Done:
    copy_of_the_pipeline(folder)
    begun = time.monotonic()
    done = run_snakemake(folder, *call)
    return Done(folder, done.stdout, done.returncode, time.monotonic() - begun)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Done:
    done = run_study(tmp_path_factory.mktemp("smoke"), *CALL)
    assert done.code == 0, done.output[-8000:]
    return done


def test_it_ends_in_time_and_says_where_the_report_is(smoke: Done) -> None:
    assert smoke.seconds < 180
    assert "The report of smoke: reports/smoke/index.html" in smoke.output


def test_the_report_is_one_page_that_needs_no_network(smoke: Done) -> None:
    page = (smoke.folder / "reports/smoke/index.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert set(re.findall(r"""\ssrc\s*=\s*["'](.{5})""", page)) <= {"data:"}
    assert not re.search(
        r"""<(?:link|script|iframe)\b[^>]*(?:href|src)\s*=|@import|url\(\s*["']?http""", page
    )
    beside = {
        link for link in re.findall(r"""href\s*=\s*["']([^"'#]+)["']""", page) if ":" not in link
    }
    assert beside
    assert [link for link in beside if not (smoke.folder / "reports/smoke" / link).exists()] == []
    assert (smoke.folder / "reports/smoke/report.md").read_text().startswith("#")


def test_metrics_csv_is_tidy_and_holds_every_model(smoke: Done) -> None:
    rows = smoke.metrics("smoke")
    assert list(rows[0]) == COLUMNS
    assert {row["study"] for row in rows} == {"smoke"}
    assert {row["status"] for row in rows} == {"ok"}
    keys = [
        tuple(row[c] for c in COLUMNS if c not in ("value", "stderr", "n", "run_id"))
        for row in rows
    ]
    assert len(set(keys)) == len(keys)
    bounds = {
        (row["model"], row["target"], row["weighting"], row["seed"]): float(row["value"])
        for row in rows
        if row["metric"] == "bound_bpd"
    }
    assert {key[0] for key in bounds} == {cell.split("_")[0] for cell in SMOKE["cells"]}
    assert len(bounds) == len(SMOKE["cells"]) * len(SMOKE["seeds"])
    assert all(0 < value < 100 for value in bounds.values())


def test_the_sweep_over_gamma_is_complete(smoke: Done) -> None:
    for guidance in SMOKE["guidance"]["kinds"]:
        for metric in ("fid", "kid", "precision", "recall", "accuracy", "entropy"):
            found = [
                (row["seed"], float(row["gamma"]))
                for row in smoke.metrics("smoke")
                if row["metric"] == metric
                and row["guidance"] == guidance
                and math.isfinite(float(row["value"]))
            ]
            wanted = [
                (str(seed), float(gamma))
                for seed in SMOKE["seeds"]
                for gamma in SMOKE["guidance"]["gammas"]
            ]
            assert sorted(found) == sorted(wanted), (guidance, metric)


def test_every_job_left_a_log_and_trainings_show_their_progress(smoke: Done) -> None:
    log = (smoke.folder / "logs/smoke/train/ddpm_eps_eps-equivalent-seed0.log").read_text()
    assert re.search(r"step 60/60 .*loss .*images/s", log)
    assert not re.search(
        r"^Traceback", "\n".join(p.read_text() for p in smoke.folder.glob("logs/**/*.log")), re.M
    )


def test_mlflow_holds_one_parent_a_model_and_the_report_names_its_runs(smoke: Done) -> None:
    state = smoke.record("smoke/tracking.json")
    assert (state["state"], state["reason"]) == ("complete", "")
    connection = sqlite3.connect(smoke.folder / "mlflow.db")
    runs = {run for (run,) in connection.execute("select run_uuid from runs")}
    children = {
        run
        for (run,) in connection.execute(
            "select run_uuid from tags where key = 'mlflow.parentRunId'"
        )
    }
    losses = connection.execute(
        "select count(distinct run_uuid) from metrics where key = 'loss'"
    ).fetchone()[0]
    connection.close()
    models = (
        len(SMOKE["cells"]) * len(SMOKE["seeds"]) + len(SMOKE["seeds"]) + 1 + len(SMOKE["seeds"])
    )
    assert len(runs - children) == len(state["runs"]) == models
    assert losses == models - len(SMOKE["seeds"])  # the floor is not trained
    assert {row["run_id"] for row in smoke.metrics("smoke")} <= runs


def test_records_say_with_what_they_can_be_made_again(smoke: Done) -> None:
    record = smoke.record("smoke/runs/vae/seed0/train.json")
    assert record["command"].startswith(
        "threetargets train --params config/smoke.yaml --cell vae --seed 0"
    )
    manifest = smoke.record("smoke/data/manifest.json")
    assert record["provenance"]["data_digest"] == manifest["digest"]


def test_the_catalogue_knows_every_figure_by_name_stage_and_unit(smoke: Done) -> None:
    series = {re.compile(name.replace("{}", "(.+)")): m for name, m in catalogue.SERIES.items()}
    known = 0
    for path in sorted((smoke.folder / "results" / "smoke").rglob("*.json")):
        record = json.loads(path.read_text())
        if not isinstance(record, dict) or "figures" not in record:
            continue
        for figure in record["figures"]:
            name = figure["quantity"] or figure["metric"]
            if name in catalogue.SAMPLES:
                assert record["stage"] == "evaluate", (path, figure)
                continue
            of_series = [m for pattern, m in series.items() if pattern.fullmatch(name)]
            entry = catalogue.OTHERS.get(name) or of_series[0]
            assert record["stage"] == entry.stage == catalogue.stage(name), (path, figure)
            suffix = "_bpd" if entry.unit == catalogue.OF_DATA else ""
            assert figure["metric"] == name + suffix, (path, figure)
            known += 1
    assert known > 200


def test_the_report_leaves_no_checkpoint_behind(smoke: Done) -> None:
    assert list((smoke.folder / "work").iterdir())
    assert not [
        *(smoke.folder / "work").rglob("checkpoint.*"),
        *(smoke.folder / "work").rglob("journal.*"),
    ]


def test_a_second_run_does_nothing(smoke: Done) -> None:
    again = run_snakemake(smoke.folder, *CALL)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout


def test_a_diverging_model_is_a_failed_cell_and_the_others_finish(tmp_path: Path) -> None:
    values = {**SMOKE, "study": "diverging", "seeds": [0], "cells": ["vae", "hvae"]}
    values["guidance"] = {**SMOKE["guidance"], "cells": []}
    rates = {**SMOKE["training"], "hvae": {**SMOKE["training"]["hvae"], "learning_rate": 1e30}}
    (tmp_path / "diverging.yaml").write_text(yaml.safe_dump({**values, "training": rates}))
    done = run_study(tmp_path, "--cores", "2", "--configfile", "diverging.yaml")
    assert done.code == 0, done.output[-8000:]
    failed = done.record("diverging/runs/hvae/seed0/train.json")
    assert failed["status"] == "failed"
    assert "hvae" in failed["reason"]
    rows = done.metrics("diverging")
    assert {row["status"] for row in rows if row["model"] == "vae"} == {"ok"}
    assert "failed" in {row["status"] for row in rows if row["model"] == "hvae"}
    assert not [
        row
        for row in rows
        if row["model"] == "hvae" and row["metric"] == "bound_bpd" and row["status"] == "ok"
    ]
    assert "failed" in (tmp_path / "reports/diverging/index.html").read_text()
    connection = sqlite3.connect(tmp_path / "mlflow.db")
    status = "select status from runs where name like 'hvae%'"
    assert connection.execute(status).fetchall() == [("FAILED",)]
    connection.close()
