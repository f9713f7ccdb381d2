"""What a study will take: bytes on the disk and of memory, from its parameters, before anything
runs.

Upper bounds where a bound is easy, and else what was measured on finished studies (`RECORD`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from threetargets.data import pretrained
from threetargets.data.read import Manifest
from threetargets.data.sources import Source
from threetargets.families import training_of
from threetargets.pipeline import jobs
from threetargets.study.schema import Study

FLOAT = 4
HEADER = 10_000  # of a safetensors file
# A stage's record with its journal, log, MLflow rows and artifacts, and its share of the report:
# the default study (193 records) and the smoke study (41) took 120 kB and 100 kB each.
RECORD = 120_000
REPORT = 2_000_000


@dataclass(frozen=True)
class Disk:
    """Bytes by kind. `checkpoints` are there only while trainings run, `download` lies in the
    cache."""

    data: int
    weights: int
    samples: int
    records: int
    checkpoints: int
    download: int

    @property
    def kept(self) -> int:
        """What a finished study holds."""
        return self.data + self.weights + self.samples + self.records


def described(source: Source) -> Manifest:
    """What the manifest will say of the images, for building models before there is one."""
    return Manifest(
        source.name, source.levels, source.shape, source.classes, source.class_names, "", {}, {}
    )


def parameters(study: Study, source: Source) -> dict[str, int]:
    """Parameters of each cell that is trained."""
    from threetargets.families.build import build
    from threetargets.families.build import parameters as parameters_of

    runs = {run.cell: run for run in jobs.trained_runs(study)}
    return {cell: parameters_of(build(study, described(source), run)) for cell, run in runs.items()}


def packed(source: Source, images: int, levels: int) -> int:
    """Bytes of so many images, compressed: at most log2 K bits a value, and a label of at most one
    byte."""
    return math.ceil(images * (math.prod(source.shape) * math.log2(max(levels, 2)) / 8 + 1))


def records(study: Study) -> int:
    """Records that the stages write: train, sample (one for each kind of guidance), likelihood,
    evaluate."""
    return sum(map(len, jobs.of_runs(study).values()))


def disk(study: Study, source: Source, sizes: dict[str, int] | None = None) -> Disk:
    """The bytes of the whole study; `sizes` are the `parameters` of its cells.

    Weights are 4 bytes a parameter. A checkpoint holds weights, average and Adam's two moments; all
    trainings are counted as if they ran at once.
    """
    sizes = sizes if sizes is not None else parameters(study, source)
    split = study.data.split
    stored = packed(source, split.train, 256 if source.resampled else source.levels)
    stored += packed(source, split.validation + split.test, source.levels)
    trained = [sizes[run.cell] for run in jobs.trained_runs(study)]
    sets = len(jobs.sample_sets(study))
    files = [*(source.layouts[0] if source.layouts else ())]
    files += [pretrained.STANDARD] if "inception" in study.evaluation.extractors else []
    return Disk(
        data=stored,
        weights=sum(FLOAT * size + HEADER for size in trained),
        samples=sets * packed(source, study.sampling.images, source.levels),
        records=records(study) * RECORD + REPORT,
        checkpoints=sum(4 * FLOAT * size + HEADER for size in trained),
        download=sum(file.size for file in files),
    )


def training_memory(study: Study, source: Source) -> tuple[str, int]:
    """The cell whose training needs most memory, and how many bytes.

    Weights, gradients, average and Adam's moments (20 bytes a parameter), the training images, and
    what one batch keeps for the backward pass: measured on two images on the CPU in float32, so
    that bf16 needs less.
    """
    import torch

    from threetargets.families.build import build
    from threetargets.families.build import parameters as parameters_of
    from threetargets.streams import generator

    most = ("", 0)
    for cell, run in {run.cell: run for run in jobs.trained_runs(study)}.items():
        model = build(study, described(source), run)
        kept: dict[int, int] = {}

        def keep(tensor: torch.Tensor, kept: dict[int, int] = kept) -> torch.Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        images, labels = (
            torch.zeros(2, *source.shape, dtype=torch.uint8),
            torch.zeros(2, dtype=torch.int64),
        )
        own = {p.untyped_storage().data_ptr() for p in [*model.parameters(), *model.buffers()]}
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = model(images, labels, generator(0, "doctor"))
        saved = sum(size for pointer, size in kept.items() if pointer not in own)
        del loss
        batch = training_of(study, cell).batch
        need = (
            20 * parameters_of(model)
            + saved * batch // 2
            + study.data.split.train * math.prod(source.shape)
        )
        most = max(most, (cell, need), key=lambda one: one[1])
    return most
