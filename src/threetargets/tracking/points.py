"""Figures and journals as metrics: what they are called in MLflow, and what is none."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from threetargets.pipeline.records import Figure, Record
from threetargets.study.values import kind_of
from threetargets.tracking.journal import Entry

if TYPE_CHECKING:
    from mlflow.entities import Metric

FAILED = "failed/"  # a tag of this and a figure's name: why it has no number


def figure_key(figure: Figure) -> str:
    """The MLflow name of a figure: `<metric>`, `<metric>/gamma_<g>` or
    `<metric>/<guidance>/gamma_<g>`.

    The model as trained (guidance `none`) goes by the bare name of the metric. A figure of another
    extractor than the judge has its kind in the metric's name: `fid-inception`.
    """
    kind = kind_of(figure.extractor)
    metric = figure.metric if kind in ("", "judge") else f"{figure.metric}-{kind}"
    if not figure.gamma or figure.guidance == "none":
        return metric
    return "/".join(
        [metric, *([figure.guidance] if figure.guidance else []), f"gamma_{figure.gamma}"]
    )


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def journal_metrics(entries: Iterable[Entry]) -> list[Metric]:
    """The journal's numbers with its own times and steps, so that sending one twice adds nothing.
    NaN is left out."""
    from mlflow.entities import Metric

    return [
        Metric(name, value, milliseconds(entry["time"]), entry["step"])
        for entry in entries
        for name, value in entry["metrics"].items()
        if value == value
    ]


def same(value: float, mirrored: float) -> bool:
    """Whether MLflow has this value, by 1e-9 of its size. NaN is NaN; of an infinite value MLflow
    keeps the largest that it can."""
    if not math.isfinite(value):
        return math.isnan(value) == math.isnan(mirrored) and not abs(mirrored) < 1e308
    return math.isclose(mirrored, value, rel_tol=1e-9, abs_tol=1e-12)


def as_trained(record: Record) -> list[Figure]:
    """The figures of the model itself, without those of a guidance."""
    return [f for f in record.figures if not f.gamma or f.guidance == "none"]


def _values(figures: Iterable[Figure]) -> dict[str, float]:
    """The numbers of a record by their names in MLflow, each with its standard error. Raises
    ValueError where one name is there twice."""
    values: dict[str, float] = {}
    for figure in figures:
        name = figure_key(figure)
        if name in values:
            raise ValueError(f"two figures of one record are both called {name}")
        for key, value in ((name, figure.value), (f"{name}/stderr", figure.stderr)):
            if value is not None:
                values[key] = float(value)
    return values


def failed(figures: list[Figure]) -> dict[str, str]:
    """Tags for the figures that have no number, or none that is finite: as a metric, MLflow would
    keep an infinite one as the largest number, and a model's NaN as 0."""
    reasons = {figure_key(f): f.reason or "no value" for f in figures if f.value is None}
    values = {k: f"is {v}" for k, v in _values(figures).items() if not math.isfinite(v)}
    return {FAILED + key: reason for key, reason in (reasons | values).items()}


def points(figures: list[Figure], when: int, step: int) -> list[Metric]:
    """The finite numbers as metrics of this time (milliseconds) and step."""
    from mlflow.entities import Metric

    numbers = _values(figures).items()
    return [Metric(key, value, when, step) for key, value in numbers if math.isfinite(value)]
