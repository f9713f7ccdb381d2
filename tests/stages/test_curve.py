"""The bound over training, on denoisers whose error is known at every step."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from threetargets import study
from threetargets.data.read import Images
from threetargets.diffusion.target import Prediction
from threetargets.families.diffusion import curve, spec
from threetargets.families.diffusion import likelihood as diffusion
from threetargets.families.diffusion import process as processes
from threetargets.oracles import Gaussian
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity

ROOT = Path(__file__).parents[2]
SMALL = SimpleNamespace(shape=(1, 2, 2), levels=17, classes=10, dims=4, std=0.7)
RUN = Run("ddpm_eps_eps-equivalent", 0)
DATA = Gaussian(torch.zeros(4).double(), 0.05 * torch.eye(4).double() + 0.03)


def parsed(at, images=60, steps=20):
    values = study.load(ROOT / "config/smoke.yaml").model_dump(mode="json")
    values["likelihood"]["curve"] = at and {"at": at, "images": images, "steps": steps}
    return study.parse(values, "test")


def levels_of(count):
    x = DATA.draw(count, torch.Generator().manual_seed(0))
    return ((x + 1) * 17 / 2).floor().clamp(0, 16).to(torch.uint8).view(-1, 1, 2, 2)


def stub(chosen, wrong):
    """The exact denoiser, its x0^ off by `wrong` everywhere."""

    def conditional(x_t, log_snr, labels):
        exact = DATA.predict(x_t, log_snr)
        return Prediction(exact.x0 + wrong, exact.eps)

    return SimpleNamespace(
        table=processes.forward(chosen.diffusion),
        null=10,
        conditional=conditional,
        variance=chosen.diffusion.variance,
        learned_variance=False,
    )


LEVELS = levels_of(110)
TEST, FIT = Images(LEVELS[:60], torch.zeros(60, dtype=torch.int64)), LEVELS[60:]


def run_curve(chosen, monkeypatch, wrong):
    """The curve of a training whose denoiser after a step is off by `wrong[step]`, and its
    calls."""
    monkeypatch.setattr(curve, "load", lambda s, m, r, device, step: stub(chosen, wrong[step]))
    calls = []

    def made(model, labels):
        assert labels.tolist() == [model.null]

        def predict(x_t, log_snr):
            calls.append(len(x_t))
            return model.conditional(x_t, log_snr, labels)

        return predict

    return (*curve.over_training(chosen, SMALL, RUN, TEST, FIT, made), len(calls))


def test_the_last_point_at_every_level_is_the_bound_itself(monkeypatch):
    chosen = parsed([0.5])
    figures, rows, calls = run_curve(chosen, monkeypatch, {30: 0.2, None: 0.0})
    whole, _ = diffusion.measure(parsed(None), SMALL, RUN, stub(chosen, 0.0), TEST, FIT)
    bound = next(f for f in whole if f.metric == "bound_bpd")
    assert figures[-1].value == pytest.approx(bound.value, rel=1e-12)
    assert figures[-1].stderr == pytest.approx(bound.stderr, rel=1e-12)
    assert rows["images"] == [30 * 64, 60 * 64] and calls == curve.calls(chosen, RUN)


def test_the_bound_on_validation_images_is_of_those(monkeypatch):
    """Its noise is that of the test images in their place, so the same images have the same
    bound."""
    chosen = parsed(None)
    chosen = study.parse(
        chosen.model_dump(mode="json", exclude={"likelihood"})
        | {"likelihood": chosen.likelihood.model_dump(mode="json") | {"validation": 60}},
        "test",
    )
    monkeypatch.setattr(diffusion, "load_split", lambda s, name: {"validation": TEST}[name])
    figures, _ = diffusion.measure(chosen, SMALL, RUN, stub(chosen, 0.1), TEST, FIT)
    own = {f.metric: f for f in figures}
    assert own["validation_bound_bpd"].value == own["bound_bpd"].value
    assert own["validation_bound_bpd"].reference == "validation"
    assert identity(chosen, "likelihood", RUN) != identity(parsed(None), "likelihood", RUN)
    assert identity(chosen, "train", RUN) == identity(parsed(None), "train", RUN)


def test_a_denoiser_that_gets_better_has_a_falling_curve(monkeypatch):
    wrong = {12: 0.4, 30: 0.2, None: 0.0}
    figures, rows, _ = run_curve(parsed([0.2, 0.5], steps=5), monkeypatch, wrong)
    assert [f.metric for f in figures] == [f"bound_after_{n}_bpd" for n in (768, 1920, 3840)]
    assert rows["bound"] == [f.value for f in figures]
    assert rows["bound"][0] > rows["bound"][1] + 0.1 > rows["bound"][2] + 0.2


def test_what_is_kept_is_in_the_identity_of_the_training_and_nothing_else_of_the_curve():
    without, with_points = parsed(None), parsed([0.2])
    fewer = parsed([0.2], images=30)
    assert identity(without, "train", RUN) != identity(with_points, "train", RUN)
    assert identity(fewer, "train", RUN) == identity(with_points, "train", RUN)
    assert identity(fewer, "likelihood", RUN) != identity(with_points, "likelihood", RUN)
    vae = Run("vae", 0)
    assert identity(without, "train", vae) == identity(with_points, "train", vae)


@pytest.mark.parametrize("at, steps", [([0.5, 0.1], [6, 30]), ([0.001, 0.999], [1])])
def test_fractions_are_steps_in_their_order(at, steps):
    assert list(spec.kept(parsed(at), RUN.cell)) == steps
