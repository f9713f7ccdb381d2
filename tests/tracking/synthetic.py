"""A small study on disk, as its stages would have left it: records, journals and sample sets with
made-up numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from threetargets import files
from threetargets.pipeline import cells, jobs, paths
from threetargets.pipeline.identity import identity
from threetargets.pipeline.records import Figure, Record
from threetargets.study import load, parse
from threetargets.study.schema import Study

SMOKE = Path(__file__).parents[2] / "config" / "smoke.yaml"
START = 1_700_000_000.0


def small_study(uri: str | None = None, live_after: float = 60.0, **changes: object) -> Study:
    values = load(SMOKE).model_dump(mode="json")
    values["seeds"], values["cells"] = [0], ["vae", "ddpm_eps_eps-equivalent"]
    values["tracking"] = {"uri": uri, "live_after_seconds": live_after}
    return parse({**values, **changes}, "test")


def write_record(
    study: Study,
    path: Path,
    stage: str,
    run: cells.Run,
    figures: list[Figure],
    guidance: str = "",
    **more: Any,
) -> None:
    known = identity(study, stage, run, guidance)
    provenance = {"commit": "0123abcd", "data_digest": "feed"}
    values: dict[str, Any] = {
        "seconds": 2.0,
        "command": f"threetargets {stage}",
        "provenance": provenance,
    }
    values |= {"guidance": guidance, **more}
    files.write_json(
        path,
        Record(stage, study.study, run.cell, run.seed, known, figures=figures, **values).json(),
    )


def write_journal(path: Path, steps: int = 30, begun: float = START) -> None:
    lines = []
    for step in range(1, steps + 1):
        entry = {
            "step": step,
            "time": begun + step / 7,
            "images": 64 * step,
            "metrics": {"loss": 1 / step},
        }
        lines.append(json.dumps(entry))
    files.write_text(path, "\n".join(lines) + "\n")


def write_train(study: Study, run: cells.Run, begun: float = START, **more: Any) -> None:
    folder = paths.run_dir(study, run)
    write_journal(folder / "train.jsonl", begun=begun)
    figures = [Figure("parameters", 1234.0), Figure("loss", 0.125, stderr=0.01)]
    write_record(study, folder / "train.json", "train", run, figures, **more)


def write_study(study: Study) -> None:
    """Every record of the study, in the working directory."""
    manifest = {"levels": 17, "shape": [1, 8, 8], "classes": 10, "digest": "feed"}
    files.write_json(paths.data_dir(study) / "manifest.json", manifest)
    for run in jobs.trained_runs(study):
        write_train(study, run)
    for run in jobs.model_runs(study):
        folder = paths.run_dir(study, run)
        measured = []
        for guidance in jobs.guidances(study, run):
            place = paths.sample_dir(study, run, guidance)
            for gamma in jobs.gammas(study, guidance):
                labels = np.arange(20) % 10 if run.cell.kind == "ddpm" else np.full(20, -1)
                files.write_arrays(
                    place / f"gamma{gamma}.npz",
                    levels=np.full((20, 1, 8, 8), 16, np.uint8),
                    labels=labels,
                )
                measured.append(
                    Figure("fid", 10.0 + float(gamma), 0.5, 100, guidance=guidance, gamma=gamma)
                )
            times = [
                Figure("sample_seconds", 1.5, gamma=g, guidance=guidance)
                for g in jobs.gammas(study, guidance)
            ]
            write_record(study, place / "sample.json", "sample", run, times, guidance)
        write_record(
            study,
            folder / "likelihood.json",
            "likelihood",
            run,
            [Figure("bound_bpd", 2.25, 0.02, 200)],
        )
        write_record(study, folder / "evaluate.json", "evaluate", run, measured)
    for run in jobs.floor_runs(study):
        figures = [Figure("fid", 1.0, guidance="none", gamma="1")]
        write_record(study, paths.run_dir(study, run) / "evaluate.json", "evaluate", run, figures)
