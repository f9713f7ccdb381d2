"""The one list of what a study consists of: every job with its run, its files and its record.

Snakefile, identities, tracking, report, doctor and estimate read it; dvc.yaml, which cannot, is
compared with it by a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from threetargets import experiments, families
from threetargets.errors import ConfigError
from threetargets.pipeline import paths
from threetargets.pipeline.cells import FLOOR, Run, gamma_label, parse
from threetargets.study.schema import Study
from threetargets.study.values import GUIDES


@dataclass(frozen=True)
class Job:
    """One call of a stage. `record` is the one of its files that says what came of it; jobs of the
    whole study have no run."""

    stage: str
    record: Path
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    run: Run | None = None
    guidance: str = ""

    @property
    def name(self) -> str:
        """train, sample/<guidance>, likelihood, evaluate: its name under its run."""
        return f"{self.stage}/{self.guidance}" if self.guidance else self.stage


def _measures(study: Study) -> bool:
    """Whether samples are measured."""
    return bool(study.cells and study.evaluation.extractors)


def model_runs(study: Study) -> list[Run]:
    """The generative models, every cell with every seed."""
    return [Run(cell, seed) for cell in study.cells for seed in study.seeds]


def guide_runs(study: Study) -> list[Run]:
    """The classifiers that kinds of guidance need, one for each seed."""
    guides = study.guidance.guides if study.cells else []
    return [Run(parse(guide), seed) for guide in guides for seed in study.seeds]


def judge_runs(study: Study) -> list[Run]:
    """The one independent classifier, whose features and labels are the same for every figure; none
    where images have no labels, or nothing that is measured needs it."""
    wanted = _measures(study) and study.labelled and study.evaluation.judged
    return [Run(families.JUDGE, families.judge_seed(study))] if wanted else []


def floor_runs(study: Study) -> list[Run]:
    """Real images in the place of samples, where samples are measured."""
    return [Run(FLOOR, seed) for seed in study.seeds] if _measures(study) else []


def measured_runs(study: Study) -> list[Run]:
    """Whose sample sets are evaluated."""
    return [*model_runs(study), *floor_runs(study)] if _measures(study) else []


def trained_runs(study: Study) -> list[Run]:
    return [*model_runs(study), *guide_runs(study), *judge_runs(study)]


def experiment_runs(study: Study) -> list[Run]:
    """Every experiment of the study with every seed."""
    return [Run(parse(name), seed) for name in experiments.of(study) for seed in study.seeds]


def guidances(study: Study, run: Run) -> list[str]:
    """The sample sets of a run: `none`, and each kind of guidance where its cell is swept."""
    return ["none", *(study.guidance.kinds if run.cell in study.guidance.cells else [])]


def gammas(study: Study, guidance: str) -> list[str]:
    """The gammas of a sample set, whatever the kind of guidance. `none` is the model as trained:
    conditional (gamma = 1) or without labels."""
    if guidance == "none" or not study.cells:
        return ["1"]
    return [gamma_label(g) for g in study.guidance.gammas]


def guide_of(run: Run, guidance: str) -> Run | None:
    """The classifier that guides the samples of a run: the one of its seed."""
    guide = GUIDES.get(guidance, "")
    return Run(parse(guide), run.seed) if guide else None


def _train(study: Study, run: Run) -> Job:
    outputs = paths.trained(study, run)
    return Job("train", outputs[1], paths.data(study), outputs, run)


def _sample(study: Study, run: Run, guidance: str) -> Job:
    guide = guide_of(run, guidance)
    inputs = [paths.data(study)[0], *paths.trained(study, run)[:2]]
    inputs += paths.trained(study, guide)[:2] if guide else []
    record = paths.sample_dir(study, run, guidance) / "sample.json"
    sets = [paths.sampled(study, run, guidance, g) for g in gammas(study, guidance)]
    outputs = [*(path for images_and_record in sets for path in images_and_record), record]
    return Job("sample", record, tuple(inputs), tuple(outputs), run, guidance)


def _likelihood(study: Study, run: Run) -> Job:
    record = paths.run_dir(study, run) / "likelihood.json"
    inputs = (*paths.data(study), *paths.trained(study, run)[:2])
    return Job("likelihood", record, inputs, (record,), run)


def _evaluate(study: Study, run: Run, sampled: list[Job]) -> Job:
    record, inputs = paths.run_dir(study, run) / "evaluate.json", [*paths.data(study)]
    for job in sampled:
        inputs += job.outputs
    for judge in judge_runs(study):
        inputs += paths.trained(study, judge)[:2]
    return Job("evaluate", record, tuple(inputs), (record,), run)


def _experiment(study: Study, run: Run) -> Job:
    outputs = paths.experiment(study, run)
    return Job("experiment", outputs[0], (), outputs, run)


def jobs(study: Study) -> list[Job]:
    """Every job, in an order in which they can run."""
    of_models = _listed(study)
    stages = ("train", "sample", "likelihood", "evaluate", "experiment")
    read = (*_records(of_models), *_sample_sets(of_models), *arrays(study))
    calibration, tracking, report = (
        paths.calibration(study),
        paths.tracking(study),
        paths.report(study),
    )
    for_report = (*paths.data(study), *read, *drawn_weights(study), tracking, *calibration)
    prepared = [Job("prepare", paths.data(study)[0], (), paths.data(study))] if study.cells else []
    return [
        *prepared,
        *sorted(of_models, key=lambda job: stages.index(job.stage)),
        Job("calibrate", calibration[0], (), calibration),
        Job("track", tracking, read, (tracking,)),
        Job("report", report[3], for_report, report),
        Job("index", paths.index()[0], paths.across(study), paths.index()),
    ]


def of_runs(study: Study) -> dict[Run, list[Job]]:
    """The jobs that leave a record, run by run: what tracking mirrors and the report shows."""
    by_run = {run: [_train(study, run)] for run in trained_runs(study)}
    for run in model_runs(study):
        by_run[run] += [_sample(study, run, g) for g in guidances(study, run)]
        by_run[run].append(_likelihood(study, run))
    for run in measured_runs(study):
        of_run = by_run.setdefault(run, [])
        of_run.append(_evaluate(study, run, [job for job in of_run if job.stage == "sample"]))
    by_run |= {run: [_experiment(study, run)] for run in experiment_runs(study)}
    return by_run


def runs_of(study: Study, stage: str) -> list[Run]:
    """The runs that a stage is for."""
    some = (
        run
        for run, jobs_of_run in of_runs(study).items()
        for job in jobs_of_run
        if job.stage == stage
    )
    return list(dict.fromkeys(some))


def records(study: Study) -> list[Path]:
    """Every record, and the journals of trainings: what tracking and report read."""
    return _records(_listed(study))


def _listed(study: Study) -> list[Job]:
    return [job for jobs_of_run in of_runs(study).values() for job in jobs_of_run]


def _records(some: list[Job]) -> list[Path]:
    journals = [job.outputs[2] for job in some if job.stage == "train"]
    return [*(job.record for job in some), *journals]


def sample_sets(study: Study) -> list[Path]:
    """The images of every sample set."""
    return _sample_sets(_listed(study))


def _sample_sets(some: list[Job]) -> list[Path]:
    return [path for job in some if job.stage == "sample" for path in images(job)]


def arrays(study: Study) -> list[Path]:
    """What experiments leave for their pictures."""
    return [paths.experiment(study, run)[1] for run in experiment_runs(study)]


def images(job: Job) -> list[Path]:
    """The sample sets that a job draws."""
    return [path for path in job.outputs if path.suffix == ".npz"]


def drawn_weights(study: Study) -> list[Path]:
    """Weights that the report draws."""
    return [
        paths.trained(study, run)[0]
        for run in model_runs(study)
        if families.spec_of(run.cell).drawn(study, run.cell)
    ]


def find_run(study: Study, cell: str, seed: int, among: list[Run]) -> Run:
    """The run of that cell and seed. Raises ConfigError naming what the study has."""
    for run in among:
        if (run.cell, run.seed) == (cell, seed):
            return run
    cells = sorted({str(r.cell) for r in among})
    seeds = sorted({r.seed for r in among if r.cell == cell})
    if seeds:
        has = ", ".join(map(str, seeds))
        raise ConfigError(f"--seed {seed}: {cell} of study {study.study} has seeds {has}")
    raise ConfigError(
        f"--cell {cell}: not in study {study.study}; expected one of {', '.join(cells)}"
    )
