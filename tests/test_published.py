"""docs/published.md against the report whose figures it repeats."""

from __future__ import annotations

import csv
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| .* \| `(\w+)` \| (\d+) \| (\d\.\d{3}) \|$", re.MULTILINE)


def test_every_figure_is_one_of_the_report() -> None:
    with (ROOT / "reports/mnist-h100/metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["target"] in ("eps", "")]
    there = {(r["metric"], r["n"], f"{float(r['value']):.3f}") for r in rows if r["value"]}
    shown = ROW.findall((ROOT / "docs/published.md").read_text())
    assert len(shown) == 9
    assert set(shown) <= there
