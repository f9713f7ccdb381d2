"""Every count that needs images is held against the images that there are, when the file is read;
so is each new one, or this file says that it needs none."""

from __future__ import annotations

import math
from typing import Any

import pytest
from study.changes import DEFAULT, MANIFOLD, changed, holds_numbers, leaves

from threetargets import study
from threetargets.data import sources
from threetargets.errors import ConfigError
from threetargets.study.values import POOLS

FEW = {"sampling__images": 20, "evaluation__kid_subset_size": 10, "evaluation__fid_parts": [1, 2]}
PARTITIONS = math.comb(20, 10) // 2  # of 20 images into two halves
TEST, TRAIN, DRAWN = "data.split.test", "data.split.train", "sampling.images"
MOST: dict[str, tuple[Any, Any, str, dict[str, Any]]] = {
    "data.split.train": (1097, 1098, "digits has 1797", {}),
    "data.split.validation": (200, 201, "digits has 1797", {}),
    "data.split.test": (500, 501, "digits has 1797", {}),
    "sampling.images": (500, 501, TEST, {}),
    "likelihood.images": (500, 501, TEST, {}),
    "likelihood.fit_images": (1097, 1098, TRAIN, {}),
    "likelihood.iwae_images": (500, 501, TEST, {}),
    **{
        f"likelihood.{key}.images": (500, 501, TEST, {})
        for key in ("ode", "forms", "lengths", "gradients", "curve")
    },
    "likelihood.validation": (200, 201, "data.split.validation", {}),
    "evaluation.kid_subset_size": (499, 500, DRAWN, {}),
    "evaluation.kid_subsets": (500, 501, DRAWN, {"evaluation__kid_subset_size": 499}),
    "evaluation.neighbours": (499, 500, DRAWN, {}),
    "evaluation.fid_parts": ([1, 250], [1, 251], DRAWN, {}),
    "evaluation.fid_partitions": (PARTITIONS, PARTITIONS + 1, DRAWN, FEW),
}
"""The most that the default study allows, what is refused, the key that is in the way, and what
else is changed to see it."""

LEAST = {
    "data.split.test": 1,
    "likelihood.images": 1,
    "likelihood.iwae_images": 1,
    "likelihood.forms.images": 1,
    "likelihood.gradients.images": 1,
    "likelihood.curve.images": 1,
    "likelihood.validation": 1,
    "evaluation.kid_subset_size": 1,
    "evaluation.fid_partitions": 1,
}
"""Too few for an error over them."""

NO_IMAGES = {
    "seeds",
    "processes",
    "classifiers.width",
    "classifiers.judge_seed",
    "evaluation.bootstrap",  # resamples; the images that it needs have a test of their own
    *(f"{kind}.{key}" for kind in ("vae", "hvae") for key in ("latents", "width", "depth")),
    *("vae.samples", "hvae.samples"),
    *(f"network.{key}" for key in ("width", "depth", "patch", "heads")),
    "diffusion.steps",
    *("sampling.steps", "sampling.batch", "likelihood.draws", "likelihood.batch"),
    *("likelihood.iwae", "likelihood.ode.steps", "likelihood.ode.probes", "likelihood.forms.draws"),
    *("likelihood.lengths.steps", "likelihood.gradients.draws", "likelihood.curve.steps"),
    *(
        f"training.{kind}.{key}"
        for kind in ("ddpm", "vae", "hvae", "guide", "judge")
        # images that are seen, however often
        for key in ("steps", "batch", "warmup_steps", "ema_halflife_images")
    ),
    *(
        f"training.{kind}.{key}"
        for kind in ("ddpm", "vae", "hvae", "guide", "judge")
        for key in ("log_every", "checkpoint_every")
    ),
}
"""Whole numbers that need no images, and those of experiments, whose data are drawn anew."""


def numbers() -> set[str]:
    return {path for path, annotation in leaves() if holds_numbers(annotation)}


def test_every_whole_number_is_known_to_need_images_or_not() -> None:
    known = {*MOST, *NO_IMAGES}
    here = {path for path in numbers() if not path.startswith("experiments.")}
    assert here == known


def of(path: str, value: Any, others: dict[str, Any]) -> dict[str, Any]:
    return changed(**{path.replace(".", "__"): value, **others})


@pytest.mark.parametrize("path", MOST)
def test_as_many_as_there_are_and_no_more(path: str) -> None:
    most, more, limit, others = MOST[path]
    study.parse(of(path, most, others), "a")
    with pytest.raises(ConfigError) as caught:
        study.parse(of(path, more, others), "a")
    message = str(caught.value)
    name = "data.split" if path.startswith("data.split") else path.removesuffix("_size")
    assert name in message and limit in message and "\n" not in message


@pytest.mark.parametrize("path", LEAST)
def test_two_are_needed_where_an_error_is_over_them(path: str) -> None:
    with pytest.raises(ConfigError, match=f"{path}: .*2, found {LEAST[path]}"):
        study.parse(of(path, LEAST[path], {}), "a")


def test_a_bootstrap_within_classes_takes_two_images_of_each() -> None:
    """With one of each there is one resample, and no error at all."""
    study.parse(changed(**FEW), "a")
    with pytest.raises(ConfigError, match=r"evaluation\.bootstrap .*sampling\.images of 20 or"):
        study.parse(changed(**{**FEW, "sampling__images": 19}), "a")


def test_counts_of_metrics_that_are_not_measured_are_not_looked_at() -> None:
    other = {"evaluation__metrics": ["fid"], "evaluation__neighbours": 10**6}
    study.parse(changed(**other, evaluation__kid_subset_size=10**6), "a")
    none = {"evaluation__extractors": [], "guidance__cells": [], "sampling__images": 10**6}
    study.parse(changed(**none), "a")


def test_pools_are_those_of_the_imported_sources() -> None:
    assert {name: one.pools for name, one in sources.SOURCES.items()} == POOLS


def test_an_excess_has_no_more_levels_than_the_process() -> None:
    with pytest.raises(ConfigError, match=r"excess\.levels is 10001; expected at most process"):
        study.parse(changed(MANIFOLD, experiments__manifold__excess__levels=10001), "a")


def test_a_curve_has_no_more_levels_than_any_process() -> None:
    steps = DEFAULT["diffusion"]["steps"]
    study.parse(changed(likelihood__curve__steps=steps), "a")
    with pytest.raises(ConfigError, match=rf"curve\.steps is {steps + 1}; expected at most diff"):
        study.parse(changed(likelihood__curve__steps=steps + 1), "a")
    shorter = {"short": {"steps": 10}}
    cells = ["ddpm_eps_elbo", "ddpm_eps_elbo_short"]
    with pytest.raises(ConfigError, match=r"of 'ddpm_eps_elbo_short', 10"):
        study.parse(changed(cells=cells, guidance__cells=[], diffusion__variants=shorter), "a")


@pytest.mark.parametrize("name", ["figures", "calibration"])
def test_a_study_takes_no_folder_of_the_page_across_studies(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"reports/{name} is no study's"):
        study.parse(changed(study=name), "a")


def test_batches_have_equal_shares_for_all_processes() -> None:
    assert DEFAULT["training"]["ddpm"]["batch"] == 64
    with pytest.raises(ConfigError, match=r"processes is 3, and training\.vae\.batch, 64,"):
        study.parse(changed(processes=3), "a")
