"""Everything that a study has written, found along the grid that was expected; what is missing or
failed stays so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from threetargets import families
from threetargets.errors import DataError, Disagreement
from threetargets.families.cell import Cell
from threetargets.files import read_arrays, read_json
from threetargets.metrics import catalogue
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.cells import FLOOR, Run
from threetargets.pipeline.records import Figure, Record
from threetargets.report.reading import calibrated
from threetargets.report.reading.calibrated import Calibration
from threetargets.study.schema import Study
from threetargets.study.values import kind_of
from threetargets.units import BITS, Unit, unit

OK, FAILED, MISSING = "ok", "failed", "missing"


@dataclass(frozen=True)
class Place:
    """One record that the grid expects: a stage of a run, and for `sample` the guidance."""

    stage: str
    run: Run
    guidance: str = ""

    @property
    def tracked_as(self) -> str:
        """The name of its MLflow run in tracking.json."""
        return f"{self.stage}/{self.guidance}" if self.guidance else self.stage

    def path(self, study: Study) -> Path:
        if self.stage == "sample":
            return paths.sample_dir(study, self.run, self.guidance) / "sample.json"
        return paths.run_dir(study, self.run) / f"{self.stage}.json"


@dataclass(frozen=True)
class Observed:
    """One figure over the seeds of a cell: the values there are, and the seeds that have none."""

    values: dict[int, float]
    failed: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()

    @property
    def complete(self) -> bool:
        return bool(self.values) and not self.failed and not self.missing


def places(study: Study) -> Iterator[Place]:
    """Every record that the grid expects, in the order of the grid."""
    measured = jobs.measured_runs(study)
    for run in jobs.model_runs(study):
        yield Place("train", run)
        for guidance in jobs.guidances(study, run):
            yield Place("sample", run, guidance)
        yield Place("likelihood", run)
        if run in measured:
            yield Place("evaluate", run)
    for run in [*jobs.guide_runs(study), *jobs.judge_runs(study)]:
        yield Place("train", run)
    for run in jobs.floor_runs(study):
        yield Place("evaluate", run)
    for run in jobs.experiment_runs(study):
        yield Place("experiment", run)


def calibration_dir(study: Study) -> Path:
    """Where `threetargets calibrate --out` writes for this study."""
    return paths.results(study) / "calibration"


def by(study: Study, metric: str, extractor: str) -> str:
    """The name under which the report finds a metric: that of a further extractor, of which only
    the kind counts, with the kind, as fid-inception."""
    first = next(iter(study.evaluation.extractors), "") if study.cells else ""
    return catalogue.key(metric, kind_of(extractor) or extractor, first)


@dataclass(frozen=True)
class Results:
    """The records of a study by place, with the data's manifest and what tracking says of
    itself."""

    study: Study
    records: dict[Place, Record]
    manifest: dict[str, Any]
    tracking: dict[str, Any]
    calibration: Calibration | None = None
    pictures: dict[tuple[Cell, int], np.ndarray] = field(default_factory=dict)
    """Of the weights of models, by cell and seed: families/drawn.py."""
    arrays: dict[Run, dict[str, np.ndarray]] = field(default_factory=dict)
    """What experiments leave for their pictures."""

    def status(self, place: Place) -> str:
        """ok, failed or missing. A stage after a failed training has failed with it."""
        record = self.records.get(place)
        if record is not None:
            return OK if record.status == OK else FAILED
        train = self.records.get(Place("train", place.run))
        return FAILED if train is not None and train.status != OK else MISSING

    def status_of(self, place: Place, guidance: str) -> str:
        """The status of a figure: an evaluation that went well has nothing of a sample set that
        failed."""
        status = self.status(place)
        if status == OK and guidance and place.stage == "evaluate" and place.run.cell != FLOOR:
            sampled = self.status(Place("sample", place.run, guidance))
            return (
                FAILED if sampled == FAILED and not self._measured(place.run, guidance) else status
            )
        return status

    def _measured(self, run: Run, guidance: str) -> bool:
        record = self.records.get(Place("evaluate", run))
        return record is not None and any(f.guidance == guidance for f in record.figures)

    @cached_property
    def _figures(self) -> dict[tuple[Run, str, str, str], Figure]:
        figures = {}
        for place, record in self.records.items():
            for figure in record.figures:
                guidance = figure.guidance or place.guidance
                metric = by(self.study, figure.quantity or figure.metric, figure.extractor)
                figures[place.run, metric, guidance, figure.gamma] = figure
                # A model without labels has no gamma; it is asked for beside those that have.
                if guidance == "none":
                    figures[place.run, metric, guidance, "1"] = figure
                if place.run.cell == FLOOR:
                    figures[place.run, metric, "", ""] = figure
        return figures

    def figure(self, run: Run, metric: str, guidance: str = "", gamma: str = "") -> Figure | None:
        """The figure of a run, or None. The floor has neither guidance nor gamma."""
        return self._figures.get((run, metric, guidance, gamma))

    @cached_property
    def also(self) -> dict[Cell, Cell]:
        """Cells that are shown without a training of their own, each with the cell that it is."""
        return families.also(self.study)

    @property
    def shown(self) -> frozenset[Cell]:
        """Cells that have figures here: the study's, and those that are one model with them."""
        return frozenset((*self.study.cells, *self.also))

    def metrics(self, cell: Cell) -> set[str]:
        """The names of all figures that some run of the cell has."""
        return {metric for run, metric, _, _ in self._figures if run.cell == cell}

    def observe(self, cell: Cell, metric: str, guidance: str = "", gamma: str = "") -> Observed:
        """One figure over the study's seeds."""
        cell = self.also.get(cell, cell)
        values: dict[int, float] = {}
        failed, missing = [], []
        for seed in self.study.seeds:
            run = Run(cell, seed)
            stage = catalogue.stage(metric)
            status = self.status_of(
                Place(stage, run, guidance if stage == "sample" else ""), guidance
            )
            figure = self.figure(run, metric, guidance, gamma)
            if status == OK and figure is not None and figure.value is not None:
                values[seed] = figure.value
            elif status == FAILED or (figure is not None and figure.value is None):
                failed.append(seed)
            else:
                missing.append(seed)
        return Observed(values, tuple(failed), tuple(missing))

    @property
    def unit(self) -> Unit:
        """In which the likelihoods of this data set are told."""
        return unit(self.manifest["levels"]) if self.study.cells else BITS

    def run_id(self, place: Place) -> str:
        """The MLflow run of a place, or an empty string."""
        runs = self.tracking.get("runs", {})
        return str(runs.get(f"{place.run.cell}/seed{place.run.seed}", {}).get(place.tracked_as, ""))


def _record(path: Path) -> Record:
    values = read_json(path)
    try:
        return Record.of(values)
    except (KeyError, TypeError, AttributeError):
        raise DataError(
            f"{path}: not a record of a stage; delete it and run its stage again"
        ) from None


def _one_of_each_kind(study: Study, records: dict[Place, Record]) -> None:
    """Figures by two judges, or by two files of Inception's weights, do not stand in one column."""
    known: dict[str, tuple[str, Place]] = {}
    for place, record in records.items():
        for name in dict.fromkeys(f.extractor for f in record.figures if kind_of(f.extractor)):
            first, where = known.setdefault(kind_of(name), (name, place))
            if first != name:
                raise Disagreement(
                    f"{place.path(study)}: measured by {name}, but {where.path(study)} by "
                    f"{first}; different extractors do not compare: run `threetargets "
                    "evaluate` of the older one again"
                )


def load(study: Study) -> Results:
    """Read what the study has written. Raises MissingInput where there are cells and no data
    manifest, DataError for a damaged file, Disagreement where records were measured by different
    extractors of one kind."""
    manifest = read_json(paths.data(study)[0]) if study.cells else {}
    files = {place: place.path(study) for place in places(study)}
    records = {place: _record(path) for place, path in files.items() if path.exists()}
    _one_of_each_kind(study, records)
    tracking = paths.results(study) / "tracking.json"
    drawn = {run: paths.experiment(study, run)[1] for run in jobs.experiment_runs(study)}
    measured = calibration_dir(study) / calibrated.FILE
    return Results(
        study,
        records,
        manifest,
        read_json(tracking) if tracking.exists() else {},
        calibrated.load(measured) if measured.exists() else None,
        arrays={run: read_arrays(path) for run, path in drawn.items() if path.exists()},
    )
