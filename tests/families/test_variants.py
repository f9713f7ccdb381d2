"""Cells that differ by any key: of every family, in one parameter file, each a model of its own."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from threetargets import families, study
from threetargets.data.read import Manifest
from threetargets.errors import ConfigError
from threetargets.families.build import build, model_part, parameters
from threetargets.families.diffusion.sampling import grid_of, step_of
from threetargets.families.diffusion.spec import network, process
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.study.yaml import read_mapping

ROOT = Path(__file__).parents[2]
DIGITS = Manifest("digits", 17, (1, 8, 8), 10, tuple("0123456789"), "", {}, {}, std=0.7)
CELL = "ddpm_eps_native"
VARIANTS: dict[str, dict[str, Any]] = {
    "long": {"steps": 40},
    "clean": {"schedule": {"log_snr_max": 6.0}},
    "linear": {"schedule": {"name": "linear", "log_snr_max": 6.0, "log_snr_min": -5.0}},
    "wide": {"network": {"width": 96}},
    "conv": {"network": {"name": "unet", "width": 16, "depth": 1}},
    "slow": {"training": {"learning_rate": 1e-4}},
    "small-variance": {"variance": "fixed-small"},
    "drawn": {"time_sampling": {"native": "log-snr"}},
    "labelled": {"label_dropout": 0.0},
    "noisy": {"label_noise": 0.5},
}
READ_BY_TRAINING = set(VARIANTS) - {"small-variance"}


def made(variants: dict[str, Any], cells: list[str]) -> Any:
    values: Any = copy.deepcopy(read_mapping(ROOT / "config" / "smoke.yaml"))
    values |= {"cells": cells, "seeds": [0]}
    values["guidance"] = {"cells": [], "kinds": [], "gammas": [1]}
    values["diffusion"]["variants"] = variants
    return study.parse(values, "variants.yaml")


@pytest.fixture(scope="module")
def chosen() -> Any:
    return made(VARIANTS, [CELL, *(f"{CELL}_{name}" for name in VARIANTS)])


def run(variant: str) -> Run:
    return Run(families.parse(f"{CELL}_{variant}" if variant else CELL), 0)


def test_each_is_a_cell_with_its_own_jobs(chosen: Any) -> None:
    cells = {job.run.cell for job in jobs.jobs(chosen) if job.run and job.stage == "likelihood"}
    assert cells == {CELL, *(f"{CELL}_{name}" for name in VARIANTS)}
    labels = {families.label(cell) for cell in cells}
    assert "ε · native · long" in labels and len(labels) == len(cells)


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_differs_in_what_it_names_and_in_nothing_else(chosen: Any, variant: str) -> None:
    own, base = process(chosen, run(variant).cell), process(chosen, run("").cell)
    changes = {k: v for k, v in VARIANTS[variant].items() if k not in ("network", "training")}
    for key, value in base.model_dump().items():
        mine = own.model_dump()[key]
        wanted = {**value, **changes[key]} if isinstance(value, dict) and key in changes else value
        assert mine == (wanted if isinstance(value, dict) else changes.get(key, value)), key
    if "network" not in VARIANTS[variant]:
        assert network(chosen, run(variant).cell) == network(chosen, run("").cell)
    settings = families.training_of(chosen, run(variant).cell).model_dump()
    base_settings = families.training_of(chosen, run("").cell).model_dump()
    assert settings == base_settings | VARIANTS[variant].get("training", {})


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_has_its_own_identity_and_trains_where_training_reads_it(
    chosen: Any, variant: str
) -> None:
    """The name of the cell is part of an identity, so what is compared is the rest."""

    def rest(name: str) -> Any:
        one = run(name)
        return families.spec_of(one.cell).fields(chosen, one.cell, "train")

    same = rest(variant) == rest("") and "training" not in VARIANTS[variant]
    assert same == (variant not in READ_BY_TRAINING)
    identities = {identity(chosen, "likelihood", run(name)) for name in ("", *VARIANTS)}
    assert len(identities) == len(VARIANTS) + 1


def test_models_and_samplers_are_built_as_they_say(chosen: Any) -> None:
    size = {name: parameters(build(chosen, DIGITS, run(name))) for name in ("", "wide", "conv")}
    assert size["wide"] > size[""] and len(set(size.values())) == 3
    assert build(chosen, DIGITS, run("long")).table.steps == 40  # type: ignore[union-attr]
    assert build(chosen, DIGITS, run("small-variance")).variance == "fixed-small"
    assert float(grid_of(chosen, run("clean")).log_snr[1]) != float(
        grid_of(chosen, run("")).log_snr[1]
    )
    assert callable(step_of(chosen, run("small-variance")))
    assert model_part(run("conv").cell).build is not None


@pytest.mark.parametrize(
    ("variants", "cells", "message"),
    [
        ({"x": {"stepz": 3}}, [CELL], "diffusion: variants.x.stepz: unknown key"),
        ({"x": {"schedule": {"log_snr_max": -9.0}}}, [CELL], "log_snr_min must be smaller"),
        ({"x": {"network": {"name": "cnn"}}}, [f"{CELL}_x"], "variants.x.network.name: input"),
        ({"x": {"training": {"step": 1}}}, [f"{CELL}_x"], "variants.x.training.step: unknown"),
        ({}, [f"{CELL}_x"], "diffusion.variants has no 'x'"),
        ({"X y": {}}, [CELL], "names a variant; expected lower case"),
    ],
)
def test_mistakes_are_one_line_that_names_the_key(
    variants: dict[str, Any], cells: list[str], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        made(variants, cells)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_study_may_leave_out_the_blocks_of_families_that_it_does_not_use() -> None:
    values: Any = read_mapping(ROOT / "config" / "smoke.yaml")
    values |= {"cells": ["vae"], "guidance": {"cells": [], "kinds": [], "gammas": [1]}}
    for key in ("diffusion", "network", "hvae"):
        del values[key]
    for key in ("ddpm", "hvae", "guide"):
        del values["training"][key]
    parsed = study.parse(values, "small.yaml")
    assert {job.run.cell for job in jobs.jobs(parsed) if job.run} == {"vae", "judge", "data"}
    with pytest.raises(ConfigError, match="diffusion is missing, and cells names 'ddpm_x0_elbo'"):
        study.parse(values | {"cells": ["ddpm_x0_elbo"]}, "small.yaml")


def test_a_run_has_a_seed() -> None:
    with pytest.raises(TypeError):
        Run("vae")  # type: ignore[call-arg, arg-type]
