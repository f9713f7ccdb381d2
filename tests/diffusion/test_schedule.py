"""Schedules against integrals, inverse functions and diffusers' tables; what holds for every one of
them."""

import math

import mpmath
import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from threetargets.diffusion.schedule import SCHEDULES, Table, table, table_of_betas

INF = [math.inf]


@pytest.mark.parametrize("name", SCHEDULES)
@settings(max_examples=30, deadline=None)
@given(high=st.floats(2, 14), low=st.floats(-14, 1), steps=st.integers(1, 300))
def test_every_schedule_falls_from_its_highest_to_its_lowest_log_snr(name, high, low, steps):
    schedule = SCHEDULES[name](high, low)
    ends = schedule.log_snr(torch.tensor([0.0, 1.0]))
    assert ends.dtype == torch.float64
    assert float(ends[0]) == pytest.approx(high, abs=1e-7) and float(ends[1]) == pytest.approx(
        low, abs=1e-7
    )
    process = table(schedule, steps)
    assert process.steps == steps and len(process.log_snr) == steps + 1
    assert bool((process.log_snr.diff() < 0).all())
    assert float((process.a**2 + process.s**2 - 1).abs().max()) < 1e-12
    assert float(process.log_snr[1:].max()) <= high + 1e-7 and float(
        process.log_snr[-1]
    ) == pytest.approx(low, abs=1e-7)
    assert (float(process.a[0]), float(process.s[0])) == (1.0, 0.0)


@pytest.mark.parametrize("name", SCHEDULES)
def test_tables_of_different_length_are_the_same_process(name):
    schedule = SCHEDULES[name](9.0, -9.0)
    torch.testing.assert_close(
        table(schedule, 250).log_snr[::5], table(schedule, 50).log_snr, rtol=0, atol=1e-9
    )


def test_cosine_turns_the_angle_evenly():
    process = table(SCHEDULES["cosine"](8.0, -7.0), 60)
    angle = [
        mpmath.acos(mpmath.sqrt(1 / (1 + mpmath.exp(-mpmath.mpf(v)))))
        for v in process.log_snr[1:].tolist()
    ]
    turns = np.diff(np.array(angle, dtype=float))
    np.testing.assert_allclose(turns, turns[0], rtol=1e-8)
    # One more turn back lies the angle of the highest log-SNR, where tan is exp(-4).
    assert float(angle[0]) - turns[0] == pytest.approx(math.atan(math.exp(-4)), rel=1e-8)


def test_log_linear_has_equal_steps():
    levels = table(SCHEDULES["log-linear"](9.0, -6.0), 30).log_snr[1:]
    np.testing.assert_allclose(np.diff(levels), -0.5, rtol=1e-12)
    assert float(levels[0]) == pytest.approx(8.5)


def test_linear_integrates_a_beta_that_grows_evenly():
    """-log abar(u) = integral of beta from 0 to u; the ends of the range are found by root
    finding."""

    def loss(u):
        return quad(lambda v: 0.1 + 19.9 * v, 0, u)[0]

    def log_snr(u):
        return -math.log(math.expm1(loss(u)))

    high, low = 7.0, -8.0
    first, last = (brentq(lambda u, v=v: log_snr(u) - v, 1e-6, 2) for v in (high, low))
    t = torch.linspace(0, 1, 21, dtype=torch.float64)
    expected = [log_snr(first + (last - first) * float(v)) for v in t]
    np.testing.assert_allclose(SCHEDULES["linear"](high, low).log_snr(t), expected, atol=1e-8)


def test_linear_approaches_the_betas_of_ddpm():
    """Between the ends of diffusers' 1000 betas from 1e-4 to 0.02 the same curve, to the size of
    one beta."""
    abar = DDPMScheduler(beta_schedule="linear").alphas_cumprod.double()
    levels = torch.log(abar / (1 - abar))
    t = (torch.arange(1000, dtype=torch.float64)) / 999
    curve = SCHEDULES["linear"](float(levels[0]), float(levels[-1])).log_snr(t)
    assert float((torch.sigmoid(curve) - abar).abs().max()) < 0.01


def test_table_of_linear_betas_is_that_of_diffusers():
    """diffusers' table is float32: 1 - abar there is 1.7e-4 off at the first step, abar itself 1e-6
    at most."""
    process = table_of_betas(torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64))
    reference = DDPMScheduler(beta_schedule="linear", num_train_timesteps=1000)
    np.testing.assert_allclose(process.a[1:] ** 2, reference.alphas_cumprod, atol=1e-6)
    steps = -torch.expm1(2 * torch.log(process.a[1:] / process.a[:-1]))
    np.testing.assert_allclose(steps, reference.betas, atol=1e-6)


def test_table_of_betas_in_many_digits():
    betas = [
        mpmath.mpf("1e-4") + (mpmath.mpf("0.02") - mpmath.mpf("1e-4")) * i / 999
        for i in range(1000)
    ]
    process = table_of_betas(torch.tensor([float(b) for b in betas], dtype=torch.float64))
    abar, product = mpmath.mpf(1), []
    for beta in betas:
        abar *= 1 - beta
        product.append(abar)
    for i in (0, 1, 10, 500, 999):
        assert float(process.s[i + 1] ** 2) == pytest.approx(float(1 - product[i]), rel=1e-12)
        assert float(process.log_snr[i + 1]) == pytest.approx(
            float(mpmath.log(product[i] / (1 - product[i]))), abs=1e-11
        )
    assert float(process.s[1] ** 2) == pytest.approx(1e-4, rel=1e-12)


@pytest.mark.parametrize(
    "levels",
    [[3.0, 1.0], [*INF, 1.0, 1.0], [*INF, 1.0, 2.0], [*INF], [[*INF, 1.0]], [*INF, math.nan]],
)
def test_what_is_no_table_is_refused(levels):
    with pytest.raises(ValueError, match="log-SNR"):
        Table(torch.tensor(levels, dtype=torch.float64))
