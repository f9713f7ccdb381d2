"""The figures in docs/published.md and docs/questions.md against the reports that they repeat."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from statistics import mean

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| .* \| `(\w+)` \| (\d+) \| (\d\.\d{3}) \|$", re.MULTILINE)
MEAN = re.compile(r"^\| [\d, ]+ \| ([\w-]+) \| ([\w-]+) \| `(\S+)` \| (\S+) \|$", re.MULTILINE)


def rows(study: str) -> list[dict[str, str]]:
    with (ROOT / "reports" / study / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_figure_is_one_of_the_report() -> None:
    some = [row for row in rows("mnist-h100") if row["target"] in ("eps", "")]
    there = {(r["metric"], r["n"], f"{float(r['value']):.3f}") for r in some if r["value"]}
    shown = ROW.findall((ROOT / "docs/published.md").read_text())
    assert len(shown) == 9
    assert set(shown) <= there


def of(row: dict[str, str]) -> str:
    """The name of its cell, or of its experiment."""
    parts = [row["model"], row["target"], row["weighting"]]
    return row["model"] if "_" in row["model"] else "_".join(filter(None, parts))


ANSWERS = MEAN.findall((ROOT / "docs/questions.md").read_text())


@pytest.mark.parametrize(("study", "cell", "metric", "shown"), ANSWERS)
def test_every_answer_is_a_mean_over_seeds(study: str, cell: str, metric: str, shown: str) -> None:
    values = [
        float(row["value"])
        for row in rows(study)
        if (of(row), row["metric"]) == (cell, metric) and row["guidance"] in ("", "none")
    ]
    assert len(values) == 3
    assert f"{mean(values):.4g}" == shown


def test_all_answers_are_looked_at() -> None:
    table = re.findall(r"^\| \d.*\|$", (ROOT / "docs/questions.md").read_text(), re.MULTILINE)
    assert len(table) == len(ANSWERS) > 8
