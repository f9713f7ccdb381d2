"""Figures of a cell as they stand in a table."""

from __future__ import annotations

from threetargets.families.cell import Cell
from threetargets.metrics.statistics import t_interval
from threetargets.report.parts.wording import Text, count, observed
from threetargets.report.reading.collect import Observed, Results


def _mean(seen: Observed) -> float:
    return sum(seen.values.values()) / len(seen.values) if seen.values else float("inf")


def measured(
    results: Results, name: Cell, metric: str, guidance: str = "", gamma: str = ""
) -> Text:
    """A figure of a cell over seeds, as it stands in a table."""
    seen = results.observe(name, metric, guidance, gamma)
    return observed(seen, t_interval(list(seen.values.values())))


def parameters(results: Results, name: Cell) -> Text:
    """The number of parameters of a cell."""
    values = sorted(set(results.observe(name, "parameters").values.values()))
    return Text(" / ".join(count(v) for v in values) or "–")
