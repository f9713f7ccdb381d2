"""What the parts of a parameter file demand of each other. Every check raises ValueError with one
line that names the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threetargets import experiments
from threetargets.families import FAMILIES, spec_of

if TYPE_CHECKING:
    from threetargets.study.schema import Study


def blocks(study: Study, of_cells: tuple[str, ...]) -> None:
    """A study has cells with all the blocks that these read, or experiments, or both. Raises
    ValueError."""
    if not study.cells and not experiments.of(study):
        raise ValueError("cells needs at least 1 entry where experiments names none")
    for key in of_cells:
        there = getattr(study, key) is not None
        if study.cells and not there:
            raise ValueError(f"{key} is missing, and cells names {str(study.cells[0])!r}")
        if there and not study.cells:
            raise ValueError(f"{key} is there, but cells is empty: nothing would read it")


def check(study: Study) -> None:
    """Raises ValueError."""
    for name, spec in FAMILIES.items():
        spec.check(study, tuple(cell for cell in study.cells if cell.family == name))
    _guidance(study)
    _labels(study)
    _sizes(study)


def _guidance(study: Study) -> None:
    for cell in study.guidance.cells:
        if cell not in study.cells:
            raise ValueError(f"guidance.cells names {str(cell)!r}, which is not in cells")
        if not spec_of(cell).LABELLED:
            raise ValueError(
                f"guidance.cells names {str(cell)!r}; only models that are asked for a class are "
                "guided"
            )
    if study.guidance.cells and not study.evaluation.extractors:
        raise ValueError(
            "guidance.cells is not empty, but evaluation.extractors is: nothing would be measured"
        )


def _labels(study: Study) -> None:
    if study.labelled:
        return
    has_none = f"but {study.data.name} has no labels"
    if "judge" in study.evaluation.extractors:
        raise ValueError(f"evaluation.extractors has judge, {has_none} to train it on")
    if study.guidance.cells:
        raise ValueError(f"guidance.cells is not empty, {has_none} to guide to")


def _sizes(study: Study) -> None:
    split, chosen = study.data.split, study.likelihood
    if (chosen.images or 0) > split.test:
        raise ValueError("likelihood.images is larger than the test split")
    most, of_what = (
        (chosen.images, "likelihood.images") if chosen.images else (split.test, "the test split")
    )
    counts = {
        f"{k}.images": getattr(chosen, k).images for k in ("ode", "forms", "lengths", "gradients")
    }
    counts |= {"curve.images": chosen.curve.images} if chosen.curve else {}
    for key, count in {**counts, "iwae_images": chosen.iwae_images or 0}.items():
        if count > most:
            raise ValueError(f"likelihood.{key} is larger than {of_what}")
    if chosen.fit_images > split.train:
        raise ValueError("likelihood.fit_images is larger than the train split")
    if not study.evaluation.extractors:
        return
    images, measured = study.sampling.images, study.evaluation
    if images < measured.kid_subset_size:
        raise ValueError("evaluation.kid_subset_size is larger than sampling.images")
    if measured.neighbours >= images:
        raise ValueError(
            f"evaluation.neighbours is {measured.neighbours}; expected less than sampling.images, "
            f"{images}: an image is not its own neighbour"
        )
    if measured.fid_parts and images // max(measured.fid_parts) < 2:
        raise ValueError(
            f"evaluation.fid_parts has {max(measured.fid_parts)}; expected parts of two images or "
            f"more of sampling.images, {images}"
        )
    if study.sampling.images > min(split.train, split.test):
        raise ValueError(
            "sampling.images is larger than the train or test split, so FID has no floor at that N"
        )
