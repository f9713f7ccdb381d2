"""A made-up results tree in the shape of the real one: known effects, one failed cell, one missing
cell."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from report.effects import draws_of, evaluated, likelihoods, trained

from threetargets.calibration.check_rows import drawn
from threetargets.calibration.misprint import known
from threetargets.files import write_arrays, write_json, write_text
from threetargets.pipeline import cells, jobs, paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.pipeline.records import Figure, Record
from threetargets.report.reading import calibrated
from threetargets.report.reading.collect import (
    Place,
    Results,
    calibration_dir,
    places,
)
from threetargets.report.topics.grounds import calibration_page
from threetargets.study import parse
from threetargets.study.schema import Study

FAILED = Run("ddpm_raw-score_native", 1)
MISSING = Run("ddpm_x0_elbo", 2)
ALSO = ["ddpm_eps_native", "ddpm_score_eps-equivalent", "ddpm_score_elbo"]
SHAPE, LEVELS, CLASSES = (1, 8, 8), 17, 10
PROVENANCE = {
    "commit": "0" * 40,
    "modified": False,
    "python": "3.11.7",
    "packages": {"torch": "2.9", "numpy": "2.2"},
    "platform": "Linux x86_64",
    "processor": "A processor",
    "cores": 2,
    "device": "cpu",
    "threads": 1,
}


def study_of(path: Path, **changes: Any) -> Study:
    """The parameters of `path`, every cell of the default grid trained, with top-level sections
    updated."""
    import yaml

    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.name == "params.yaml":
        values["cells"] = values["cells"] + ALSO
        values["guidance"]["cells"] = values["guidance"]["cells"] + ALSO[1:2]
    for name, change in changes.items():
        values[name] = values[name] | change if isinstance(change, dict) else change
    return parse(values, "changed")


def _digit(label: int, rng: np.random.Generator) -> np.ndarray:
    """Something with strokes that depends on the class."""
    y, x = np.mgrid[0:8, 0:8]
    stroke = (
        np.cos(
            0.9 * x * math.cos(label * 0.63) + 0.9 * y * math.sin(label * 0.63) + 0.2 * rng.normal()
        )
        > 0.2
    )
    return np.clip(stroke * 13 + rng.integers(0, 4, (8, 8)), 0, LEVELS - 1).astype(np.uint8)[None]


def _images(n: int, *key: object) -> dict[str, np.ndarray]:
    labels = np.arange(n) % CLASSES
    drawn = [_digit(int(label), draws_of(*key, j)) for j, label in enumerate(labels)]
    return {"images": np.array(drawn, dtype=np.uint8).reshape(n, *SHAPE), "labels": labels}


def record(study: Study, place: Place, failed: bool = False) -> Record:
    """One made-up record."""
    run = place.run
    figures: list[Figure] = []
    curves: dict[str, Any] = {}
    if place.stage == "train":
        figures, curves = trained(study, run, failed)
    elif failed:
        pass
    elif place.stage == "sample":
        rng = draws_of("sample", run.cell, run.seed, place.guidance)
        figures = [
            Figure(
                metric,
                value * (1 + 0.02 * rng.normal()),
                guidance=place.guidance,
                gamma=gamma,
                n=study.sampling.images,
            )
            for gamma in jobs.gammas(study, place.guidance)
            for metric, value in (("sample_seconds", 1.5), ("sample_images_per_second", 330.0))
        ]
    elif place.stage == "likelihood":
        figures, curves = likelihoods(study, run)
    else:
        figures = evaluated(study, run)
    command = f"threetargets {place.stage} --params params.yaml --cell {run.cell} --seed {run.seed}"
    figures = [replace(f, quantity=f.metric.removesuffix("_bpd")) for f in figures]
    return Record(
        stage=place.stage,
        study=study.study,
        cell=run.cell,
        seed=run.seed,
        identity=identity(study, place.stage, run, place.guidance),
        guidance=place.guidance,
        status="failed" if failed else "ok",
        reason="loss is not finite at step 2900" if failed else "",
        seconds=10.0,
        figures=figures,
        curves=curves,
        command=command + (f" --guidance {place.guidance}" if place.guidance else ""),
        provenance=PROVENANCE | {"data_digest": "d" * 64},
    )


def manifest(study: Study) -> dict[str, Any]:
    return {
        "name": study.data.name,
        "levels": LEVELS,
        "shape": list(SHAPE),
        "classes": CLASSES,
        "class_names": [str(i) for i in range(CLASSES)],
        "digest": "d" * 64,
        "splits": {
            name: {"n": getattr(study.data.split, name), "digest": "e" * 64}
            for name in cells.SPLITS
        },
        "std": 0.7,
        "source": {"package": "scikit-learn", "loader": "load_digits"},
    }


def tracking(study: Study, missing: Run | None) -> dict[str, Any]:
    runs: dict[str, dict[str, str]] = {}
    for place in places(study):
        if place.run != missing:
            name = f"{place.run.cell}/seed{place.run.seed}"
            runs.setdefault(name, {"parent": f"{zlib.crc32(name.encode()):032x}"})
            runs[name][place.tracked_as] = (
                f"{zlib.crc32(f'{name}/{place.tracked_as}'.encode()):032x}"
            )
    place_of = {"uri": "sqlite:///mlflow.db", "experiment": study.study, "experiment_id": "1"}
    return {"state": "complete", "reason": "", **place_of, "runs": runs}


CALIBRATED = (
    "elbo-identity",
    "elbo-bound (toy)",
    "reparam-variance (toy)",
    "forward-marginal",
    "posterior-constants",
)
CALIBRATED += (
    "targets-equivalent",
    "targets-optimum",
    "schedule",
    "tweedie",
    "two-elbos (toy)",
    "guidance-same",
    "guidance-tilt",
    "",
)


def calibration(measured: float = 1.01, relation: str = "=") -> dict[str, Any]:
    """calibration.json with one row a claim: 1 was expected, with a standard error of 0.01; one
    erratum and one slip."""
    row = drawn(
        "a quantity", 1.0, measured, 0.01, "draws", n=100, unit="nats", relation=relation
    ).json()
    checks = [
        {
            "id": f"check-{i}",
            "what": "What.",
            "claim": c,
            "source": "Someone 2020",
            "telling": ["a q"],
            "rows": [row],
        }
        for i, c in enumerate(CALIBRATED)
    ]
    shown = known("a mean", 0.5, 0.5, 0.7, 1e-9, "rounding").json()
    entry = {
        "id": "slip",
        "source": "Notes",
        "where": "a slide",
        "printed": "σ²",
        "corrected": "σ",
        "shown": [shown],
    }
    made = {"command": "threetargets calibrate", "provenance": {"code_digest": "c0de"}}
    slip = {"source": "Notes", "where": "a page", "printed": "p(y x)", "meant": "p(y | x)"}
    return {"rule": "A rule.", "checks": checks, "errata": [entry], "slips": [slip], **made}


def results(study: Study, failed: Run | None = None, missing: Run | None = None) -> Results:
    """What `collect.load` finds after `write_results`, without the files."""
    records = {
        place: record(study, place, place.run == failed)
        for place in places(study)
        if place.run != missing
    }
    return Results(
        study, records, manifest(study), tracking(study, missing), calibrated.of(calibration())
    )


def write_results(
    study: Study, *, failed: Run | None = FAILED, missing: Run | None = MISSING
) -> None:
    """The whole tree under the present folder."""
    made = results(study, failed, missing)
    write_arrays(paths.data_dir(study) / "test.npz", **_images(study.data.split.test, "test"))
    write_json(paths.data_dir(study) / "manifest.json", made.manifest)
    write_json(paths.results(study) / "tracking.json", made.tracking)
    write_json(calibration_dir(study) / calibrated.FILE, calibration())
    write_text(
        calibration_dir(study) / calibrated.PAGE,
        calibration_page.render(calibrated.of(calibration())),
    )
    for place, found in made.records.items():
        write_json(place.path(study), found.json())
        if place.stage == "sample":
            drawn = _images(0 if place.run == failed else 20, place.run.cell, place.run.seed)
            if place.run.cell.kind != "ddpm":
                drawn["labels"] = np.full(len(drawn["labels"]), -1)
            for gamma in jobs.gammas(study, place.guidance):
                path = paths.sample_dir(study, place.run, place.guidance) / f"gamma{gamma}.npz"
                write_arrays(path, levels=drawn["images"], labels=drawn["labels"])


def mirrored(made: Results, key: Any) -> dict[str, dict[str, float]]:
    """What MLflow would hold: {run id: {metric: value}}."""
    found: dict[str, dict[str, float]] = {}
    for place, one in made.records.items():
        metrics = found.setdefault(made.run_id(place), {})
        metrics.update({key(f): f.value for f in one.figures if f.value is not None})
    return found
