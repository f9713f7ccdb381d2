"""The forward process: iterated noising, its end, and the posterior of one step back by Bayes' rule
on a grid."""

from __future__ import annotations

import math

import torch
from torch.distributions import Independent, Normal, kl_divergence

from threetargets.calibration.check_rows import Row, drawn, exact, written
from threetargets.calibration.densities import HUMPS, cosine, tensor
from threetargets.calibration.quadrature import abars, bayes_step, betas
from threetargets.diffusion.kernel import add_noise, posterior, transition_variance
from threetargets.diffusion.schedule import SCHEDULES, table, table_of_betas
from threetargets.likelihood.bound import prior_term
from threetargets.streams import generator

CHAINS = 40_000


def marginal() -> list[Row]:
    """x_i = sqrt(1 - v_i) x_{i-1} + sqrt(v_i) eps, step by step, against a_i and s_i."""
    rows = []
    processes = {name: table(schedule(9.0, -9.0), 200) for name, schedule in SCHEDULES.items()}
    for name, process in processes.items():
        mean, variance, worst = 1.0, 0.0, 0.0
        steps = transition_variance(process.log_snr[:-1], process.log_snr[1:]).tolist()
        for i, added in enumerate(steps, start=1):
            mean, variance = math.sqrt(1 - added) * mean, (1 - added) * variance + added
            worst = max(
                worst, abs(float(process.a[i]) - mean), abs(float(process.s[i] ** 2) - variance)
            )
        label = f"largest error of aᵢ and sᵢ² against iterated noising, {name}"
        rows.append(
            exact(label, 0.0, worst, 1e-12, "rounding in float64", n=200, origin="recursion")
        )
    ours = table_of_betas(torch.from_numpy(betas(1000)))
    worst = float((ours.a**2 - torch.from_numpy(abars(betas(1000)))).abs().max())
    rows.append(
        exact(
            "largest error of aᵢ² against Πα, 1000 linear betas",
            0.0,
            worst,
            1e-12,
            "rounding",
            n=1000,
        )
    )
    rows += _simulated()
    rows += _end()
    return rows


def _simulated() -> list[Row]:
    """Mean and variance of x_T of a short chain on a mixture, drawn step by step, against one draw
    in closed form."""
    process = cosine(20, 4.0, -3.0)
    source = generator(0, "calibrate/chain")
    x0, _ = HUMPS.draw(CHAINS, source)
    x = x0
    for v in transition_variance(process.log_snr[:-1], process.log_snr[1:]):
        x = (1 - v).sqrt() * x + v.sqrt() * torch.randn(
            x.shape, generator=source, dtype=torch.float64
        )
    noise = torch.randn(x.shape, generator=source, dtype=torch.float64)
    at_once = add_noise(x0, noise, process.log_snr[-1])
    mean, variance = -0.6 * 0.3 + 0.4 * 0.7, 0.3 * (0.02 + 0.36) + 0.7 * (0.05 + 0.16) - 0.01
    abar = 1 / (1 + math.exp(3.0))
    rows = []
    for label, values in (("20 steps", x), ("one step", at_once)):
        second = (values - math.sqrt(abar) * mean) ** 2
        error = float(second.std()) / math.sqrt(CHAINS)
        expected = abar * variance + 1 - abar
        what = f"variance of x_T on a mixture, log-SNR −3, {label}"
        rows.append(drawn(what, expected, second.mean(), error, "chains", n=CHAINS))
    return rows


def _end() -> list[Row]:
    """L_T = KL(q(x_T | x_0) || N(0, I)) at x_0 = 1, by torch.distributions, and its limit 0."""
    rows = []
    one = torch.ones(1, 1, dtype=torch.float64)
    for low in (-2.0, -7.0, -20.0):
        abar = 1 / (1 + math.exp(-low))
        q = Independent(Normal(math.sqrt(abar) * one, math.sqrt(1 - abar)), 1)
        known = kl_divergence(q, Independent(Normal(torch.zeros_like(one), 1.0), 1))
        measured = prior_term(one, cosine(10, 5.0, low))
        label = f"L_T of a pixel x₀ = 1, log-SNR {written(low)} at the end"
        rows.append(
            exact(
                label,
                known,
                measured,
                max(1e-9 * float(known), 1e-14),
                "rounding in float64",
                unit="nats",
                origin="torch.distributions",
            )
        )
    rows.append(
        exact(
            "L_T tends to 0: log-SNR −20 at the end",
            0.0,
            prior_term(one, cosine(10, 5.0, -20.0)),
            1e-8,
            "what is left is ᾱ_T / 2",
            unit="nats",
            origin="limit",
        )
    )
    return rows


def posterior_constants() -> list[Row]:
    """A x_0 + B x_i and C of q(x_{i-1} | x_0, x_i) against Bayes' rule summed over a grid of
    x_{i-1}."""
    rows = []
    why = "grid of 400 001 points"
    for high, low in ((4.0, 1.0), (1.0, -1.0), (-1.0, -2.0), (2.0, 1.8)):
        x0, x_t = 0.7, -0.4
        abar = [1 / (1 + math.exp(-v)) for v in (high, low)]
        bayes = bayes_step(x0, x_t, abar[0], abar[1])
        q = posterior(tensor(high), tensor(low))
        where = f"log-SNR {written(high)} from {written(low)}"
        mean = q.A * x0 + q.B * x_t
        rows.append(
            exact(
                f"A x₀ + B xᵢ, {where}",
                bayes.mean,
                mean,
                1e-7,
                why,
                n=400_001,
                origin="Bayes on a grid",
            )
        )
        rows.append(
            exact(
                f"C, {where}", bayes.variance, q.C, 1e-7, why, n=400_001, origin="Bayes on a grid"
            )
        )
        label = f"density at two deviations over the top, {where}: Gaussian"
        rows.append(
            exact(
                label, math.exp(-2), bayes.at_two, 1e-5, why, n=400_001, origin="e⁻² of a Gaussian"
            )
        )
    return rows
