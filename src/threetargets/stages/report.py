"""The stage that reads every record of a study, compares them with MLflow and writes the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from threetargets.families.drawn import pictures
from threetargets.pipeline.identity import work_dir
from threetargets.report import page
from threetargets.report.reading import collect, tracked
from threetargets.report.reading.tracked import Mirror
from threetargets.study.schema import Study
from threetargets.tracking import figure_key, store
from threetargets.training import finished

FETCH_SECONDS = 120.0


def _mirror(results: collect.Results) -> Mirror:
    """Compare with MLflow. A mirror that cannot be reached is a note in the provenance; one that
    differs is an error."""
    if not results.tracking.get("runs"):
        reason = str(results.tracking.get("reason", ""))
        return (
            Mirror(note=f"tracking.json names no runs{': ' + reason if reason else ''}")
            if results.tracking
            else Mirror()
        )
    experiment = str(results.tracking.get("experiment_id", ""))
    try:
        uri = tracked.address(results)
        metrics = store.bounded(lambda: tracked.fetch(uri, experiment), FETCH_SECONDS)
    except Exception as error:  # whatever a server, its client or its database can raise
        return Mirror(note=f"MLflow could not be read ({store.reason(error)})")
    return tracked.compare(results, metrics, figure_key)


def run(study: Study) -> Path:
    """Write reports/<study>/{index.html, report.md, metrics.csv, metrics.json, setting.json} and
    figures/. Returns the page.

    Raises MissingInput without a data manifest, DataError for a damaged record, Disagreement where
    a record and MLflow hold different numbers, CannotWrite. Missing and failed runs are shown, they
    stop nothing.
    """
    results = replace(collect.load(study), pictures=pictures(study))
    written = page.write(results, _mirror(results))
    _release(results)
    return written


def _release(results: collect.Results) -> None:
    """Remove the checkpoints of the trainings that are in the report: what runs again from here
    begins anew."""
    for place, record in results.records.items():
        if (
            place.stage == "train"
            and record.identity == (work := work_dir(results.study, place.run)).name
        ):
            finished.clear(work)
