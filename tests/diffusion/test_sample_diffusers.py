"""Samplers against diffusers, state by state along the trajectory.

diffusers used right: no clipping, alpha of clean data 1, spacing leading or trailing, a model that
depends on x.
"""

import math

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.sampler import ancestral, ddim
from threetargets.diffusion.schedule import Table
from threetargets.diffusion.target import TARGETS, Prediction

PREDICTIONS = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
TRAINED = 60


def of_diffusers(kind, prediction, spacing, steps, **more):
    options = {
        "clip_sample": False,
        "prediction_type": prediction,
        "timestep_spacing": spacing,
        **more,
    }
    if kind is DDIMScheduler:
        options["set_alpha_to_one"] = True
    scheduler = kind(num_train_timesteps=TRAINED, beta_start=1e-3, beta_end=0.15, **options)
    # float64 from here on: what differs is then the algorithm, not the precision.
    scheduler.alphas_cumprod, scheduler.betas = (
        scheduler.alphas_cumprod.double(),
        scheduler.betas.double(),
    )
    scheduler.set_timesteps(steps)
    abar = scheduler.alphas_cumprod[scheduler.timesteps.flip(0)]
    return scheduler, Table(
        torch.cat([torch.tensor([math.inf], dtype=torch.float64), torch.log(abar / (1 - abar))])
    )


def crooked(x_t, log_snr):
    """A predictor that is neither linear nor right."""
    a, s = signal_noise(log_snr)
    eps = torch.sin(3 * x_t) + 0.3 * log_snr.tanh() * x_t
    return Prediction((x_t - s * eps) / a, eps)


def compare(scheduler, process, step, prediction, **more):
    """Largest difference along the path, noise and all."""
    target = TARGETS[PREDICTIONS[prediction]]
    x = torch.randn(8, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours, theirs = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    y, worst = x, 0.0
    levels = process.log_snr.flip(0)
    for t, l_t, l_s in zip(scheduler.timesteps, levels[:-1], levels[1:], strict=True):
        a, s = signal_noise(l_t)
        output = target.encode(*crooked(y, l_t), a, s)
        y = scheduler.step(output, t, y, generator=theirs, **more).prev_sample
        x = step(
            crooked, x, l_t, l_s, lambda: torch.randn(8, 2, generator=ours, dtype=torch.float64)
        )
        worst = max(worst, float((x - y).abs().max()))
    return worst


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize(
    "spacing, steps", [("leading", 60), ("leading", 12), ("trailing", 12), ("trailing", 20)]
)
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_follows_diffusers(prediction, spacing, steps, eta):
    scheduler, process = of_diffusers(DDIMScheduler, prediction, spacing, steps)
    assert compare(scheduler, process, ddim(eta), prediction, eta=eta) < 1e-9


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("spacing, steps", [("leading", 60), ("leading", 12)])
@pytest.mark.parametrize("variance", ["fixed-small", "fixed-large"])
def test_the_ancestral_chain_follows_diffusers(prediction, spacing, steps, variance):
    scheduler, process = of_diffusers(
        DDPMScheduler, prediction, spacing, steps, variance_type=variance.replace("-", "_")
    )
    assert compare(scheduler, process, ancestral(variance), prediction) < 1e-9
