"""Targets: round trips, derivatives by autograd, Tweedie on a mixture, and one loss for all of
them."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.schedule import SCHEDULES, table
from threetargets.diffusion.target import TARGETS
from threetargets.diffusion.weighting import WEIGHTINGS
from threetargets.oracles import Gaussian, Mixture
from threetargets.study.blocks import EXTREME

PROCESSES = {name: table(schedule(9.0, -9.0), 50) for name, schedule in SCHEDULES.items()}
UNSCALED = {"raw-score"}
"""Controls whose output is not brought to variance 1, on purpose."""


def levels(process):
    """(a, s) of every level, (T, 1), to broadcast over dimensions."""
    return process.a[1:, None], process.s[1:, None]


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("schedule", PROCESSES)
@pytest.mark.parametrize("target", TARGETS)
def test_round_trip(target, schedule):
    """decode(encode(x0, eps)) is (x0, eps), with an error that division by a or s explains and no
    more."""
    a, s = levels(PROCESSES[schedule])
    x0, eps = noise(len(a), 5, seed=1), noise(len(a), 5, seed=2)
    back = TARGETS[target].decode(TARGETS[target].encode(x0, eps, a, s), a * x0 + s * eps, a, s)
    assert float(((back.x0 - x0) * a).abs().max()) < 1e-14
    assert float(((back.eps - eps) * s).abs().max()) < 1e-14


@pytest.mark.parametrize("target", TARGETS)
@given(log_snr=st.floats(-12, 12), out=st.floats(-5, 5), x=st.floats(-5, 5))
def test_both_halves_of_a_prediction_agree_with_x_t(target, log_snr, out, x):
    """x_t = a x0^ + s eps^ for any output at all, not for the right one alone."""
    a, s = signal_noise(torch.tensor(log_snr, dtype=torch.float64))
    out, x_t = torch.tensor(out, dtype=torch.float64), torch.tensor(x, dtype=torch.float64)
    x0, eps = TARGETS[target].decode(out, x_t, a, s)
    size = float((a * x0).abs() + (s * eps).abs()) + 1.0
    assert float(a * x0 + s * eps) == pytest.approx(x, abs=1e-12 * size)


@pytest.mark.parametrize("schedule", PROCESSES)
@pytest.mark.parametrize("target", TARGETS)
def test_eps_scale_is_the_derivative_by_eps_at_fixed_x_t(target, schedule):
    a, s = levels(PROCESSES[schedule])
    x_t, eps = noise(len(a), 1, seed=3), noise(len(a), 1, seed=4).requires_grad_(True)
    out = TARGETS[target].encode((x_t - s * eps) / a, eps, a, s)
    (slope,) = torch.autograd.grad(out.sum(), eps)
    torch.testing.assert_close(TARGETS[target].eps_scale(a, s), slope.abs(), rtol=1e-10, atol=0)


@pytest.mark.parametrize("schedule", PROCESSES)
@pytest.mark.parametrize("target", TARGETS)
def test_errors_of_the_output_are_derivatives_of_the_decoded_pair(target, schedule):
    a, s = levels(PROCESSES[schedule])
    out, x_t = noise(len(a), 1, seed=3).requires_grad_(True), noise(len(a), 1, seed=4)
    guess, chosen = TARGETS[target].decode(out, x_t, a, s), TARGETS[target]
    of_x0, of_eps = (torch.autograd.grad(part.sum(), out)[0] for part in guess)
    torch.testing.assert_close(chosen.x0_error(a, s), of_x0.abs(), rtol=1e-10, atol=0)
    torch.testing.assert_close(chosen.eps_error(a, s), of_eps.abs(), rtol=1e-10, atol=0)


@pytest.mark.parametrize("data_std", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("i", [1, 25, 50])
def test_edm_is_the_preconditioner_of_its_paper(data_std, i):
    """D(y, sigma) = c_skip y + c_out F of Karras et al. 2022, table 1, at y = x_t / a, sigma = s /
    a; and its F is of variance 1 and says nothing that a line through x_t says."""
    process, target = PROCESSES["cosine"], replace(TARGETS["edm"], data_std=data_std)
    a, s = process.a[i], process.s[i]
    sigma, out, y = s / a, noise(7, seed=1), noise(7, seed=2)
    paper = data_std**2 / (sigma**2 + data_std**2) * y
    paper += sigma * data_std / torch.sqrt(sigma**2 + data_std**2) * out
    torch.testing.assert_close(target.decode(out, a * y, a, s).x0, paper, rtol=1e-12, atol=1e-14)
    x0, eps = data_std * noise(40000, seed=5), noise(40000, seed=6)
    wanted = target.encode(x0, eps, a, s)
    assert float(wanted.var()) == pytest.approx(1.0, abs=0.03)
    correlation = torch.corrcoef(torch.stack([wanted, a * x0 + s * eps]))[0, 1]
    assert float(correlation) == pytest.approx(0.0, abs=0.02)


def test_flow_is_the_velocity_of_the_straight_path():
    """d/dt of (1 - t) x0 + t eps, whatever the noise level at which it is asked."""
    t = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    (velocity,) = torch.autograd.grad((1 - t) * 0.7 + t * -1.1, t)
    for i in (1, 25, 50):
        a, s = PROCESSES["linear"].a[i], PROCESSES["linear"].s[i]
        x0, eps = (torch.tensor(v, dtype=torch.float64) for v in (0.7, -1.1))
        assert float(TARGETS["flow"].encode(x0, eps, a, s)) == pytest.approx(float(velocity))


@pytest.mark.parametrize("target", [t for t in TARGETS if t not in UNSCALED])
@pytest.mark.parametrize("i", [1, 2, 25, 49, 50])
def test_a_network_regresses_numbers_of_variance_one(target, i):
    """For data of variance 1; flow's is that of the data more."""
    process = PROCESSES["cosine"]
    a, s = process.a[i], process.s[i]
    wanted = TARGETS[target].encode(noise(20000, seed=5), noise(20000, seed=6), a, s) / TARGETS[
        target
    ].scale(a, s)
    assert float(wanted.var()) == pytest.approx(2.0 if target == "flow" else 1.0, abs=0.04)


def test_raw_score_regresses_numbers_as_large_as_the_noise_is_small():
    a, s = PROCESSES["cosine"].a[1], PROCESSES["cosine"].s[1]
    wanted = TARGETS["raw-score"].encode(noise(20000), noise(20000, seed=6), a, s) / TARGETS[
        "raw-score"
    ].scale(a, s)
    assert float(wanted.std() * s) == pytest.approx(1.0, abs=0.02)
    assert float(wanted.std()) > 20


MIXTURE = Mixture(
    torch.tensor([0.4, 0.6]),
    [
        Gaussian(torch.full((2,), m), torch.diag(torch.tensor([v, 2 * v])))
        for m, v in ((-0.5, 0.02), (0.4, 0.1))
    ],
)


@pytest.mark.parametrize("i", [1, 10, 25, 40, 50])
def test_the_score_gives_the_posterior_mean(i):
    """Tweedie: decode the mixture's exact score; compare with its exact E[x_0 | x_t] and E[eps |
    x_t]."""
    process = PROCESSES["cosine"]
    log_snr = process.log_snr[i]
    a, s = signal_noise(log_snr)
    x_t = a * MIXTURE.draw(20, torch.Generator().manual_seed(0))[0] + s * noise(20, 2, seed=7)
    for name in ("score", "raw-score"):
        decoded = TARGETS[name].decode(MIXTURE.score(x_t, log_snr), x_t, a, s)
        wanted = MIXTURE.predict(x_t, log_snr)
        torch.testing.assert_close(decoded.x0, wanted.x0, rtol=0, atol=1e-12 / float(a))
        torch.testing.assert_close(decoded.eps, wanted.eps, rtol=0, atol=1e-12)


def test_the_best_output_is_the_conditional_mean_of_the_target():
    """E[target | x_t] on a grid of x_0 equals the encoding of the exact prediction, for every
    target."""
    one = Mixture(
        torch.tensor([0.5, 0.5]),
        [Gaussian(torch.tensor([m]), torch.tensor([[0.0625]])) for m in (-0.5, 0.5)],
    )
    grid = torch.linspace(-3, 3, 20001, dtype=torch.float64)
    log_snr, x_t = torch.tensor(0.7, dtype=torch.float64), torch.tensor(0.3, dtype=torch.float64)
    a, s = signal_noise(log_snr)
    eps = (x_t - a * grid) / s
    weight = torch.softmax(one.log_density(grid[:, None]) - 0.5 * eps**2, 0)
    exact = one.predict(x_t.view(1, 1), log_snr)
    for target in TARGETS.values():
        mean = (weight * target.encode(grid, eps, a, s)).sum()
        best = target.encode(exact.x0, exact.eps, a, s)
        assert float(mean) == pytest.approx(float(best), abs=1e-9)


@pytest.mark.parametrize("schedule", PROCESSES)
def test_one_predictor_has_one_elbo_and_one_eps_equivalent_loss(schedule):
    """The same (x0^, eps^) expressed by each target; the weighted error in each target's own space
    is one number."""
    process = PROCESSES[schedule]
    i = torch.arange(2, 51)
    a, s = process.a[i, None], process.s[i, None]
    x0, eps = noise(len(i), 4, seed=8), noise(len(i), 4, seed=9)
    x_t = a * x0 + s * eps
    guessed = eps + 0.1 * noise(len(i), 4, seed=10)
    guess = ((x_t - s * guessed) / a, guessed)
    for weighting in ("elbo", "eps-equivalent"):
        losses = {}
        for name, target in TARGETS.items():
            error = target.encode(*guess, a, s) - target.encode(x0, eps, a, s)
            weight = WEIGHTINGS[weighting](target, process, i) / target.eps_scale(a, s)[:, 0] ** 2
            losses[name] = float((weight * (error**2).sum(1)).mean())
        spread = max(losses.values()) - min(losses.values())
        assert spread <= 1e-10 * max(losses.values()), losses
    assert losses["eps"] == pytest.approx(float(((guessed - eps) ** 2).sum(1).mean()), rel=1e-12)


def test_without_signal_x0_and_v_go_on_and_the_others_do_not():
    a, s = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    x_t = torch.tensor([0.3, -1.2], dtype=torch.float64)
    for name, target in TARGETS.items():
        if name not in ("x0", "v", "eps", "score", "raw-score"):
            continue  # of a new target nothing is known here
        guess = target.decode(torch.tensor([0.1, 0.2], dtype=torch.float64), x_t, a, s)
        finite = bool(torch.isfinite(guess.x0).all() and torch.isfinite(guess.eps).all())
        assert finite == (name in ("x0", "v")), name
    assert math.isinf(float(TARGETS["x0"].eps_scale(a, s)))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("target", TARGETS)
def test_float32_tells_both_parts_apart_at_the_ends_that_a_schedule_may_have(target, sign):
    """As a network sees and says it: x_t and the output rounded to float32. At twice the log-SNR
    the weaker part is lost in every target's input."""

    def errors(log_snr):
        a, s = signal_noise(torch.tensor([[log_snr]], dtype=torch.float64))
        x0, eps = noise(64, 3), noise(64, 3, seed=1)
        x_t, chosen = a * x0 + s * eps, TARGETS[target]
        out = (chosen.encode(x0, eps, a, s) / chosen.scale(a, s)).float().double()
        own = chosen.decode(chosen.scale(a, s) * out, x_t, a, s)
        seen = x_t.float().double()
        weak = (seen - s * eps) / a - x0 if log_snr < 0 else (seen - a * x0) / s - eps
        return [float(e.abs().max()) for e in (own.x0 - x0, own.eps - eps, weak)]

    assert max(errors(sign * EXTREME)) < 0.03
    assert errors(sign * 2 * EXTREME)[2] > 1
