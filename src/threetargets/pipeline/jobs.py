"""What a study consists of: its runs and their sample sets."""

from __future__ import annotations

from threetargets.errors import ConfigError
from threetargets.pipeline.cells import FLOOR, Run, gamma_label
from threetargets.study.schema import Study


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
