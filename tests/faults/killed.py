"""The study that is killed, and what it is when nobody kills it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml
from pipeline.conftest import ROOT
from report.synthetic import calibration

from threetargets import files
from threetargets.report.reading import calibrated
from threetargets.report.topics.grounds import calibration_page

SEED = 4
EVERY = 50  # steps between two checkpoints
CALL = ("--cores", "2", "--configfile", "study.yaml")
AWAY = {
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    "OMP_NUM_THREADS": "1",
}  # test_outages.py has the stores


def parameters() -> dict:
    values = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text())
    values |= {"study": "killed", "seeds": [0], "device": "cpu"}
    values["guidance"] = {**values["guidance"], "gammas": [0, 1]}
    own = {"steps": 800, "log_every": 5, "checkpoint_every": EVERY}
    values["training"] = {name: {**block, **own} for name, block in values["training"].items()}
    return values


def beginning(folder: Path) -> Path:
    """The parameters; and a calibration, which is of no study and would take the time of all the
    rest."""
    (folder / "study.yaml").write_text(yaml.safe_dump(parameters()))
    place, made = folder / "results/killed/calibration", calibration()
    files.write_json(place / calibrated.FILE, made)
    files.write_text(place / calibrated.PAGE, calibration_page.render(calibrated.of(made)))
    return folder


ALONE = """
import torch
from threetargets.pipeline import jobs
from threetargets import study
from threetargets.stages import evaluate, likelihood, prepare, report, sample, train
torch.set_num_threads(1)
chosen, more = study.load("study.yaml"), {"params": "study.yaml", "threads": 1}
prepare.run(chosen, params="study.yaml")
for run in jobs.trained_runs(chosen):
    train.run(chosen, run, **more)
for run in jobs.model_runs(chosen):
    for guidance in jobs.guidances(chosen, run):
        sample.run(chosen, run, guidance, **more)
    likelihood.run(chosen, run, **more)
for run in jobs.model_runs(chosen) + jobs.floor_runs(chosen):
    evaluate.run(chosen, run, **more)
report.run(chosen)
"""


def undisturbed(folder: Path) -> Path:
    """The study by one process that nobody disturbs: the stages in order, without Snakemake."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        cwd=beginning(folder),
        env={**os.environ, **AWAY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder
