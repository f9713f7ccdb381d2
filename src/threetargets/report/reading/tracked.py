"""The figures in the records against the metrics in MLflow: they are the same numbers, or the
report stops."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from threetargets.errors import Disagreement
from threetargets.pipeline.records import Figure
from threetargets.report.reading.collect import Results

RUNS_A_PAGE = 1000


Metrics = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Mirror:
    """What the comparison found. `compared` figures agree; `absent` have no metric in MLflow."""

    compared: int = 0
    absent: int = 0
    note: str = ""


def compare(results: Results, metrics: Metrics, key: Callable[[Figure], str]) -> Mirror:
    """Every figure of every record against `metrics[run_id][key(figure)]`; one that is not finite
    need not be there, and NaN equals NaN.

    Raises Disagreement, naming file, figure and both values, at the first pair that differs by 1e-9
    of its size.
    """
    from threetargets.tracking.points import same

    compared = absent = 0
    for place, record in results.records.items():
        run_id = results.run_id(place)
        for figure in record.figures:
            if figure.value is None:
                continue
            mirrored = metrics.get(run_id, {}).get(key(figure))
            if mirrored is None:
                absent += math.isfinite(figure.value)
            elif not same(figure.value, mirrored):
                raise Disagreement(
                    f"{place.path(results.study)}: {key(figure)} is {figure.value!r} but "
                    f"MLflow run {run_id} has {mirrored!r}; find out which is right, then run "
                    "the stage again or threetargets track sync"
                )
            else:
                compared += 1
    return Mirror(compared, absent)


def address(results: Results) -> str:
    """Where the runs are: what the study or the environment names, unless tracking.json names a
    server.

    Raises FileNotFoundError for a database that is not there: MLflow would create it, empty.
    """
    from threetargets.tracking import store

    uri, recorded = store.uri(results.study), str(results.tracking.get("uri", ""))
    if recorded != store.public(uri) and not recorded.startswith(store.SQLITE):
        uri = recorded
    if uri.startswith(store.SQLITE) and not Path(uri.removeprefix(store.SQLITE)).exists():
        raise FileNotFoundError(f"{Path(uri).name} is not there")
    return uri


def fetch(uri: str, experiment_id: str) -> dict[str, dict[str, float]]:
    """The last value of every metric of every run of an experiment, page by page: {run id: {metric:
    value}}."""
    from threetargets.tracking.store import ENVIRONMENT

    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    metrics: dict[str, dict[str, float]] = {}
    token: str | None = None
    while True:
        page = client.search_runs([experiment_id], max_results=RUNS_A_PAGE, page_token=token)
        metrics.update({run.info.run_id: dict(run.data.metrics) for run in page})
        token = page.token
        if not token:
            return metrics
