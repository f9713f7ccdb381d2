"""The figures in docs/published.md and docs/questions.md against the reports that they repeat."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from statistics import mean

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| .* \| ([\w-]+) \| ([\w-]+) \| `(\S+)` \| (\d\.\d{3}) \|$", re.MULTILINE)
MEAN = re.compile(r"^\| [\d, ]+ \| ([\w-]+) \| ([\w-]+) \| `(\S+)` \| (\S+) \|$", re.MULTILINE)


def rows(study: str) -> list[dict[str, str]]:
    with (ROOT / "reports" / study / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def of(row: dict[str, str]) -> str:
    """The name of its cell, or of its experiment."""
    parts = [row["model"], row["target"], row["weighting"]]
    return row["model"] if "_" in row["model"] else "_".join(filter(None, parts))


PUBLISHED = ROW.findall((ROOT / "docs/published.md").read_text())


@pytest.mark.parametrize(("study", "cell", "metric", "shown"), PUBLISHED)
def test_every_figure_is_the_mean_over_seeds(
    study: str, cell: str, metric: str, shown: str
) -> None:
    values = [
        float(row["value"])
        for row in rows(study)
        if (of(row), row["metric"], row["gamma"]) == (cell, metric, "")
    ]
    assert len({row["seed"] for row in rows(study)} - {""}) >= len(values) > 0
    assert f"{mean(values):.3f}" == shown


def test_what_the_text_says_is_in_its_table() -> None:
    """Also the differences: of the variance, of the decoder of two losses."""
    text = (ROOT / "docs/published.md").read_text()
    prose, table = text.split("| what |")
    assert table.count("\n|") - 1 == len(PUBLISHED) > 20
    known = [float(shown) for *_, shown in PUBLISHED]
    apart = {f"{abs(a - b):.3f}" for a in known for b in known}
    figures = re.findall(r"\b\d\.\d{3}\b", prose)
    assert len(figures) > 15
    assert {*figures} <= {f"{v:.3f}" for v in known} | apart | {"0.011"}


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
