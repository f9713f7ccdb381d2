"""metrics.csv: one figure a row, with a row for every headline figure that the grid expects, found
or not."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from threetargets.families import spec_of
from threetargets.families import tags as tags_of
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import FLOOR, Run
from threetargets.pipeline.records import Figure
from threetargets.report.reading.collect import (
    FAILED,
    FIDELITY,
    OK,
    SAMPLES,
    Place,
    Results,
    by,
    places,
)
from threetargets.study.schema import Study
from threetargets.study.values import LEVELS
from threetargets.units import unit

COLUMNS = (
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
    "reference",
    "extractor",
    "run_id",
    "status",
)


def _measured(study: Study, labelled: bool) -> list[tuple[str, str]]:
    """(metric, kind of extractor) of every figure of a sample set; without labels there is nothing
    to be accurate about."""
    fidelity = [m for m in FIDELITY if m != "fid_infinity" or study.evaluation.fid_parts]
    others = (
        [m for m in SAMPLES if m not in FIDELITY and (labelled or m != "accuracy")]
        if study.labelled
        else []
    )
    return [
        *((m, "") for m in (*fidelity, *others)),
        *((m, kind) for kind in study.evaluation.extractors[1:] for m in fidelity),
    ]


def expected(study: Study, place: Place) -> Iterator[tuple[str, str, str, str]]:
    """The headline figures (metric, guidance, gamma, kind of a further extractor) that a record has
    to hold."""
    run = place.run
    if place.stage == "train":
        yield from (("parameters", "", "", ""), ("train_seconds", "", "", ""))
        if not spec_of(run.cell).GENERATIVE:
            yield "accuracy_test", "", "", ""
    elif place.stage == "likelihood":
        suffix = unit(LEVELS[study.data.name]).suffix
        yield f"bound_{suffix}", "", "", ""
        further = spec_of(run.cell).likelihoods(study, run.cell)
        yield from ((f"{metric}_{suffix}", "", "", "") for metric in further)
    elif place.stage == "evaluate" and run.cell == FLOOR:
        yield from ((metric, "", "", kind) for metric, kind in _measured(study, labelled=True))
    elif place.stage == "evaluate":
        metrics = _measured(study, labelled=spec_of(run.cell).LABELLED)
        for guidance in jobs.guidances(study, run):
            for gamma in jobs.gammas(study, guidance):
                yield from ((metric, guidance, gamma, kind) for metric, kind in metrics)


def _row(results: Results, place: Place, figure: Figure, status: str) -> dict[str, Any]:
    run: Run = place.run
    tags = tags_of(run.cell)
    return {
        "study": results.study.study,
        "model": str(run.cell) if run.cell.variant else tags["model"],
        "target": tags.get("target", ""),
        "weighting": tags.get("weighting", ""),
        "seed": run.seed,
        "guidance": figure.guidance or place.guidance,
        "gamma": figure.gamma,
        "metric": figure.metric,
        "value": figure.value,
        "stderr": figure.stderr,
        "n": figure.n,
        "reference": figure.reference,
        "extractor": figure.extractor,
        "run_id": results.run_id(place),
        "status": status,
    }


def rows(results: Results) -> list[dict[str, Any]]:
    """The tidy table, in the order of the grid. A figure whose value is not a finite number has
    failed."""
    table: list[dict[str, Any]] = []
    for place in places(results.study):
        status = results.status(place)
        record = results.records.get(place)
        for figure in record.figures if record else []:
            table.append(
                _row(
                    results,
                    place,
                    figure,
                    OK if status == OK and figure.value is not None else FAILED,
                )
            )
        for metric, guidance, gamma, kind in expected(results.study, place):
            name = by(results.study, metric, kind)
            if record is None or results.figure(place.run, name, guidance, gamma) is None:
                empty = Figure(
                    metric=metric, value=None, guidance=guidance, gamma=gamma, extractor=kind
                )
                table.append(
                    _row(
                        results,
                        place,
                        empty,
                        FAILED if results.status_of(place, guidance) == FAILED else "missing",
                    )
                )
    return table


def as_csv(table: Iterable[Mapping[str, Any]], columns: Sequence[str] = COLUMNS) -> str:
    """CSV with a header; None is an empty field, numbers keep all their digits."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return out.getvalue()
