"""Measure every sample set of a run against the test split: FID, KID, precision and recall by each
extractor of the study; accuracy and entropy by the judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module

import torch
from torch import Tensor

from threetargets import files, streams
from threetargets.data import pretrained, read
from threetargets.errors import DataError, Diverged
from threetargets.families import spec_of
from threetargets.families.build import load
from threetargets.metrics import extractor, fidelity, inception, remembered
from threetargets.metrics.catalogue import SAMPLES, by_features
from threetargets.pipeline import cells, jobs, paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.records import Figure, Record
from threetargets.progress import Progress
from threetargets.stages.common import Clock, device_of
from threetargets.study.schema import Study

REFERENCE = "test"
AGAIN = "run `threetargets sample` again"


@dataclass(frozen=True)
class SampleSet:
    """Generated grey levels uint8 (N, C, H, W), and the classes that were asked for, int64 (N,): -1
    where none was."""

    guidance: str
    gamma: str
    levels: Tensor
    labels: Tensor


def run(study: Study, run: Run, *, params: str, threads: int) -> None:
    """Write results/<study>/runs/<cell>/seed<k>/evaluate.json.

    For the cell `data`, as many training images as there are samples, the same number of each
    class, stand in for
    them: the floor. Where the training of the model or of the judge diverged, the record is failed,
    says why and has no figures; a sample set that failed is left out and named in `reason`. Raises
    ConfigError, MissingInput, DataError, CannotWrite.
    """
    manifest = read.load_manifest(study)
    clock = Clock("evaluate", study, run, params, manifest, threads)
    failures = _failures(study, run)
    try:
        sets = list(_sets(study, run, manifest, failures))
        reason = "; ".join(f"{what}: {why}" for what, why in failures.items())
        record = clock.done(_figures(study, sets, run, manifest)) if sets else clock.failed(reason)
        record.reason = reason
    except Diverged as error:
        record = clock.failed(str(error))
    files.write_json(paths.run_dir(study, run) / "evaluate.json", record.json())


def _failures(study: Study, run: Run) -> dict[str, str]:
    """Why the training, or a sample set, failed; empty where nothing did."""
    if run.cell == cells.FLOOR:
        return {}
    records = {"train": paths.run_dir(study, run) / "train.json"}
    for guidance in jobs.guidances(study, run):
        records[guidance] = paths.sample_dir(study, run, guidance) / "sample.json"
    failures = {}
    for what, path in records.items():
        try:
            earlier = Record.of(files.read_json(path))
        except (KeyError, TypeError):
            raise DataError(
                f"{path}: damaged, not a whole record; delete it and run its stage again"
            ) from None
        if earlier.status != "ok":
            failures[what] = earlier.reason or earlier.status
            if what == "train":
                break
    return failures


def _sets(
    study: Study, run: Run, manifest: read.Manifest, failures: dict[str, str]
) -> Iterator[SampleSet]:
    """The sample sets that can be measured; one that is empty is added to `failures`."""
    if run.cell == cells.FLOOR:
        train = read.load_split(study, "train")
        drawn = _balanced(
            train.labels, study.sampling.images, streams.generator(run.seed, "evaluate/floor")
        )
        yield SampleSet("none", "", train.images[drawn], train.labels[drawn])
        return
    if "train" in failures:
        return
    for guidance in jobs.guidances(study, run):
        if guidance in failures:
            continue
        for gamma in jobs.gammas(study, guidance):
            sample_set = _read_set(study, run, guidance, gamma, manifest)
            if len(sample_set.levels):
                yield sample_set
            else:
                failures[f"{guidance} gamma {gamma}"] = "no images"


def _balanced(labels: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Indices of `count` images without repeats, as evenly over the classes as they go, as samples
    are asked for: class proportions left to chance would raise the floor above what a good model
    reaches."""
    order = torch.randperm(len(labels), generator=generator)
    shuffled = labels[order]
    rank = torch.nn.functional.one_hot(shuffled).cumsum(0).gather(1, shuffled[:, None])[:, 0]
    return order[rank.argsort(stable=True)][:count]


def _read_set(
    study: Study, run: Run, guidance: str, gamma: str, manifest: read.Manifest
) -> SampleSet:
    path = paths.sample_dir(study, run, guidance) / f"gamma{gamma}.npz"
    arrays = files.read_arrays(path)
    if set(arrays) != {"levels", "labels"}:
        names = ", ".join(sorted(arrays)) or "none"
        raise DataError(f"{path}: expected arrays levels and labels, found {names}; {AGAIN}")
    levels, labels = arrays["levels"], arrays["labels"]
    n, wanted = levels.shape[0] if levels.ndim else 1, study.sampling.images
    if (
        levels.dtype != "uint8"
        or levels.shape != (n, *manifest.shape)
        or levels.max(initial=0) >= manifest.levels
    ):
        expected = f"uint8 (N, {', '.join(map(str, manifest.shape))}) below {manifest.levels}"
        raise DataError(
            f"{path}: levels are {levels.dtype} {levels.shape}, expected {expected}; {AGAIN}"
        )
    inside = labels.min(initial=-1) >= -1 and labels.max(initial=-1) < manifest.classes
    if labels.dtype != "int64" or labels.shape != (n,) or not inside:
        raise DataError(
            f"{path}: labels are not int64 ({n},) within -1..{manifest.classes - 1}; {AGAIN}"
        )
    if n not in (0, wanted):
        raise DataError(f"{path}: {n} images, sampling.images says {wanted}; {AGAIN}")
    return SampleSet(guidance, gamma, torch.from_numpy(levels), torch.from_numpy(labels))


@dataclass(frozen=True)
class Measuring:
    """An extractor by its name, the reference split in its features, and how it sees images:
    features (N, F)."""

    name: str
    reference: fidelity.Reference
    see: Callable[[Tensor], Tensor]


def _inception(
    study: Study, manifest: read.Manifest, images: Tensor, device: torch.device
) -> Measuring:
    """Inception, and the reference split as it sees it, kept between runs: its weights and the
    images do not change."""
    name = inception.register(pretrained.obtain(study.evaluation.inception, study.data.mirror))

    def see(levels: Tensor) -> Tensor:
        progress = Progress("images seen by Inception", len(levels), every=30)
        return inception.see(name, levels, manifest.levels, device, progress.step)

    data = f"{manifest.splits[REFERENCE].digest}, {manifest.levels} levels"
    reference = remembered.reference(
        data, name, REFERENCE, len(images), lambda: see(images), device
    )
    return Measuring(name, reference, lambda levels: see(levels).double())


@dataclass(frozen=True)
class Judge:
    """The judge by its name as an extractor, and the reference split as it sees it."""

    name: str
    test: extractor.Seen
    labels: Tensor
    reference: fidelity.Reference


def _judge(
    study: Study, manifest: read.Manifest, split: read.Images, device: torch.device
) -> Judge | None:
    """The study's judge; none where images have no labels."""
    for run in jobs.judge_runs(study):
        module = load(study, manifest, run, device)
        name = extractor.register(
            extractor.name_of(paths.run_dir(study, run) / "weights.safetensors"), module
        )
        test = extractor.see(name, split.images, manifest.levels, device)
        return Judge(name, test, split.labels, fidelity.Reference(test.features, REFERENCE))
    return None


def _measured(sight: fidelity.Sight, names: list[str]) -> list[Figure]:
    """Each of these metrics, where it applies."""
    figures = []
    for name in names:
        module, _, function = SAMPLES[name].compute.partition(":")
        compute = getattr(import_module(f"threetargets.metrics.{module}"), function)
        figures.append(compute(sight))
    return [figure for figure in figures if figure is not None]


def _judged(
    study: Study, one: SampleSet, run: Run, judge: Judge, count: int, device: torch.device
) -> list[Figure]:
    """What the judge says of a sample set."""
    seen = extractor.see(judge.name, one.levels, count, device)
    asked = asked_of(one)
    # The judge was trained on the images of the floor: how well it knows real ones, the test split
    # says.
    real = run.cell == cells.FLOOR
    logits, labels = (judge.test.logits, judge.labels) if real else (seen.logits, asked)
    sight = fidelity.Sight(
        seen.features, judge.reference, study.evaluation, run.seed, asked, logits, labels
    )
    names = study.evaluation.measured
    if "judge" not in study.evaluation.extractors:
        names = [name for name in names if name not in by_features(names)]
    figures = _measured(sight, names)
    return [
        replace(figure, reference=judge.reference.label, extractor=judge.name) for figure in figures
    ]


def asked_of(one: SampleSet) -> Tensor | None:
    """The classes that were asked for, where there were any."""
    return one.labels if (one.labels >= 0).all() else None


def _figures(
    study: Study, sets: list[SampleSet], run: Run, manifest: read.Manifest
) -> list[Figure]:
    device, split = device_of(study), read.load_split(study, REFERENCE)
    judge = _judge(study, manifest, split, device)
    wanted = "inception" in study.evaluation.extractors
    other = _inception(study, manifest, split.images, device) if wanted else None
    figures = []
    progress = Progress(f"{run.cell} seed {run.seed}: sample sets", len(sets), every=0)
    for one in sets:
        figures_of_set = (
            _judged(study, one, run, judge, manifest.levels, device) if judge is not None else []
        )
        if other is not None:
            sight = fidelity.Sight(
                other.see(one.levels), other.reference, study.evaluation, run.seed, asked_of(one)
            )
            measured = _measured(sight, by_features(study.evaluation.measured))
            figures_of_set += [
                replace(figure, reference=other.reference.label, extractor=other.name)
                for figure in measured
            ]
        # Models that know no labels have no gamma.
        gamma = one.gamma if run.cell != cells.FLOOR and spec_of(run.cell).LABELLED else ""
        figures += [
            replace(figure, guidance=one.guidance, gamma=gamma) for figure in figures_of_set
        ]
        progress.step()
    return figures
