"""What a study computes, in floating-point operations by stage, from its parameters, before
anything runs.

Each kind of work is done once, on one or two blank images on the CPU, under torch's counter (matrix
products and convolutions, two operations for a multiply-add), and multiplied by how often the
stages do it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from threetargets import families
from threetargets.data.read import Manifest
from threetargets.data.sources import Source
from threetargets.doctor import estimate
from threetargets.families.build import build, operations_part
from threetargets.families.classifier.operations import features, judging
from threetargets.families.counted import counted
from threetargets.metrics.catalogue import INCEPTION_FEATURES
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import FLOOR, Run
from threetargets.streams import generator
from threetargets.study.blocks import Evaluation
from threetargets.study.schema import Study

INCEPTION = 1.142e10
"""Of Inception v3 as torch-fidelity has it, for one image, counted with the same counter; building
it takes longer than the rest. (Szegedy et al. 2016, arXiv:1512.00567: 5e9 multiply-adds, for
another input size.)"""


@dataclass(frozen=True)
class Work:
    """FLOP of all runs of a study by stage; of `evaluate`, those of networks and those of the
    statistics. Jobs, and trainings whose network is compiled."""

    train: float
    sample: float
    likelihood: float
    evaluate: float
    statistics: float
    jobs: int
    compiled: int

    @property
    def flop(self) -> float:
        return self.train + self.sample + self.likelihood + self.evaluate + self.statistics


def step(study: Study, manifest: Manifest, run: Run) -> float:
    """Of one training step, forward and backward."""
    model, labels = build(study, manifest, run), torch.zeros(2, dtype=torch.int64)
    images = torch.zeros(2, *manifest.shape, dtype=torch.uint8)
    of_two = counted(lambda: model(images, labels, generator(0, "doctor")).backward())
    return of_two / 2 * families.training_of(study, run.cell).batch


def largest_step(study: Study, source: Source) -> tuple[str, float]:
    """The cell whose training step has most operations, and how many."""
    kinds = {families.spec_of(r.cell).cost_key(r.cell): r for r in jobs.trained_runs(study)}
    steps = {run.cell: step(study, estimate.described(source), run) for run in kinds.values()}
    return max(steps.items(), key=lambda item: item[1])


def training(study: Study, manifest: Manifest, run: Run) -> float:
    """Of one training: its steps, forward and backward, and what is seen of the validation split at
    checkpoints and at the end; the accuracies of a classifier."""
    model, settings = build(study, manifest, run), families.training_of(study, run.cell)
    split, labels = study.data.split, torch.zeros(2, dtype=torch.int64)
    images = torch.zeros(2, *manifest.shape, dtype=torch.uint8)

    def loss() -> Tensor:
        value: Tensor = model(images, labels, generator(0, "doctor"))
        return value

    step = counted(lambda: loss().backward()) / 2
    model.eval()
    with torch.no_grad():
        look = counted(loss) / 2
    looks = math.ceil(settings.steps / settings.checkpoint_every) + 1
    scored = 0 if families.spec_of(run.cell).GENERATIVE else split.validation + split.test
    return settings.steps * settings.batch * step + (looks * split.validation + scored) * look


def sampling(study: Study, manifest: Manifest, run: Run) -> float:
    """Of all sample sets of one run."""
    return operations_part(run.cell).sampling(study, manifest, run)


def likelihood(study: Study, manifest: Manifest, run: Run) -> float:
    """Of one run, as the likelihood stage measures it."""
    return operations_part(run.cell).likelihood(study, manifest, run)


def sample_sets(study: Study, run: Run) -> int:
    """How many sets of images of a run are evaluated."""
    if run.cell == FLOOR:
        return 1
    return sum(len(jobs.gammas(study, guidance)) for guidance in jobs.guidances(study, run))


def networks(study: Study, manifest: Manifest) -> float:
    """Of judge and Inception: every sample set, and the test split, which the judge sees anew for
    each run."""
    runs, test = jobs.measured_runs(study), study.data.split.test
    seen = study.sampling.images * sum(sample_sets(study, run) for run in runs)
    inception = INCEPTION if "inception" in study.evaluation.extractors else 0.0
    judges = jobs.judge_runs(study)
    judge = sum(judging(study, manifest, run) for run in judges)
    return (seen + test) * inception + (seen + len(runs) * test) * judge


def statistics(n: int, m: int, features: int, evaluation: Evaluation) -> float:
    """Of FID with its bootstrap and its limit, KID, precision and recall of n images against m, one
    extractor's.

    Eigenvalues of a matrix of size f take 4/3 f^3 where it is symmetric and 10 f^3 where not (Golub
    & Van Loan 2013, Matrix Computations, 8.3 and 7.5).
    """

    def distance(images: int) -> float:
        small = min(images, features)
        return 2 * images * features * small + 4 / 3 * small**3

    fid = 4 * n * features**2 + 12 * features**3 + evaluation.bootstrap * distance(n)
    limit = evaluation.fid_partitions * sum(k * distance(n // k) for k in evaluation.fid_parts)
    kid = evaluation.kid_subsets * 6 * evaluation.kid_subset_size**2 * features
    return fid + limit + kid + 2 * features * (n + m) ** 2


def whole(study: Study, source: Source) -> Work:
    """Of the whole study."""
    manifest = estimate.described(source)
    trained, generative = jobs.trained_runs(study), jobs.model_runs(study)
    widths = {"inception": INCEPTION_FEATURES}
    widths |= {run.cell: features(study, manifest, run) for run in jobs.judge_runs(study)}
    n, m, evaluation = study.sampling.images, study.data.split.test, study.evaluation
    compiled = [run for run in trained if families.spec_of(run.cell).COMPILED]
    return Work(
        train=_total(study, manifest, trained, training),
        sample=_total(study, manifest, generative, sampling),
        likelihood=_total(study, manifest, generative, likelihood),
        evaluate=networks(study, manifest),
        statistics=sum(sample_sets(study, run) for run in jobs.measured_runs(study))
        * sum(statistics(n, m, widths[name], evaluation) for name in evaluation.extractors),
        jobs=estimate.records(study),
        compiled=len(compiled) if study.compile else 0,
    )


def _total(
    study: Study,
    manifest: Manifest,
    runs: list[Run],
    count: Callable[[Study, Manifest, Run], float],
) -> float:
    """Over runs. Those of one kind cost the same, and are counted once."""
    alike: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        kind = (families.spec_of(run.cell).cost_key(run.cell), *jobs.guidances(study, run))
        alike.setdefault(kind, []).append(run)
    return sum(len(same) * count(study, manifest, same[0]) for same in alike.values())
