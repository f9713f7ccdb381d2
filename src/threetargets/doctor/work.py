"""What a study computes, in floating-point operations by stage, from its parameters, before
anything runs.

Each kind of work is done once, on one or two blank images on the CPU, under torch's counter (matrix
products and convolutions, two operations for a multiply-add), and multiplied by how often the
stages do it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from threetargets.data.sources import Source
from threetargets.diffusion.guidance import conditional
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.sampler import sample
from threetargets.diffusion.target import Prediction
from threetargets.doctor import estimate
from threetargets.families import build as models
from threetargets.families.autoencoder.likelihood import CHUNK
from threetargets.families.autoencoder.model import Vae
from threetargets.families.classifier.model import Classifier
from threetargets.families.diffusion.likelihood import STEP_CHECK
from threetargets.families.diffusion.model import Ddpm
from threetargets.likelihood.gradients import ESTIMATORS
from threetargets.likelihood.ode import hutchinson
from threetargets.pipeline import cells, jobs
from threetargets.pipeline.cells import Run
from threetargets.stages.sample import grid_of, guided, step_of
from threetargets.streams import PerSample, generator
from threetargets.study.schema import Evaluation, Study

INCEPTION = 1.142e10
"""Of Inception v3 as torch-fidelity has it, for one image, counted with the same counter; building
it takes longer than the rest. (Szegedy et al. 2016, arXiv:1512.00567: 5e9 multiply-adds, for
another input size.)"""

FEATURES = 2048


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


def counted(call: Callable[[], object]) -> float:
    """FLOP of a call, backward passes within it included."""
    with FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())


def _build(study: Study, source: Source, run: Run) -> nn.Module:
    return models.build(study, estimate.described(source), run)


def training(study: Study, source: Source, run: Run) -> float:
    """Of one training: its steps, forward and backward, and what is seen of the validation split at
    checkpoints and at the end; the accuracies of a classifier."""
    model, settings, split = (
        _build(study, source, run),
        study.training_of(run.cell),
        study.data.split,
    )
    images, labels = (
        torch.zeros(2, *source.shape, dtype=torch.uint8),
        torch.zeros(2, dtype=torch.int64),
    )

    def loss() -> Tensor:
        value: Tensor = model(images, labels, generator(0, "doctor"))
        return value

    step = counted(lambda: loss().backward()) / 2
    model.eval()
    with torch.no_grad():
        look = counted(loss) / 2
    looks = math.ceil(settings.steps / settings.checkpoint_every) + 1
    scored = split.validation + split.test if run.model in cells.CLASSIFIERS else 0
    return settings.steps * settings.batch * step + (looks * split.validation + scored) * look


def evaluations(study: Study) -> int:
    """How often the sampler asks the predictor for one image."""
    calls, x = 0, torch.zeros(1, 1)

    def predictor(x_t: Tensor, log_snr: Tensor) -> Prediction:
        nonlocal calls
        calls += 1
        return Prediction(x_t, x_t)

    sample(predictor, step_of(study), grid_of(study), x, lambda: x)
    return calls


def sampling(study: Study, source: Source, run: Run) -> float:
    """Of all sample sets of one run."""
    model, images = _build(study, source, run).eval(), study.sampling.images
    if isinstance(model, Vae):
        return images * counted(lambda: model.sample(PerSample(0, "doctor", range(1))))
    assert isinstance(model, Ddpm)
    guidances, label = jobs.guidances(study, run), torch.zeros(1, dtype=torch.int64)
    guide = (
        _build(study, source, Run("guide", run.seed)).eval() if "classifier" in guidances else None
    )
    total, known, calls = 0.0, dict[tuple[str, bool], float](), evaluations(study)
    for guidance in guidances:
        for gamma in map(float, jobs.gammas(study, guidance)):
            kind = (
                guidance,
                gamma == 0,
            )  # a classifier is not asked at gamma = 0; else gamma changes no cost
            if kind not in known:
                known[kind] = _one_call(source, model, guided(model, guide, label, guidance, gamma))
            total += images * calls * known[kind]
    return total


def _one_call(source: Source, model: Ddpm, predictor: Predictor) -> float:
    """Of a predictor for one image."""
    x = torch.zeros(1, *source.shape, dtype=torch.float64)
    with torch.no_grad():
        return counted(lambda: predictor(x, model.table.log_snr[1]))


def likelihood(study: Study, source: Source, run: Run) -> float:
    """Of one run, as stages/likelihood measures it."""
    model = _build(study, source, run).eval()
    if isinstance(model, Vae):
        return _vae_likelihood(study, source, model)
    assert isinstance(model, Ddpm)
    return _ddpm_likelihood(study, source, model)


def _ddpm_likelihood(study: Study, source: Source, model: Ddpm) -> float:
    """Bounds with and without labels and at other lengths; two forms; two densities by the ODE, and
    one of them again with half the steps. A slope of the ODE is a forward pass and one backward
    pass for each probe or dimension."""
    chosen, levels, ode = study.likelihood, study.diffusion.steps, study.likelihood.ode
    images = chosen.images or study.data.split.test
    predictor = conditional(model.conditional, torch.zeros(1, dtype=torch.int64))
    forward = _one_call(source, model, predictor)

    def function(x: Tensor) -> Tensor:
        return predictor(x, model.table.log_snr[1]).eps

    x = torch.zeros(1, *source.shape, dtype=torch.float64)
    back = counted(lambda: hutchinson(x[None])(function, x)) - forward
    slope = forward + (ode.probes or math.prod(source.shape)) * back
    lengths = sum(chosen.lengths.steps) * (chosen.lengths.images + chosen.fit_images)
    calls = chosen.draws * (levels * (2 * images + chosen.fit_images) + lengths)
    calls += chosen.forms.images * chosen.forms.draws * (2 * levels - 1) + ode.images
    slopes = 4 * (2 * ode.images * ode.steps + min(STEP_CHECK, ode.images) * (ode.steps // 2))
    return calls * forward + slopes * slope


def _vae_likelihood(study: Study, source: Source, model: Vae) -> float:
    """The ELBO of test and as many training images, active units, importance-weighted bounds (which
    encode once for each chunk of samples), and the gradients at the weights of a model of one
    level."""
    chosen, split = study.likelihood, study.data.split
    images = chosen.images or split.test
    one = torch.zeros(1, *source.shape, dtype=torch.uint8)
    latents = [torch.zeros(1, z) for z in model.latents]
    with torch.no_grad():
        encode = counted(lambda: model.encode(one))
        elbo = counted(lambda: model.elbo_terms(one, latents))
    drawn = elbo - encode  # what one importance sample takes beyond the encoding
    total = chosen.draws * (images + min(images, split.train)) * elbo + images * encode
    some = chosen.iwae_images or images
    total += some * sum(math.ceil(k / CHUNK) * encode + k * drawn for k in chosen.iwae)
    if len(model.latents) > 1:
        return total
    gradient, two = chosen.gradients, torch.zeros(2, model.latents[0])

    def reconstruction(z: Tensor) -> Tensor:
        # Copied, since the counter does not follow torch.autograd.grad to an input of a module.
        return model.log_decoder(one.expand(len(z), *one.shape[1:]), z.clone())

    with torch.no_grad():
        each = [
            counted(functools.partial(e, reconstruction, two[:1], two[:1] + 1, two))
            for e in ESTIMATORS.values()
        ]
    return total + gradient.images * (encode + gradient.draws * sum(each) / 2)


def sample_sets(study: Study, run: Run) -> int:
    """How many sets of images of a run are evaluated."""
    if run.model == cells.FLOOR:
        return 1
    return sum(len(jobs.gammas(study, guidance)) for guidance in jobs.guidances(study, run))


def networks(study: Study, source: Source) -> float:
    """Of judge and Inception: every sample set, and the test split, which the judge sees anew for
    each run."""
    runs, test = jobs.measured_runs(study), study.data.split.test
    seen = study.sampling.images * sum(sample_sets(study, run) for run in runs)
    inception = INCEPTION if "inception" in study.evaluation.extractors else 0.0
    judge = sum(_judging(study, source, run) for run in jobs.judge_runs(study))
    return (seen + test) * inception + (seen + len(runs) * test) * judge


def _judging(study: Study, source: Source, run: Run) -> float:
    """Of one image: the judge is asked for features, and again for logits."""
    judge, x = _build(study, source, run).eval(), torch.zeros(1, *source.shape)
    assert isinstance(judge, Classifier)
    with torch.no_grad():
        return counted(lambda: (judge.features(x), judge.logits(x)))


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
    trained, generative = jobs.trained_runs(study), jobs.model_runs(study)
    widths = {"judge": study.classifiers.width, "inception": FEATURES}
    n, m, evaluation = study.sampling.images, study.data.split.test, study.evaluation
    return Work(
        train=_total(study, source, trained, training),
        sample=_total(study, source, generative, sampling),
        likelihood=_total(study, source, generative, likelihood),
        evaluate=networks(study, source),
        statistics=sum(sample_sets(study, run) for run in jobs.measured_runs(study))
        * sum(statistics(n, m, widths[name], evaluation) for name in evaluation.extractors),
        jobs=estimate.records(study),
        compiled=sum(run.model == "ddpm" for run in trained) if study.compile else 0,
    )


def _total(
    study: Study, source: Source, runs: list[Run], count: Callable[[Study, Source, Run], float]
) -> float:
    """Over runs. Those of one kind cost the same: seeds, and diffusion models of all targets, which
    share a network."""
    alike: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        kind = (run.model, *jobs.guidances(study, run)) if run.model == "ddpm" else (run.cell,)
        alike.setdefault(kind, []).append(run)
    return sum(len(same) * count(study, source, same[0]) for same in alike.values())
