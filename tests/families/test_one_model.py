"""Cells that are one model by construction: found by numbers over the registries, trained side by
side, and shown without a training of their own."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch

from threetargets import families, study
from threetargets.data.read import Manifest
from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.target import TARGETS
from threetargets.diffusion.weighting import WEIGHTINGS
from threetargets.families.build import build
from threetargets.families.diffusion import process, spec
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import Run
from threetargets.streams import generator
from threetargets.study.yaml import read_mapping

ROOT = Path(__file__).parents[2]
DIGITS = Manifest("digits", 17, (1, 8, 8), 10, tuple("0123456789"), "", {}, {}, std=0.7)
GRID = [spec.cell_of(target, weighting) for target in TARGETS for weighting in WEIGHTINGS]


def made(cells: list[str], proposals: dict[str, str] | None = None) -> Any:
    values: Any = copy.deepcopy(read_mapping(ROOT / "config" / "smoke.yaml"))
    values |= {"cells": cells, "seeds": [0]}
    values["guidance"] = {"cells": [], "kinds": [], "gammas": [1]}
    values["diffusion"]["time_sampling"] = proposals or dict.fromkeys(WEIGHTINGS, "uniform")
    return study.parse(values, "one.yaml")


@pytest.fixture(scope="module")
def whole() -> Any:
    return made([str(cell) for cell in GRID])


def _read(cell: spec.DiffusionCell, sign: float) -> torch.Tensor:
    """What the losses of a network's raw outputs are: the read x0, and the weight, at each noise
    level."""
    table = process.forward(made([str(cell)]).diffusion)
    target = replace(TARGETS[cell.target], data_std=DIGITS.std)
    out, x_t = torch.randn(2, 50, 1, generator=generator(0, "test"), dtype=torch.float64)
    i = torch.arange(2, table.steps + 1)
    a, s = signal_noise(table.log_snr[i])
    x0 = target.decode(sign * out * target.scale(a, s), x_t, a, s).x0
    return torch.cat([x0, WEIGHTINGS[cell.weighting](target, table, i)[None]])


def _same(one: spec.DiffusionCell, other: spec.DiffusionCell) -> bool:
    """Up to the sign of what the network puts out, which its last layer takes up."""
    wanted = _read(one, 1.0)
    signs = [_read(other, sign) for sign in (1.0, -1.0)]
    return any(torch.allclose(wanted, read, rtol=1e-9, atol=1e-9) for read in signs)


@pytest.mark.parametrize("one, other", combinations(GRID, 2), ids="-".join)
def test_they_are_those_whose_losses_are_one_function_of_the_output(
    one: spec.DiffusionCell, other: spec.DiffusionCell, whole: Any
) -> None:
    declared = spec.one_model(whole, one) == spec.one_model(whole, other)
    assert declared == _same(one, other)


def _trained(chosen: Any, cell: str) -> Any:
    model = build(chosen, DIGITS, Run(families.parse(cell), 0))
    images = torch.randint(0, 17, (32, 1, 8, 8), generator=generator(0, "test")).to(torch.uint8)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(8):
        optimiser.zero_grad()
        model(images, torch.arange(32) % 10, generator(0, "train", step)).mean().backward()
        optimiser.step()
    return model.eval()


def test_they_learn_the_same_function(whole: Any) -> None:
    """To float64's rounding; under elbo to float32's, in which its decoder's term is computed."""
    only = [str(c) for c in dict.fromkeys(spec.one_model(whole, cell) for cell in GRID)]
    also = families.also(made(only))
    assert len(also) >= 3
    x = torch.randn(6, 1, 8, 8, generator=generator(1, "test"), dtype=torch.float64)
    for shown, own in also.items():
        one, other = _trained(whole, shown), _trained(whole, own)
        for log_snr in one.table.log_snr[1::6]:
            guesses = [m.conditional(x, log_snr, torch.arange(6)) for m in (one, other)]
            atol = 5e-6 if spec.of(own).weighting == "elbo" else 1e-14
            torch.testing.assert_close(guesses[0].eps, guesses[1].eps, rtol=1e-13, atol=atol)
            assert float(guesses[0].eps.detach().abs().max()) > 0.01


def test_only_targets_and_weightings_of_the_study_are_shown() -> None:
    eps, x0 = "ddpm_eps_eps-equivalent", "ddpm_x0_eps-equivalent"
    assert families.also(made([eps, x0])) == {}
    assert families.also(made([eps, "ddpm_x0_native"])) == {"ddpm_eps_native": eps}
    shown = families.also(made([eps, "ddpm_score_native", "ddpm_eps_elbo"]))
    assert shown == {
        "ddpm_eps_native": eps,
        "ddpm_score_eps-equivalent": eps,
        "ddpm_score_elbo": "ddpm_eps_elbo",
    }


def test_what_is_drawn_otherwise_is_another_model() -> None:
    proposals = {"native": "log-snr", "eps-equivalent": "uniform"}
    chosen = made(["ddpm_eps_eps-equivalent", "ddpm_x0_native"], proposals)
    assert families.also(chosen) == {}


def test_a_cell_that_the_study_names_is_trained() -> None:
    chosen = made(["ddpm_eps_eps-equivalent", "ddpm_score_eps-equivalent", "ddpm_x0_native"])
    assert set(families.also(chosen)) == {"ddpm_eps_native"}
    assert len(jobs.model_runs(chosen)) == 3
