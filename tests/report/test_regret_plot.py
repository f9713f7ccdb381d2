"""The picture of regrets: a row for each choice, and values that are no numbers or names."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

from report.test_across import BPD, known, put, read
from report.test_regret import rows, studies_of

from threetargets.report import index_page
from threetargets.report.across import regret, regret_plot
from threetargets.report.across.contrasts import BOUND


def test_extreme_and_hostile_values_are_drawn_as_text(tmp_path: Path) -> None:
    """FIDs whose ratio is no number, a data set called like a formula, an unknown target, nats."""
    hostile = "_$\\frac$<b>"
    figures = {("x0", "elbo"): [8e11, 7e11, 6e11], ("eps", "elbo"): [1e-310, 1e-300, 1e-310]}
    for k, name in enumerate("abc"):
        more = {("<i>", "elbo"): [1.0, 2.0, 3.0 + k]}
        metric = "bound_nats" if name == "c" else BPD
        fids = {place: [v * (1 + k / 8) for v in some] for place, some in figures.items()}
        put(tmp_path, name, rows(name, fids, "fid") + rows(name, figures | more, metric))
        known(tmp_path, name)
        path = tmp_path / name / "setting.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"data": hostile}))
    page = index_page.across(read(tmp_path), [])
    index_page.write(tmp_path, page)
    assert "x₀ · elbo up to > 1000000 (" in page.which.lead[0]
    assert {r["study"] for r in page.which.plot.rows if "bits/dim" in r["measure"]} == {"a", "b"}
    assert r"_$\frac$&lt;b&gt;" in page.which.plot.svg
    assert "<b>" not in page.which.plot.svg


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
    for data in (" digits<", " b<", " c<"):
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
