"""Where a study keeps what it writes.

    results/<study>/data/{train,validation,test}.npz, manifest.json
    results/<study>/runs/<cell>/seed<k>/weights.safetensors, train.json, train.jsonl
    results/<study>/runs/<cell>/seed<k>/samples/<guidance>/gamma<g>.npz, sample.json
    results/<study>/runs/<cell>/seed<k>/likelihood.json, evaluate.json
    results/<study>/tracking.json
    reports/<study>/index.html, report.md, metrics.csv
    work/<identity>/                     checkpoints and journal of a training that is not finished

A cell is a model of the comparison (`vae`, `hvae`, their variants `vae_<name>`,
`ddpm_<target>_<weighting>`), one of the two classifiers (`guide`, which sees noisy images; `judge`,
which sees clean ones), or `data`: real training images in the place of samples, the floor.
"""

from __future__ import annotations

from pathlib import Path

from threetargets.pipeline.cells import Run
from threetargets.study.schema import Study


def results(study: Study) -> Path:
    return Path("results") / study.study


def reports(study: Study) -> Path:
    return Path("reports") / study.study


def data_dir(study: Study) -> Path:
    return results(study) / "data"


def run_dir(study: Study, run: Run) -> Path:
    return results(study) / "runs" / run.cell / f"seed{run.seed}"


def sample_dir(study: Study, run: Run, guidance: str) -> Path:
    return run_dir(study, run) / "samples" / guidance
