"""The estimate of hours against products counted in what the stages really do, and against counts
by hand."""

import io
import math
from pathlib import Path

import pytest
import torch
import yaml
from torch.utils._python_dispatch import TorchDispatchMode

from threetargets import study as studies
from threetargets.data import read, sources
from threetargets.doctor import estimate, work
from threetargets.families import build as models
from threetargets.families.diffusion import operations
from threetargets.metrics import extractor, frechet
from threetargets.networks import mlp
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import Run
from threetargets.stages import likelihood, prepare, sample, train
from threetargets.study.values import GUIDES

ROOT = Path(__file__).parents[2]
DIGITS = estimate.described(sources.find("digits"))
CELL = "ddpm_eps_eps-equivalent"
EVERY_RUN = [Run(cell, 0) for cell in ("vae", "hvae", "vae_iwae", CELL, "guide", "guide_clean")] + [
    Run("judge", 1000)
]
GUIDED = {
    "guidance__kinds": [*GUIDES],
    "guidance__interval": {"log_snr_min": -3.0, "log_snr_max": 1.0},
    "guidance__weak_at": 0.3,
}


def small(**changes):
    """A study of all kinds of work on very little; `training__vae__steps=4` changes a key."""
    values = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    step = {
        **values["training"]["ddpm"],
        "steps": 5,
        "batch": 4,
        "checkpoint_every": 2,
        "log_every": 5,
    }
    values |= {
        "data": {
            "name": "digits",
            "split": {"train": 40, "validation": 12, "test": 30},
            "mirror": None,
        },
        "seeds": [0],
        "cells": ["vae", "hvae", "vae_iwae", CELL],
        "training": {
            **dict.fromkeys(("ddpm", "vae", "hvae", "guide"), step),
            "judge": {**step, "steps": 6},
        },
        "likelihood": {
            **values["likelihood"],
            "images": 25,
            "batch": 7,
            "draws": 2,
            "iwae": [1, 130],
            "iwae_images": 9,
        },
    }
    values["vae"]["variants"] = {"iwae": {"samples": 3, "kl": "monte-carlo"}}
    values["sampling"] |= {"images": 30, "batch": 30}
    values["evaluation"] |= {"kid_subset_size": 20}
    values["likelihood"] |= {
        "images": 25,
        "batch": 7,
        "draws": 2,
        "iwae": [1, 130],
        "iwae_images": 9,
        "fit_images": 20,
    }
    for key in ("ode", "lengths"):
        values["likelihood"][key]["images"] = 6
    for path, value in changes.items():
        *parents, last = path.split("__")
        section = values
        for parent in parents:
            section[parent] = dict(section[parent])
            section = section[parent]
        section[last] = value
    return studies.parse(values, "test")


class Products(TorchDispatchMode):
    """Counts 2 m n k for each product of an (m, k) and a (k, n) matrix of these types, forwards and
    backwards."""

    def __init__(self, dtypes):
        super().__init__()
        self.flop = 0
        self.dtypes = dtypes

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in (torch.ops.aten.mm.default, torch.ops.aten.addmm.default):
            a, b = args[-2:]
            if a.dtype in self.dtypes:
                self.flop += 2 * a.shape[0] * a.shape[1] * b.shape[1]
        return func(*args, **(kwargs or {}))


def products(call, *dtypes):
    with Products(dtypes or (torch.float32, torch.float64)) as counter:
        call()
    return counter.flop


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which every model of the small study was trained, and the products of each
    training."""
    folder, study = tmp_path_factory.mktemp("trained"), small(**GUIDED)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/none.db")
        prepare.run(study)
        flop = {
            one.cell: products(lambda r=one: train.run(study, r, params="", threads=1))
            for one in EVERY_RUN
        }
        yield flop


@pytest.mark.parametrize("run", EVERY_RUN, ids=str)
def test_training_is_what_the_stage_computes(trained, run):
    assert work.training(small(), DIGITS, run) == trained[run.cell]


@pytest.mark.parametrize("cell", ["vae", "hvae", CELL])
def test_sampling_is_what_the_stage_computes(trained, cell):
    study, run = small(**GUIDED), Run(cell, 0)
    drawn = [
        products(lambda g=g: sample.run(study, run, g, params="", threads=1))
        for g in jobs.guidances(study, run)
    ]
    assert len(drawn) == (1 + len(GUIDES) if cell == CELL else 1)
    assert work.sampling(study, DIGITS, run) == sum(drawn)


@pytest.mark.parametrize("cell", ["vae", "hvae", "vae_iwae", CELL])
@pytest.mark.parametrize("probes", [0, 2])
def test_likelihood_is_what_the_stage_computes(trained, cell, probes):
    study, run = small(likelihood__ode__probes=probes), Run(cell, 0)
    # what is float64 here is no network's: the covariance of two figures over the images
    counted = products(lambda: likelihood.run(study, run, params="", threads=1), torch.float32)
    assert work.likelihood(study, DIGITS, run) == counted


def test_networks_of_the_evaluation(trained):
    """Each of 1 + 1 + 1 + 7 sample sets and a floor of 30 images, and 30 test images for each of 5
    runs."""
    study, run = small(), Run("judge", 1000)
    judge = models.load(study, read.load_manifest(study), run)
    images = torch.zeros(10, *DIGITS.shape, dtype=torch.uint8)
    ten = products(lambda: extractor.see(extractor.register("judge-of-a-test", judge), images, 17))
    assert work.networks(study, DIGITS) == ten / 10 * (11 * 30 + 5 * 30)
    both = small(evaluation__extractors=["judge", "inception"])
    more = work.networks(both, DIGITS) - work.networks(study, DIGITS)
    assert more == (11 * 30 + 30) * work.INCEPTION


def test_perceptron_by_hand():
    """2 for each weight and image; backwards twice that, but nothing to the image and to the
    log-SNR features."""
    width, depth, dims, condition, features = 64, 2, 64, 32, 32
    first, level = dims * width, features * condition
    rest = condition**2 + depth * (condition * 2 * width + 2 * width**2) + width * dims
    study, run = small(), Run(CELL, 0)
    net = mlp.Denoiser(DIGITS.shape, 10, width, depth)
    linear = sum(m.weight.numel() for m in net.modules() if isinstance(m, torch.nn.Linear))
    assert linear == first + level + rest
    settings, looks = study.training.ddpm, math.ceil(5 / 2) + 1
    forward, both = 2 * linear, 2 * linear + 2 * (first + level) + 4 * rest
    by_hand = settings.steps * settings.batch * both + looks * 12 * forward
    assert work.training(study, DIGITS, run) == by_hand
    # The noise level is one for all images of a call.
    shared = 2 * (level + condition**2)
    drawn = work.sampling(small(guidance__cells=[]), DIGITS, run)
    assert drawn == 5 * (30 * (forward - shared) + shared)


@pytest.mark.parametrize(("sampler", "calls"), [("ddim", 7), ("ancestral", 7), ("heun", 13)])
def test_calls_of_the_samplers(sampler, calls):
    study = small(sampling__sampler=sampler, sampling__steps=7)
    assert operations.evaluations(study, Run("ddpm_eps_native", 0)) == calls


def test_twice_the_steps_is_twice_the_training():
    run, much = Run(CELL, 0), 10**7  # so many that the looks at the validation split do not count
    once, twice = (
        small(training__ddpm__steps=n, training__ddpm__checkpoint_every=much)
        for n in (much, 2 * much)
    )
    assert work.training(twice, DIGITS, run) == pytest.approx(
        2 * work.training(once, DIGITS, run), rel=1e-5
    )


def test_classifier_free_guidance_costs_twice_but_for_the_noise_level():
    run, condition = Run(CELL, 0), 32
    noise_level = 5 * 2 * (32 * condition + condition**2)
    none = work.sampling(small(guidance__cells=[]), DIGITS, run)
    free = work.sampling(
        small(guidance__kinds=["classifier-free"], guidance__gammas=[1, 3]), DIGITS, run
    )
    assert free == none + 2 * (2 * none - noise_level)
    by_classifier = work.sampling(
        small(guidance__kinds=["classifier"], guidance__gammas=[0]), DIGITS, run
    )
    # At gamma = 0 the classifier is not asked; all that knows no image is one row, for the null
    # label is.
    modulation = 2 * 2 * condition * 2 * 64
    assert by_classifier == 2 * none - 5 * 29 * modulation


def test_an_interval_costs_what_it_holds():
    """Between the model's own cost and that of classifier-free guidance, by its noise levels."""
    run = Run(CELL, 0)
    none, free = (
        work.sampling(small(guidance__kinds=kinds, guidance__gammas=[3]), DIGITS, run)
        for kinds in ([], ["classifier-free"])
    )
    levels = [float(one) for one in operations.visited(small(), run)]
    for held in (0, 2, 5):
        ends = {"log_snr_min": -20.0, "log_snr_max": sorted([*levels, 20.0])[held]}
        study = small(guidance__kinds=["interval"], guidance__gammas=[3], guidance__interval=ends)
        expected = 2 * none + held / len(levels) * (free - 2 * none)
        assert work.sampling(study, DIGITS, run) == pytest.approx(expected, rel=1e-12)


def test_twice_the_seeds_is_twice_the_work():
    once, twice = (work.whole(small(seeds=seeds), DIGITS) for seeds in ([0], [0, 1]))
    judge = work.training(small(), DIGITS, Run("judge", 1000))
    assert twice.train - judge == 2 * (once.train - judge)
    assert (twice.sample, twice.likelihood, twice.evaluate) == (
        2 * once.sample,
        2 * once.likelihood,
        2 * once.evaluate,
    )
    assert twice.statistics == 2 * once.statistics and twice.jobs == 2 * once.jobs - 1


def test_products_of_a_resample():
    evaluation = small().evaluation.model_copy(
        update={"bootstrap": 2, "fid_parts": [], "kid_subsets": 1}
    )
    more = evaluation.model_copy(update={"bootstrap": 3})
    for n, f in ((40, 8), (6, 8)):
        distances = frechet.Distances(
            torch.randn(n, f).double(), torch.zeros(f), torch.eye(f), torch.eye(f).double()
        )
        one = products(lambda d=distances, n=n: d.of(torch.arange(n)))
        said = work.statistics(n, n, f, more) - work.statistics(n, n, f, evaluation)
        assert said == pytest.approx(one + 4 / 3 * min(n, f) ** 3)


def test_inception_is_counted():
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Untrained(FeatureExtractorInceptionV3):
        def load_state_dict(self, *_, **__):
            pass

    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    module = Untrained("untrained", ["2048"], feature_extractor_weights_path=nothing)
    with torch.no_grad():
        assert work.counted(lambda: module(torch.zeros(1, 3, 28, 28).byte())) == pytest.approx(
            work.INCEPTION, rel=1e-3
        )
