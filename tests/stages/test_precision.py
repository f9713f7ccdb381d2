"""What a GPU's shorter numbers do to the samples of trained models. On the CPU: bfloat16 as it is,
TF32 by rounding what is multiplied."""

import copy

import pytest
import torch
from stages.conftest import PARAMS
from torch import nn

from threetargets import study as studies
from threetargets.data import read
from threetargets.diffusion.target import TARGETS
from threetargets.families.build import load
from threetargets.families.diffusion.sampling import drawing
from threetargets.levels import centres
from threetargets.metrics.frechet import Distances, root
from threetargets.pipeline.cells import Run
from threetargets.stages import prepare, train
from threetargets.streams import generator

CPU = torch.device("cpu")
IMAGES = 400
VALUES = {
    **PARAMS,
    "cells": [f"ddpm_{target}_eps-equivalent" for target in TARGETS],
    "guidance": PARAMS["guidance"] | {"cells": ["ddpm_x0_eps-equivalent"]},
    "training": {
        family: settings | {"steps": 500, "checkpoint_every": 500}
        for family, settings in PARAMS["training"].items()
    },
    "likelihood": PARAMS["likelihood"] | {"curve": None},
    "device": "cpu",
}


def chosen(precision):
    return studies.parse(VALUES | {"precision": precision}, "test")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model of a target, and the guide, after half a thousand steps in float32."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("precision"))
        study = chosen("fp32")
        prepare.run(study)

        def model(cell):
            run = Run(cell, 0)
            train.run(study, run, params="p.yaml", threads=1)
            return load(study, read.load_manifest(study), run, CPU)

        yield model


def levels(model, precision, guide=None):
    """Images of guided sampling, the same noise at each call."""
    study, run = chosen(precision), Run("ddpm_x0_eps-equivalent", 0)
    kind = "classifier" if guide else "classifier-free"
    draw = drawing(study, read.load_manifest(study), run, model, guide, kind, CPU)
    return draw(2.0, range(IMAGES))


def tf32(x):
    """Rounded to ten bits, half to even: the factors that tensor cores multiply exactly."""
    bits = x.contiguous().view(torch.int32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)


def rounding(network):
    """A copy whose products are in TF32."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            module.weight.data = tf32(module.weight.data)
            module.register_forward_pre_hook(lambda _, x: (tf32(x[0]),))
    return network


@pytest.mark.parametrize("target", TARGETS)
def test_shorter_numbers_move_fid_by_less_than_its_standard_error(target, trained):
    model = trained(f"ddpm_{target}_eps-equivalent")
    pixels = centres(read.load_split(chosen("fp32"), "test").images, 17).flatten(1).double()
    covariance = pixels.T.cov()
    where = (pixels.mean(0), covariance, root(covariance))

    def fid(images, rows):
        return Distances(centres(images, 17).flatten(1).double(), *where).of(rows)

    usual, every = levels(model, "fp32"), torch.arange(IMAGES)
    rows = torch.randint(0, IMAGES, (50, IMAGES), generator=generator(0, "bootstrap"))
    stderr = float(torch.tensor([fid(usual, row) for row in rows]).std())
    for shorter in (levels(model, "bf16"), levels(rounding(model), "fp32")):
        assert 0 < float((usual != shorter).double().mean()) < 0.1
        assert abs(fid(shorter, every) - fid(usual, every)) < 0.1 * stderr


def test_bfloat16_is_for_networks_and_a_guide_and_not_for_the_state(trained, monkeypatch):
    model, guide = trained("ddpm_x0_eps-equivalent"), trained("guide")
    outputs = {"network": set(), "guide": set()}
    states = set()
    for name, network in (("network", model.net), ("guide", guide.trunk)):
        first = next(m for m in network.modules() if isinstance(m, nn.Linear))
        first.register_forward_hook(lambda _, x, y, name=name: outputs[name].add(y.dtype))
    conditional = model.conditional

    def watched(x_t, log_snr, labels):
        states.add(x_t.dtype)
        guess = conditional(x_t, log_snr, labels)
        states.update((guess.x0.dtype, guess.eps.dtype))
        return guess

    monkeypatch.setattr(model, "conditional", watched)
    usual = levels(model, "fp32", guide)
    assert outputs == {"network": {torch.float32}, "guide": {torch.float32}}
    outputs.update(network=set(), guide=set())
    half = levels(model, "bf16", guide)
    assert outputs == {"network": {torch.bfloat16}, "guide": {torch.bfloat16}}
    assert states == {torch.float64}
    assert 0 < float((usual != half).double().mean()) < 0.1
