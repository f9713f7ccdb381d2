"""Samplers against exact flows and recursions, and against each other."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import norm

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.sampler import SAMPLERS, ancestral, ddim, heun, sample
from threetargets.diffusion.schedule import SCHEDULES, table, table_of_betas
from threetargets.diffusion.target import TARGETS
from threetargets.oracles import Gaussian, Mixture

ORDERS = {"ancestral": 1, "ddim": 1, "heun": 2}
"""Of convergence in the number of steps. A new sampler states its own here."""
STEPS = {
    "ancestral fixed-small": ancestral("fixed-small"),
    "ancestral fixed-large": ancestral("fixed-large"),
    "ddim 0": ddim(0.0),
    "ddim 0.5": ddim(0.5),
    "ddim 1": ddim(1.0),
    "heun": heun(),
}


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def silent():
    raise AssertionError("a deterministic sampler asks for no noise")


def moments(step, predictor, process, dims=1, spread=None):
    """Mean and covariance of x_0, exactly, for an affine predictor: the response to each unit of
    noise, one a row.

    x_T ~ N(0, spread spread^T), the identity where none is given.
    """
    spread = torch.eye(dims, dtype=torch.float64) if spread is None else spread
    rows = 1 + dims * (process.steps + 1)
    x = torch.zeros(rows, dims, dtype=torch.float64)
    x[1 : 1 + dims] = spread.T
    drawn = 0

    def noise():
        nonlocal drawn
        drawn += 1
        z = torch.zeros(rows, dims, dtype=torch.float64)
        z[1 + dims * drawn : 1 + dims * (drawn + 1)] = torch.eye(dims, dtype=torch.float64)
        return z

    out = sample(predictor, step, process, x, noise)
    response = out[1:] - out[0]
    return out[0], response.T @ response


def isotropic(variance, mean=0.0):
    return Gaussian(tensor([mean]), tensor([[variance]]))


def slope(errors):
    """Of log error over log steps, least squares."""
    steps = sorted(errors)
    return -np.polyfit(np.log(steps), np.log([errors[n] for n in steps]), 1)[0]


# One Gaussian dimension: the whole chain is an exact recursion for mean and variance.


def recursion(process, data_mean, data_variance, eta=None, large=False):
    """Mean and variance of x_0 from the textbook's alphas: posterior mean with E[x_0 | x_t], plus
    noise.

    eta None: Ho et al. 2020, algorithm 2; otherwise Song et al. 2021, equations 12 and 16.
    """
    abar = process.a.numpy() ** 2
    mean, variance = 0.0, 1.0
    for i in range(process.steps, 0, -1):
        t, s = abar[i], abar[i - 1]
        gain = math.sqrt(t) * data_variance / (t * data_variance + 1 - t)
        alpha, posterior = t / s, (1 - s) / (1 - t) * (1 - t / s)
        if eta is None:
            added = (1 - alpha) if large else posterior
            by_x0, by_x = math.sqrt(s) * (1 - alpha) / (1 - t), math.sqrt(alpha) * (1 - s) / (1 - t)
        else:
            added = eta**2 * posterior
            by_x = math.sqrt(max(0.0, 1 - s - added) / (1 - t))
            by_x0 = math.sqrt(s) - by_x * math.sqrt(t)
        if i == 1:
            added = 0.0
        mean = by_x0 * (data_mean + gain * (mean - math.sqrt(t) * data_mean)) + by_x * mean
        variance = (by_x0 * gain + by_x) ** 2 * variance + added
    return mean, variance


CHAINS = {
    "ancestral fixed-small": {},
    "ancestral fixed-large": {"large": True},
    "ddim 0": {"eta": 0.0},
    "ddim 0.5": {"eta": 0.5},
    "ddim 1": {"eta": 1.0},
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("steps", [1, 2, 7, 60])
def test_mean_and_variance_of_the_whole_chain(name, schedule, steps):
    process = table(SCHEDULES[schedule](8.0, -8.0), steps)
    mean, covariance = moments(STEPS[name], isotropic(0.25, 0.6).predict, process)
    expected = recursion(process, 0.6, 0.25, **CHAINS[name])
    assert (float(mean[0]), float(covariance[0, 0])) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    "steps, small, large", [(50, 0.786, 1.065), (100, 0.877, 1.031), (1000, 0.985, 1.003)]
)
def test_known_variance_of_short_ddpm_chains(steps, small, large):
    """Variance of the samples over that of the data, N(0, 0.25), with betas linear from 0.1 / T to
    20 / T."""
    process = table_of_betas(torch.linspace(0.1 / steps, 20 / steps, steps, dtype=torch.float64))
    for variance, expected in (("fixed-small", small), ("fixed-large", large)):
        _, covariance = moments(ancestral(variance), isotropic(0.25).predict, process)
        assert float(covariance) / 0.25 == pytest.approx(expected, abs=6e-4)


# Correlated Gaussians and mixtures: the probability flow is known.

FACTOR = tensor([[0.5, 0.0, 0.0], [0.3, 0.2, 0.0], [-0.2, 0.4, 0.6]])
CORRELATED = Gaussian(tensor([0.2, -0.4, 0.1]), FACTOR @ FACTOR.T)


def fine(steps):
    """A process whose first level has almost no noise, so that the step from it to clean data is no
    floor of the error."""
    return table(SCHEDULES["cosine"](24.0, -9.0), steps)


def marginal_spread(data, process):
    """Matrix square root of the covariance of x_T."""
    a, s = process.a[-1], process.s[-1]
    dims = len(data.mean)
    return torch.linalg.cholesky(
        a**2 * data.covariance + s**2 * torch.eye(dims, dtype=torch.float64)
    )


@pytest.mark.parametrize("name", SAMPLERS)
def test_order_of_convergence_of_the_covariance(name):
    """Every registered sampler, as made by default, on a correlated Gaussian."""
    errors = {}
    for steps in (128, 256, 512):
        process = fine(steps)
        _, covariance = moments(
            SAMPLERS[name](), CORRELATED.predict, process, 3, marginal_spread(CORRELATED, process)
        )
        errors[steps] = float((covariance - CORRELATED.covariance).abs().max())
    assert slope(errors) == pytest.approx(ORDERS[name], abs=0.15)
    assert errors[512] < 0.01


@pytest.mark.parametrize("name", ["ddim 0", "heun"])
def test_order_of_convergence_to_the_flow_of_a_correlated_gaussian(name):
    order = 2 if name == "heun" else 1
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    errors = {}
    for steps in (64, 128, 256, 512):
        process = fine(steps)
        exact = CORRELATED.flow(x, process.log_snr[-1])
        errors[steps] = float(
            (sample(CORRELATED.predict, STEPS[name], process, x, silent) - exact).abs().max()
        )
    assert slope(errors) == pytest.approx(order, abs=0.15)


HUMPS = Mixture(
    tensor([0.3, 0.7]),
    [Gaussian(tensor([m]), tensor([[v]])) for m, v in ((-0.6, 0.02), (0.4, 0.05))],
)


def humps_cdf(x, abar):
    parts = ((0.3, -0.6, 0.02), (0.7, 0.4, 0.05))
    return sum(
        w * norm.cdf(x, math.sqrt(abar) * m, math.sqrt(abar * v + 1 - abar)) for w, m, v in parts
    )


@pytest.mark.parametrize("name", ["ddim 0", "heun"])
def test_order_of_convergence_to_the_flow_of_a_mixture(name):
    """In one dimension the flow keeps quantiles: x_0 = F_0^-1(F_T(x_T))."""
    order = 2 if name == "heun" else 1
    start = np.array([-1.5, -0.6, 0.0, 0.8, 1.7])
    errors = {}
    for steps in (100, 200, 400, 800):
        process = fine(steps)
        abar = float(process.a[-1] ** 2)
        quantiles = [humps_cdf(x, abar) for x in start]
        exact = [brentq(lambda y, q=q: humps_cdf(y, 1.0) - q, -5, 5, xtol=1e-13) for q in quantiles]
        found = sample(HUMPS.predict, STEPS[name], process, tensor(start)[:, None], silent)[
            :, 0
        ].numpy()
        errors[steps] = np.abs(found - exact).max()
    assert slope(errors) == pytest.approx(order, abs=0.2)
    assert errors[800] < (1e-4 if order == 2 else 5e-3)


# One sampler against another.


@pytest.mark.parametrize("steps", [1, 2, 13])
def test_ddim_with_eta_one_is_the_ancestral_chain(steps):
    process = table(SCHEDULES["cosine"](9.0, -9.0), steps)
    runs = []
    for step in (ancestral("fixed-small"), ddim(1.0)):
        g = torch.Generator().manual_seed(3)
        x, path = torch.randn(4, 1, generator=g, dtype=torch.float64), []

        def recorded(*arguments, step=step, path=path):
            path.append(step(*arguments))
            return path[-1]

        sample(
            HUMPS.predict,
            recorded,
            process,
            x,
            lambda g=g: torch.randn(4, 1, generator=g, dtype=torch.float64),
        )
        runs.append(torch.stack(path))
    assert len(runs[0]) == steps
    torch.testing.assert_close(runs[0], runs[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("log_snr_t, log_snr_s", [(-5.0, -4.0), (0.0, 1.0), (4.0, 8.0)])
def test_ddim_with_eta_zero_is_eulers_method_on_the_probability_flow(log_snr_t, log_snr_s):
    """x/a against s/a: a straight line with slope eps^."""
    a_t, s_t = signal_noise(tensor(log_snr_t))
    a_s, s_s = signal_noise(tensor(log_snr_s))
    x = tensor([[-0.8], [0.1], [1.4]])
    eps = HUMPS.predict(x, tensor(log_snr_t)).eps
    euler = a_s * (x / a_t + (s_s / a_s - s_t / a_t) * eps)
    stepped = ddim(0.0)(HUMPS.predict, x, tensor(log_snr_t), tensor(log_snr_s), silent)
    torch.testing.assert_close(stepped, euler, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", STEPS)
def test_the_last_step_arrives_at_the_predicted_data(name):
    x, last = tensor([[-0.8], [0.1], [1.4]]), tensor(3.0)
    out = STEPS[name](HUMPS.predict, x, last, tensor(math.inf), silent)
    torch.testing.assert_close(out, HUMPS.predict(x, last).x0, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", STEPS)
def test_every_target_gives_the_same_trajectory(name):
    """One predictor, expressed in each target's space and decoded again."""
    process = table(SCHEDULES["cosine"](9.0, -9.0), 25)
    x = torch.randn(6, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ends = []
    for target in TARGETS.values():

        def predictor(x_t, log_snr, target=target):
            a, s = signal_noise(log_snr)
            return target.decode(target.encode(*HUMPS.predict(x_t, log_snr), a, s), x_t, a, s)

        g = torch.Generator().manual_seed(1)

        def noise(g=g):
            return torch.randn(6, 1, generator=g, dtype=torch.float64)

        ends.append(sample(predictor, STEPS[name], process, x, noise))
    for end in ends[1:]:
        torch.testing.assert_close(end, ends[0], rtol=0, atol=1e-9)
