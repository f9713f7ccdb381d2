"""A made-up results tree in the shape of the real one: known effects, one failed cell, one missing
cell."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from threetargets.calibration.check_rows import drawn
from threetargets.calibration.misprint import known
from threetargets.families import spec_of, tags
from threetargets.files import write_arrays, write_json, write_text
from threetargets.metrics.catalogue import SAMPLES, by_features
from threetargets.pipeline import cells, jobs, paths
from threetargets.pipeline.cells import FLOOR, Run
from threetargets.pipeline.identity import identity
from threetargets.pipeline.records import Figure, Record
from threetargets.report.reading import calibrated
from threetargets.report.reading.collect import (
    Place,
    Results,
    calibration_dir,
    places,
)
from threetargets.report.topics import calibration_page
from threetargets.report.topics.routes import (
    DEQUANTISED,
    DIFFERENCE,
    GRADIENTS,
    HALVED,
    ODE,
    ONE,
    REPORTED,
    TWO,
)
from threetargets.study import parse
from threetargets.study.schema import Study

FAILED = Run("ddpm_raw-score_native", 1)
MISSING = Run("ddpm_x0_elbo", 2)
ALSO = ["ddpm_eps_native", "ddpm_score_eps-equivalent", "ddpm_score_elbo"]
EXTRACTOR = "judge-0123456789abcdef"
INCEPTION = "inception-fedcba9876543210"
LARGER = 50.0  # figures by Inception
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


def part(run: Run, name: str) -> str:
    """The target or the weighting of a run; empty where it has none."""
    return tags(run.cell).get(name, "")


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


def _rng(*key: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32("/".join(map(str, key)).encode()))


def twin(run: Run) -> Run:
    """The same model by construction: score is eps under a matched weighting, native eps is
    eps-equivalent."""
    cell = (
        run.cell.replace("_score_", "_eps_")
        if part(run, "weighting") in ("eps-equivalent", "elbo")
        else run.cell
    )
    return Run("ddpm_eps_eps-equivalent" if cell == "ddpm_eps_native" else cell, run.seed)


def _effect(run: Run) -> float:
    """Bits/dim by which a cell is worse: x0 loses at native weighting, targets tie elsewhere, score
    is eps."""
    by_weighting = {"native": 0.06, "eps-equivalent": 0.04}.get(part(run, "weighting"), 0.0)
    base = {"vae": 2.45, "hvae": 2.4, "ddpm": 2.1}.get(run.cell.kind, 0.0)
    worse = {("x0", "native"): 0.35, ("score", "native"): 0.15, ("raw-score", "native"): 0.6}.get(
        (part(run, "target"), part(run, "weighting")), 0.0
    )
    return base + by_weighting + worse


def bound(run: Run) -> float:
    one = twin(run)
    rounding = 3e-9 if run.cell == "ddpm_score_elbo" else 0.0  # of float32, as in a real study
    noise = (
        0.02 * _rng("seed", run.seed).normal() + 0.002 * _rng("bound", one.cell, run.seed).normal()
    )
    return float(_effect(one) + noise + rounding)


IMAGES = 40


def by_image(run: Run, mean: float) -> list[float]:
    """A bound for every image around the mean: an image is as hard for every model, but for a
    little."""
    hard = _rng("hard").normal(size=IMAGES)
    own = 0.01 * _rng("image", twin(run).cell, run.seed).normal(size=IMAGES)
    return (mean + hard - hard.mean() + own - own.mean()).tolist()


def _curve(metric: str, gamma: float, run: Run, guidance: str) -> tuple[float, float]:
    run = twin(run)
    rng = _rng(metric, gamma, run.cell, run.seed, guidance)
    offset = {"x0": 0.4, "eps": 0.0, "score": 0.1}.get(part(run, "target"), 0.3) + (
        0.5 if guidance == "classifier" else 0.0
    )
    mean, noise = {
        "fid": (3.0 + 0.9 * (gamma - 1.3) ** 2 + offset + 4 * (_effect(run) - 2.1), 0.15),
        "fid_infinity": (2.8 + 0.9 * (gamma - 1.3) ** 2 + offset + 4 * (_effect(run) - 2.1), 0.15),
        "kid": (0.01 + 0.004 * (gamma - 1.3) ** 2, 0.001),
        "accuracy": (1 / (1 + math.exp(-(1.2 * gamma + 0.6))), 0.008),
        "entropy": (0.9 * math.exp(-0.5 * gamma) + 0.05, 0.01),
        "precision": (0.75 + 0.03 * gamma, 0.008),
        "recall": (0.9 - 0.1 * gamma, 0.01),
    }[metric]
    return float(mean + noise * rng.normal()), noise / 2


def _evaluate(study: Study, run: Run) -> list[Figure]:
    """By the judge, and the same figures times LARGER by Inception, for the extractors of the
    study."""
    judged, chosen = _judged(study, run), study.evaluation.extractors
    found = [f for f in judged if "judge" in chosen or f.metric not in by_features([*SAMPLES])]
    if "inception" in chosen:
        found += [
            replace(f, value=LARGER * (f.value or 0.0), extractor=INCEPTION)
            for f in judged
            if f.metric in by_features([*SAMPLES])
        ]
    return found


def _judged(study: Study, run: Run) -> list[Figure]:
    n = study.sampling.images
    facts: dict[str, Any] = {
        "n": n,
        "spread": "images",
        "reference": f"test, {n} images",
        "extractor": EXTRACTOR,
    }
    if run.cell == FLOOR:
        real = {
            "fid": 1.1,
            "fid_infinity": 0.4,
            "kid": 0.001,
            "precision": 0.82,
            "recall": 0.84,
            "accuracy": 0.975,
            "entropy": 0.08,
        }
        asked = study.evaluation.measured
        noise = {m: 0.02 * _rng("floor", m, run.seed).normal() for m in asked}
        noise |= {
            "accuracy": 0.0,
            "entropy": 0.0,
        }  # of the judge on the test split: one number for all seeds
        errors = {"accuracy": math.sqrt(0.975 * 0.025 / study.data.split.test), "entropy": 0.01}
        sizes = {m: {"n": study.data.split.test if noise[m] == 0.0 else n} for m in asked}
        values = {m: real[m] * (1 + noise[m]) for m in asked}
        return [
            Figure(m, values[m], errors.get(m, 0.05 * real[m]), guidance="none", **facts | sizes[m])
            for m in asked
        ]
    figures = []
    for guidance in jobs.guidances(study, run):
        for gamma in jobs.gammas(study, guidance):
            for metric in study.evaluation.measured:
                if metric != "accuracy" or run.cell.kind == "ddpm":
                    value, stderr = _curve(metric, float(gamma), run, guidance)
                    figures.append(
                        Figure(metric, value, stderr, guidance=guidance, gamma=gamma, **facts)
                    )
    return figures


def _likelihood(study: Study, run: Run) -> tuple[list[Figure], dict[str, Any]]:
    n, total = study.data.split.test, bound(run)
    facts: dict[str, Any] = {"n": n, "spread": "test images", "reference": f"test, {n} images"}
    if run.cell.kind != "ddpm":
        parts = {
            "reconstruction_bpd": 0.8 * total,
            "kl_1_bpd": 0.2 * total if run.cell.kind == "vae" else 0.15 * total,
        }
        if run.cell.kind == "hvae":
            parts["kl_2_bpd"] = 0.05 * total
        noise = 0.001 * _rng("iwae", run.cell, run.seed).normal()
        iwae = {
            f"iwae_{k}_bpd": total + noise - 0.03 * math.log10(k) for k in study.likelihood.iwae
        }
        figures = [
            Figure(m, v, 0.01, **facts) for m, v in {"bound_bpd": total, **parts, **iwae}.items()
        ]
        figures += [
            Figure("train_bound_bpd", total - 0.1, 0.01, **facts),
            Figure("active_units", 9.0, n=n),
        ]
        noise = math.exp(0.1 * _rng("gradients", run.seed).normal())
        if run.cell.kind == "vae":
            figures += [
                Figure(m, r * noise, 1.0, **facts)
                for m, r in zip(GRADIENTS, (5000.0, 12.0), strict=True)
            ]
        return figures, {}
    steps = study.diffusion.steps
    log_snr = np.linspace(9, -9, steps)
    weight = np.exp(-0.5 * ((log_snr - 1.5 - _effect(run)) / 2.5) ** 2) + 1e-4
    terms = (
        0.95
        * total
        * weight
        / weight.sum()
        * (1 + 0.03 * _rng("levels", run.cell, run.seed).normal(size=steps))
    ).tolist()
    levels = {
        "i": list(range(1, steps + 1)),
        "log_snr": log_snr.tolist(),
        "term": terms,
        "stderr": [t / 20 for t in terms],
        "eps_mse": [0.1 + t for t in terms],
    }
    parts = {
        "prior_bpd": 0.0001,
        "denoising_bpd": 0.95 * total - 0.0001,
        "decoder_bpd": 0.05 * total,
    }
    return [
        Figure(m, v, 0.01, **facts)
        for m, v in {"bound_bpd": total, **parts, **_routes(study, run)}.items()
    ], {"noise_levels": levels, "images": {"bound": by_image(run, total)}}


def _routes(study: Study, run: Run) -> dict[str, float]:
    """Other estimators of a diffusion model's likelihood: more steps help and saturate, the other
    form is noisier."""
    run = twin(run)
    total, rng = bound(run), _rng("routes", run.cell, run.seed)
    found = {
        f"bound_{v}_bpd": total + shift
        for v, shift in zip(REPORTED, (2.0, 0.0, 2.1, -0.02, -0.1), strict=True)
    }
    found |= {
        f"bound_T{t}_bpd": total + 3.0 / t + 1e-4 * rng.normal()
        for t in study.likelihood.lengths.steps
    }
    found |= {
        f"bound_T{t}_fitted_bpd": total + 1.0 / t + 1e-4 * rng.normal()
        for t in study.likelihood.lengths.steps
    }
    found |= {ODE: total - 0.04, DEQUANTISED: total + 0.8, HALVED: 0.003}
    found |= {
        DIFFERENCE: 0.01 * rng.normal(),
        ONE: 1.1,
        TWO: 16000.0 * math.exp(0.01 * rng.normal()),
    }
    return found | {"two_sided_printed_difference_bpd": 350.0}


def _train(study: Study, run: Run, failed: bool) -> tuple[list[Figure], dict[str, Any]]:
    rng = _rng("train", run.cell, run.seed)
    step = [s + 1 for s in range(study.training.ddpm.steps)][
        :: max(1, study.training.ddpm.steps // 30)
    ]
    start = 3.0 if run.cell.kind == "ddpm" else 80.0
    loss = [start * (0.2 + math.exp(-s / 500)) * (1 + 0.04 * rng.normal()) for s in step]
    held = {"step": step[9::10], "value": [1.03 * v for v in loss[9::10]]}
    curves: dict[str, Any] = {"loss": {"step": step, "train": loss}, "validation": held}
    if failed:
        curves["loss"]["train"][-1] = math.nan
        return [Figure("parameters", 150_000.0)], curves
    size = {"vae": 161_234.0, "hvae": 158_876.0, "ddpm": 151_360.0}.get(run.cell.kind, 42_000.0)
    figures = [
        Figure("parameters", size),
        Figure("train_seconds", 20 + rng.normal(), spread=""),
        Figure("train_images_per_second", 19000 + 300 * rng.normal()),
        Figure("validation_loss", loss[-1]),
    ]
    if not spec_of(run.cell).GENERATIVE:
        figures += [
            Figure("accuracy_validation", 0.96, 0.014, 200),
            Figure("accuracy_test", 0.95, 0.0097, study.data.split.test),
        ]
    return figures, curves


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
    drawn = [_digit(int(label), _rng(*key, j)) for j, label in enumerate(labels)]
    return {"images": np.array(drawn, dtype=np.uint8).reshape(n, *SHAPE), "labels": labels}


def record(study: Study, place: Place, failed: bool = False) -> Record:
    """One made-up record."""
    run = place.run
    figures: list[Figure] = []
    curves: dict[str, Any] = {}
    if place.stage == "train":
        figures, curves = _train(study, run, failed)
    elif failed:
        pass
    elif place.stage == "sample":
        rng = _rng("sample", run.cell, run.seed, place.guidance)
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
        figures, curves = _likelihood(study, run)
    else:
        figures = _evaluate(study, run)
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
