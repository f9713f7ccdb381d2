"""What a GPU's shorter numbers do to the figures of trained models: less than a tenth of their
standard errors. On the CPU: bfloat16 as it is, TF32 by rounding what is multiplied."""

from functools import partial

import pytest
import torch
import yaml
from stages.conftest import PARAMS
from torch import nn
from typer.testing import CliRunner

from threetargets import study as studies
from threetargets.cli.stages import app
from threetargets.data import read
from threetargets.diffusion.guidance import conditional
from threetargets.diffusion.target import TARGETS
from threetargets.families.build import load
from threetargets.families.diffusion.sampling import drawing
from threetargets.levels import centres
from threetargets.likelihood.denoised import denoise
from threetargets.likelihood.fitted import fitted_errors
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
    """From now on the network's products are in TF32."""
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            module.weight.data = tf32(module.weight.data)
            module.register_forward_pre_hook(lambda _, x: (tf32(x[0]),))


def bound(model, study, images, fit):
    predictor = conditional(model.conditional, torch.full((1,), model.null))
    see = partial(denoise, table=model.table, count=17, seed=0)
    seen, fitting = (see([(slice(0, len(x)), predictor)], levels=x) for x in (images, fit))
    return seen.bound("optimal", fitted_errors(fitting)).nats


@pytest.mark.parametrize("target", TARGETS)
def test_shorter_numbers_are_below_the_standard_errors(target, trained):
    study, model = chosen("fp32"), trained(f"ddpm_{target}_eps-equivalent")
    test, train_split = (read.load_split(study, name).images for name in ("test", "train"))
    pixels = centres(test, 17).flatten(1).double()
    covariance = pixels.T.cov()
    where = (pixels.mean(0), covariance, root(covariance))

    def fid(images, rows):
        return Distances(centres(images, 17).flatten(1).double(), *where).of(rows)

    usual, half = levels(model, "fp32"), levels(model, "bf16")
    assert 0 < float((usual != half).double().mean()) < 0.1
    rows = torch.randint(0, IMAGES, (50, IMAGES), generator=generator(0, "bootstrap"))
    stderr = float(torch.tensor([fid(usual, row) for row in rows]).std())
    every = torch.arange(IMAGES)
    assert abs(fid(half, every) - fid(usual, every)) < 0.1 * stderr

    images, fit = test[:100], train_split[:100]
    whole = bound(model, study, images, fit)
    rounding(model.net)
    difference = bound(model, study, images, fit) - whole
    assert float(difference.abs().max()) > 0
    assert abs(float(difference.mean())) < 0.01 * float(whole.std()) / len(whole) ** 0.5


def test_bfloat16_is_for_networks_and_a_guide_and_not_for_the_state(trained):
    model, guide, seen = trained("ddpm_x0_eps-equivalent"), trained("guide"), []

    def hook(module, inputs, output):
        seen.append((type(module).__name__, inputs[0].dtype, output.dtype))

    for network in (model.net, guide.trunk):
        first = next(m for m in network.modules() if isinstance(m, nn.Linear))
        first.register_forward_hook(hook)
    usual = levels(model, "fp32", guide)
    assert {output for *_, output in seen} == {torch.float32}
    seen.clear()
    half = levels(model, "bf16", guide)
    assert {output for *_, output in seen} == {torch.bfloat16}
    assert 0 < float((usual != half).double().mean()) < 0.1


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("stage", ["sample", "likelihood"])
def test_a_gpu_multiplies_in_float32_unless_the_study_is_in_bfloat16(
    stage, precision, tmp_path, monkeypatch
):
    flags = {"cudnn": torch.backends.cudnn, "matmul": torch.backends.cuda.matmul}
    before, seen = {name: flag.allow_tf32 for name, flag in flags.items()}, {}

    def run(*arguments, **options):
        seen.update({name: flag.allow_tf32 for name, flag in flags.items()})

    monkeypatch.setattr(f"threetargets.stages.{stage}.run", run)
    params = tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump(VALUES | {"precision": precision}))
    arguments = ["--cell", "ddpm_x0_eps-equivalent", "--seed", "0", "--params", str(params)]
    try:
        done = CliRunner().invoke(app, [stage, *arguments])
    finally:
        for name, flag in flags.items():
            flag.allow_tf32 = before[name]
    assert done.exit_code == 0, done.output
    assert seen == dict.fromkeys(flags, precision == "bf16")
