"""Counts that need images, held against the images that there are, when the file is read. Every
check raises ValueError with one line that names both keys."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from threetargets.study.values import CLASSES, POOLS

if TYPE_CHECKING:
    from threetargets.study.blocks import Split
    from threetargets.study.schema import Study

Limit = tuple[str, int]
"""A key, and the number of images that it stands for."""


def check(study: Study) -> None:
    """Raises ValueError."""
    wrong = no_room(study.data.name, POOLS[study.data.name], study.data.split)
    if wrong:
        raise ValueError(wrong)
    _likelihood(study)
    if study.evaluation.extractors:
        _evaluation(study)


def no_room(name: str, pools: tuple[tuple[int, tuple[str, ...]], ...], split: Split) -> str:
    """What splits are larger than the pool that they are cut from, and by how much; else empty."""
    wanted = split.model_dump()
    for total, parts in pools:
        asked = {part: n for part, n in wanted.items() if part in parts}
        if sum(asked.values()) > total:
            sizes = " + ".join(map(str, asked.values()))
            whole = f"{sizes} = {sum(asked.values())}" if len(asked) > 1 else sizes
            has = f"{total} for {' and '.join(asked)}" if len(pools) > 1 else str(total)
            return f"data.split: {whole} images, but {name} has {has}; make the splits smaller"
    return ""


def _at_most(key: str, count: int | None, limit: Limit) -> None:
    if count is not None and count > limit[1]:
        raise ValueError(f"{key} is {count}; expected at most {limit[0]}, {limit[1]}")


def _likelihood(study: Study) -> None:
    split, chosen = study.data.split, study.likelihood
    test = ("data.split.test", split.test)
    _at_most("likelihood.images", chosen.images, test)
    most = ("likelihood.images", chosen.images) if chosen.images else test
    counts = {
        "ode.images": chosen.ode.images,
        "forms.images": chosen.forms.images,
        "lengths.images": chosen.lengths.images,
        "gradients.images": chosen.gradients.images,
        "iwae_images": chosen.iwae_images,
        "curve.images": chosen.curve.images if chosen.curve else None,
    }
    for key, count in counts.items():
        _at_most(f"likelihood.{key}", count, most)
    whole = ("data.split.validation", split.validation)
    _at_most("likelihood.validation", chosen.validation, whole)
    _at_most("likelihood.fit_images", chosen.fit_images, ("data.split.train", split.train))


def _evaluation(study: Study) -> None:
    """Of the keys that some measured metric reads."""
    split, chosen, images = study.data.split, study.evaluation, study.sampling.images
    of_samples, classes = ("sampling.images", images), CLASSES[study.data.name]
    for part, count in (("train", split.train), ("test", split.test)):
        # As many real ones stand in for samples: the floor.
        _at_most("sampling.images", images, (f"data.split.{part}", count))
    if "neighbours" in chosen.read and chosen.neighbours >= images:
        raise ValueError(
            f"evaluation.neighbours is {chosen.neighbours}; expected less than sampling.images, "
            f"{images}: an image is not its own neighbour"
        )
    if "kid_subset_size" in chosen.read:
        _at_most("evaluation.kid_subset_size", chosen.kid_subset_size, of_samples)
        _ways(
            f"evaluation.kid_subsets is {chosen.kid_subsets}",
            chosen.kid_subsets,
            _log_ways([chosen.kid_subset_size, images - chosen.kid_subset_size]),
            f"subsets of {chosen.kid_subset_size} of sampling.images, {images}",
        )
    if "bootstrap" in chosen.read and classes > 1 and images < 2 * classes:
        raise ValueError(
            f"evaluation.bootstrap resamples the images of each class; expected sampling.images of "
            f"{2 * classes} or more, two of each of {classes} classes, found {images}"
        )
    if "fid_partitions" in chosen.read:
        most = max(chosen.fid_parts)
        if images // most < 2:
            raise ValueError(
                f"evaluation.fid_parts has {most}; expected parts of two images or more of "
                f"sampling.images, {images}"
            )
        for parts in chosen.fid_parts:
            if parts > 1:
                sizes = [len(range(first, images, parts)) for first in range(parts)]
                _ways(
                    f"evaluation.fid_partitions is {chosen.fid_partitions}",
                    chosen.fid_partitions,
                    _log_ways(sizes) - math.lgamma(parts + 1),
                    f"partitions into {parts} parts of sampling.images, {images}",
                )


def _log_ways(sizes: list[int]) -> float:
    """log of the number of ways to deal images to places of these sizes: of the multinomial
    coefficient."""
    return math.lgamma(sum(sizes) + 1) - sum(math.lgamma(size + 1) for size in sizes)


def _ways(what: str, wanted: int, log_ways: float, of_what: str) -> None:
    """So many different ones have to be there to be drawn."""
    if math.log(wanted) > log_ways + 1e-6:
        there = math.floor(math.exp(log_ways) + 1e-6)
        raise ValueError(f"{what}; expected at most {there}, as many as there are {of_what}")
