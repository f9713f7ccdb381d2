"""metrics.csv: one figure a row, with a row for every headline figure that the grid expects, found
or not."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from threetargets.families import spec_of
from threetargets.families import tags as tags_of
from threetargets.families.cell import Cell
from threetargets.metrics import catalogue
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import FLOOR, Run
from threetargets.pipeline.records import Figure
from threetargets.report.reading.collect import (
    FAILED,
    OK,
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
    "trained_as",
)


def _measured(study: Study, labelled: bool) -> list[tuple[str, str]]:
    """(metric, kind of extractor) of every figure of a sample set; without labels there is nothing
    to be accurate about."""
    chosen, asked = study.evaluation, study.evaluation.measured
    seen = catalogue.by_features(asked)
    needs = {"logits", "labels"} if labelled else {"logits"}
    judged = [m for m in asked if study.labelled and catalogue.SAMPLES[m].needs in needs]
    return [
        *((m, "") for m in (*seen, *judged)),
        *((m, kind) for kind in chosen.extractors[1:] for m in seen),
    ]


def expected(study: Study, place: Place) -> Iterator[Figure]:
    """The headline figures that a record has to hold, without their values; of a further extractor
    its kind alone."""
    run, label = place.run, place.run.cell
    if place.stage == "train":
        names = ["parameters", "train_seconds"]
        names += [] if spec_of(label).GENERATIVE else ["accuracy_test"]
        yield from (Figure(name, None) for name in names)
    elif place.stage == "experiment":
        yield Figure("experiment_seconds", None)
    elif place.stage == "likelihood":
        suffix = unit(LEVELS[study.data.name]).suffix
        for name in ("bound", *spec_of(label).likelihoods(study, label)):
            yield Figure(f"{name}_{suffix}", None, quantity=name)
    elif place.stage == "evaluate" and label == FLOOR:
        for metric, kind in _measured(study, labelled=True):
            yield Figure(metric, None, extractor=kind)
    elif place.stage == "evaluate":
        metrics = _measured(study, labelled=spec_of(label).LABELLED)
        for guidance in jobs.guidances(study, run):
            for gamma in jobs.gammas(study, guidance):
                for metric, kind in metrics:
                    yield Figure(metric, None, extractor=kind, guidance=guidance, gamma=gamma)


def _row(results: Results, place: Place, figure: Figure, status: str, cell: Cell) -> dict[str, Any]:
    """As a figure of `cell`, which is the run's or one model with it."""
    run: Run = place.run
    tags = tags_of(cell)
    return {
        "study": results.study.study,
        "model": str(cell) if cell.variant else tags["model"],
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
        "trained_as": "" if cell == run.cell else run.cell,
    }


def rows(results: Results) -> list[dict[str, Any]]:
    """The tidy table, in the order of the grid. A figure whose value is not a finite number has
    failed. A cell that is one model with another has the other's figures and runs, which
    `trained_as` names."""
    table: list[dict[str, Any]] = []
    for place in places(results.study):
        cells = [place.run.cell, *(c for c, own in results.also.items() if own == place.run.cell)]
        table += [row for cell in cells for row in _of_place(results, place, cell)]
    return table


def _of_place(results: Results, place: Place, cell: Cell) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = []
    status = results.status(place)
    record = results.records.get(place)
    for figure in record.figures if record else []:
        table.append(
            _row(
                results,
                place,
                figure,
                OK if status == OK and figure.value is not None else FAILED,
                cell,
            )
        )
    for empty in expected(results.study, place):
        name = by(results.study, empty.quantity or empty.metric, empty.extractor)
        guidance = empty.guidance
        if record is None or results.figure(place.run, name, guidance, empty.gamma) is None:
            failed = results.status_of(place, guidance) == FAILED
            table.append(_row(results, place, empty, FAILED if failed else "missing", cell))
    return table


def as_csv(table: Iterable[Mapping[str, Any]], columns: Sequence[str] = COLUMNS) -> str:
    """CSV with a header; None is an empty field, numbers keep all their digits."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return out.getvalue()
