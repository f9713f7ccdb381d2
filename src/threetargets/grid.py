"""The grid of runs that a study names: cells, seeds, guidance; their paths and their identities.

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

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from threetargets.digest import code_digest
from threetargets.errors import ConfigError
from threetargets.study import Study
from threetargets.values import AUTOENCODERS

CLASSIFIERS = ("guide", "judge")
FLOOR = "data"
SPLITS = ("train", "validation", "test")
LOGGING = ("log_every", "checkpoint_every")


def gamma_label(gamma: float) -> str:
    """The one way in which a gamma is written in paths and tables: 0, 0.5, 1, 1.5."""
    return format(float(gamma), "g")


@dataclass(frozen=True, order=True)
class Run:
    """One trained model of a study."""

    cell: str
    seed: int

    @property
    def model(self) -> str:
        """The family: vae, hvae, ddpm, guide, judge or data."""
        return self.cell.split("_")[0]

    @property
    def target(self) -> str:
        return self.cell.split("_")[1] if self.model == "ddpm" else ""

    @property
    def weighting(self) -> str:
        return self.cell.split("_")[2] if self.model == "ddpm" else ""

    @property
    def variant(self) -> str:
        """`z20` of vae_z20."""
        return self.cell.partition("_")[2] if self.model in AUTOENCODERS else ""


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


def model_runs(study: Study) -> list[Run]:
    """The generative models, every cell with every seed."""
    return [Run(cell, seed) for cell in study.cells for seed in study.seeds]


def guide_runs(study: Study) -> list[Run]:
    """One noise-aware classifier for each seed, where the study guides by classifier."""
    wanted = "classifier" in study.guidance.kinds and study.guidance.cells
    return [Run("guide", seed) for seed in study.seeds] if wanted else []


def judge_runs(study: Study) -> list[Run]:
    """The one independent classifier, whose features and labels are the same for every figure; none
    where images have no labels, or samples are not measured."""
    wanted = study.evaluation.extractors and study.labelled
    return [Run("judge", study.classifiers.judge_seed)] if wanted else []


def floor_runs(study: Study) -> list[Run]:
    """Real images in the place of samples, where samples are measured."""
    return [Run(FLOOR, seed) for seed in study.seeds] if study.evaluation.extractors else []


def measured_runs(study: Study) -> list[Run]:
    """Whose sample sets are evaluated."""
    return [*model_runs(study), *floor_runs(study)] if study.evaluation.extractors else []


def trained_runs(study: Study) -> list[Run]:
    return [*model_runs(study), *guide_runs(study), *judge_runs(study)]


def guidances(study: Study, run: Run) -> list[str]:
    """The sample sets of a run: `none`, and each kind of guidance where its cell is swept."""
    return ["none", *(study.guidance.kinds if run.cell in study.guidance.cells else [])]


def gammas(study: Study, guidance: str) -> list[str]:
    """The gammas of a sample set. `none` is the model as trained: conditional (gamma = 1) or
    without labels."""
    return ["1"] if guidance == "none" else [gamma_label(g) for g in study.guidance.gammas]


def find_run(study: Study, cell: str, seed: int, among: list[Run]) -> Run:
    """The run of that cell and seed. Raises ConfigError naming what the study has."""
    run = Run(cell, seed)
    if run not in among:
        cells = sorted({r.cell for r in among})
        seeds = sorted({r.seed for r in among if r.cell == cell})
        if seeds:
            raise ConfigError(
                f"--seed {seed}: {cell} of study {study.study} has seeds "
                f"{', '.join(map(str, seeds))}"
            )
        raise ConfigError(
            f"--cell {cell}: not in study {study.study}; expected one of {', '.join(cells)}"
        )
    return run


def _training_fields(study: Study, run: Run) -> dict:
    values = study.model_dump(mode="json")
    fields: dict = {
        "data": {"name": study.data.name, "split": values["data"]["split"]},
        "cell": run.cell,
        "seed": run.seed,
        "training": {
            k: v for k, v in study.training_of(run.cell).model_dump().items() if k not in LOGGING
        },
        "precision": study.precision,
    }
    if run.model == "ddpm":
        fields |= {"diffusion": values["diffusion"], "network": values["network"]}
    elif run.model in AUTOENCODERS:
        fields |= {"model": study.autoencoder(run.cell).model_dump(mode="json")}
    else:
        fields |= {"width": study.classifiers.width, "network": study.network.name}
    if run.model == "guide":
        fields |= {"schedule": values["diffusion"]["schedule"], "steps": study.diffusion.steps}
    return fields


def identity_fields(study: Study, stage: str, run: Run | None = None, guidance: str = "") -> dict:
    """Everything that changes the numbers of a stage's result, and nothing that does not.

    Left out on purpose: title, tracking, device, threads, logging and checkpoint intervals, the
    other cells and seeds.
    """
    values = study.model_dump(mode="json")
    fields: dict = {"stage": stage, "code": code_digest(stage)}
    if stage == "prepare":
        return fields | {"data": {"name": study.data.name, "split": values["data"]["split"]}}
    if run is None:
        return fields | {"study": values}
    if run.model != FLOOR:
        fields |= {"run": _training_fields(study, run), "training_code": code_digest("train")}
    if stage == "sample":
        fields |= {
            "sampling": values["sampling"],
            "guidance": guidance,
            "gammas": gammas(study, guidance),
        }
        if guidance == "classifier":
            fields |= {"guide": _training_fields(study, Run("guide", run.seed))}
    elif stage == "likelihood":
        fields |= {"likelihood": values["likelihood"]}
    elif stage == "evaluate":
        fields |= {
            "evaluation": {
                k: v for k, v in values["evaluation"].items() if k != "inception"
            },  # checked by digest
            "sampling": values["sampling"],
            "cell": run.cell,
            "seed": run.seed,
        }
        fields |= {
            "judge": [_training_fields(study, judge) for judge in judge_runs(study)],
            "sets": {g: gammas(study, g) for g in guidances(study, run)},
        }
        fields |= {"data": {"name": study.data.name, "split": values["data"]["split"]}}
    return fields


def identity(study: Study, stage: str, run: Run | None = None, guidance: str = "") -> str:
    """16 hexadecimal digits: SHA-256 over the declared fields."""
    text = json.dumps(
        identity_fields(study, stage, run, guidance), sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def work_dir(study: Study, run: Run) -> Path:
    """Where a training keeps what outlives an interruption. Never a declared output: engines delete
    those."""
    return Path("work") / identity(study, "train", run)
