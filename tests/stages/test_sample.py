"""Sampling as the pipeline does it: which noise, which labels, which guidance."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from threetargets import study
from threetargets.families import build as models
from threetargets.families.asked import asked_labels
from threetargets.families.diffusion.sampling import drawing, quick
from threetargets.pipeline.cells import Run
from threetargets.stages import sample

ROOT = Path(__file__).parents[2]
MANIFEST = SimpleNamespace(shape=(1, 8, 8), levels=17, classes=10, dims=64, std=0.7)
RUN = Run("ddpm_eps_eps-equivalent", 0)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def chosen():
    values = study.load(ROOT / "config/smoke.yaml").model_dump(mode="json")
    values["sampling"] |= {"images": 50, "batch": 50, "steps": 4}
    values["evaluation"] |= {"kid_subset_size": 20}
    return study.parse(values, "test")


def noisy(model):
    """Weights that make the labels matter, which an untrained last layer of zeros does not."""
    for parameter in model.parameters():
        torch.nn.init.normal_(
            parameter, std=0.15, generator=torch.Generator().manual_seed(parameter.numel())
        )
    return model.eval()


@pytest.fixture(scope="module")
def model(chosen):
    return noisy(models.build(chosen, MANIFEST, RUN))


@pytest.fixture(scope="module")
def guide(chosen):
    return noisy(models.build(chosen, MANIFEST, Run("guide", 0)))


def draw(chosen, model, guide, guidance, gamma, run=RUN):
    drawn = drawing(chosen, MANIFEST, run, model, guide, guidance, CPU)
    size = chosen.sampling
    return sample.in_batches(drawn, gamma, range(size.images), size.batch)


def test_gamma_one_of_classifier_free_is_the_conditional_model(chosen, model, guide):
    plain, one = (
        draw(chosen, model, None, "none", 1.0),
        draw(chosen, model, None, "classifier-free", 1.0),
    )
    assert torch.equal(plain, one)
    assert not torch.equal(plain, draw(chosen, model, None, "classifier-free", 3.0))


def test_gamma_zero_of_both_guidances_is_the_null_branch(chosen, model, guide):
    free, by = (
        draw(chosen, model, None, "classifier-free", 0.0),
        draw(chosen, model, guide, "classifier", 0.0),
    )
    assert torch.equal(free, by)
    assert not torch.equal(by, draw(chosen, model, guide, "classifier", 5.0))
    assert not torch.equal(free, draw(chosen, model, None, "none", 1.0))


@pytest.mark.parametrize("gamma", [0.0, 1.0, 3.0])
def test_a_model_that_is_its_own_weak_one_draws_what_it_draws(chosen, model, gamma):
    plain = draw(chosen, model, None, "none", 1.0)
    same = draw(chosen, model, model, "autoguidance", gamma) == plain
    assert same.double().mean() > 0.999  # rounding may move a value over the edge of a level
    other = noisy(models.build(chosen, MANIFEST, Run(RUN.cell, 1)))
    with torch.no_grad():
        other.net.last.weight.mul_(0.5)
    changed = draw(chosen, model, other, "autoguidance", gamma)
    assert torch.equal(changed, plain) == (gamma == 1.0)


def test_an_interval_is_that_of_the_study(chosen, model):
    """All levels: classifier-free; none of the sampler's: the conditional model; half: neither."""
    free, own = (draw(chosen, model, None, kind, 3.0) for kind in ("classifier-free", "none"))
    for ends, same in (((-20.0, 20.0), free), ((20.0, 21.0), own), ((-20.0, 0.0), None)):
        values = chosen.model_dump(mode="json")
        values["guidance"] |= {
            "kinds": ["interval"],
            "interval": dict(zip(("log_snr_min", "log_snr_max"), ends, strict=True)),
        }
        drawn = draw(study.parse(values, "test"), model, None, "interval", 3.0)
        if same is not None:
            assert torch.equal(drawn, same)
        else:
            assert not torch.equal(drawn, free) and not torch.equal(drawn, own)


def test_a_guide_of_clean_images_is_no_judge_and_takes_noise_for_an_image(chosen, model, guide):
    clean = noisy(models.build(chosen, MANIFEST, Run("guide_clean", 0)))
    assert clean.noisy is None and guide.noisy is not None
    x = torch.randn(5, *MANIFEST.shape, generator=torch.Generator().manual_seed(1)).double()
    expected = torch.log_softmax(clean.logits(x.float()), 1)
    for log_snr in (-4.0, 3.0):
        at = torch.tensor(log_snr, dtype=torch.float64)
        torch.testing.assert_close(clean.log_probability(x, at).float(), expected)
    zero, five = (draw(chosen, model, clean, "classifier-clean", g) for g in (0.0, 5.0))
    assert torch.equal(zero, draw(chosen, model, None, "classifier-free", 0.0))
    assert not torch.equal(five, draw(chosen, model, guide, "classifier", 5.0))
    assert not torch.equal(five, zero)


@pytest.mark.parametrize("guidance", ["classifier-free", "classifier"])
def test_a_network_made_quick_draws_the_same(guidance, chosen, model, guide, monkeypatch):
    whole = torch.nn.Module.compile
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda self, **how: whole(self, backend="aot_eager", **how)
    )
    expected = draw(chosen, model, guide, guidance, 3.0)
    other, by = copy.deepcopy(model), copy.deepcopy(guide)
    quick(other, other.net, compiled=True)
    quick(by, by.trunk, compiled=True)
    same = draw(chosen, other, by, guidance, 3.0) == expected
    assert same.double().mean() > 0.999  # rounding may move a value over the edge of a level


def test_samples_do_not_depend_on_how_many_are_drawn_at_a_time(chosen, model):
    values = chosen.model_dump(mode="json")
    values["sampling"] |= {"batch": 7}
    whole, parts = (
        draw(s, model, None, "none", 1.0) for s in (chosen, study.parse(values, "test"))
    )
    assert (
        whole == parts
    ).double().mean() > 0.999  # rounding may move a value over the edge of a level


def test_another_seed_is_other_noise(chosen, model):
    assert not torch.equal(
        draw(chosen, model, None, "none", 1.0),
        draw(chosen, model, None, "none", 1.0, Run(RUN.cell, 1)),
    )


def test_every_class_is_asked_for_equally_often():
    assert asked_labels(range(50), 10).bincount().tolist() == [5] * 10
