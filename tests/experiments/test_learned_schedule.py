"""The learned schedule against mutual information, quadrature, a numerical optimum and autograd."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError
from scipy import integrate, optimize, stats
from torch import Tensor

from threetargets.diffusion.schedule import SCHEDULES, Schedule
from threetargets.diffusion.times import stratified
from threetargets.experiments.continuous_bound import (
    decoder_of_ends,
    loss,
    per_draw,
    placed,
    prior_of_ends,
)
from threetargets.experiments.fitting import Fit, fit
from threetargets.experiments.learned_schedule import measure
from threetargets.experiments.learned_schedule.monotone import Monotone, Tabulated
from threetargets.experiments.learned_schedule.optimum import (
    Moments,
    gaussian_bound,
    gaussian_moments,
)
from threetargets.experiments.learned_schedule.spec import LearnedSchedule
from threetargets.experiments.line import law
from threetargets.oracles import Gaussian
from threetargets.streams import generator

TOP, BOTTOM = 7.0, -6.0
VARIANCES = torch.tensor([1.0, 0.4, 0.05, 0.002], dtype=torch.float64)
LAW = Gaussian(torch.zeros(4), torch.diag(VARIANCES))
MOMENTS = gaussian_moments(VARIANCES, TOP, BOTTOM)


def random_one(seed: int = 0) -> Monotone:
    made = Monotone(TOP, BOTTOM, 7)
    torch.nn.init.normal_(made.weights, std=0.1, generator=generator(seed, "test"))
    return made


EVERY: dict[str, Schedule] = {name: make(TOP, BOTTOM) for name, make in SCHEDULES.items()}
EVERY |= {"random": random_one(), "optimal": MOMENTS.optimal()}
ALL = pytest.mark.parametrize("name", EVERY)


def at(name: str, t: float) -> tuple[float, float]:
    """l and -dl/dt at one time."""
    values = placed(EVERY[name], torch.tensor([t], dtype=torch.float64))
    return float(values[0].detach()), float(values[1].detach())


@ALL
def test_a_schedule_falls_from_end_to_end_at_its_speed(name: str) -> None:
    t = torch.linspace(0, 1, 601, dtype=torch.float64)
    with torch.no_grad():
        values = EVERY[name].log_snr(t)
    assert float(values[0]) == pytest.approx(TOP) and float(values[-1]) == pytest.approx(BOTTOM)
    assert bool((values.diff() < 0).all())
    for place in (0.1234, 0.56, 0.871):
        near, far = at(name, place)[0], at(name, place + 1e-6)[0]
        assert at(name, place)[1] == pytest.approx((near - far) / 1e-6, rel=1e-3)


def test_without_weights_it_is_linear_and_its_pieces_are_as_the_weights_say() -> None:
    flat, t = Monotone(TOP, BOTTOM, 5), torch.linspace(0, 1, 11, dtype=torch.float64)
    wanted = SCHEDULES["log-linear"](TOP, BOTTOM).log_snr(t)
    torch.testing.assert_close(flat.log_snr(t).detach(), wanted)
    one = random_one()
    falls = -one.log_snr(torch.linspace(0, 1, 8, dtype=torch.float64)).detach().diff()
    ratio = float((one.weights[2] - one.weights[5]).detach().exp()) ** 10
    assert float(falls[2] / falls[5]) == pytest.approx(ratio)


@ALL
def test_the_bound_of_a_gaussian_is_the_mutual_information_under_every_schedule(name: str) -> None:
    """I(x_0; x at the first end) less that at the last, by log determinants; by quadrature over t,
    and by draws."""
    snr = math.exp(TOP), math.exp(BOTTOM)
    sigma = torch.diag(VARIANCES)
    eye = torch.eye(4, dtype=torch.float64)
    known = [0.5 * float(torch.logdet(eye + ratio * sigma)) for ratio in snr]
    exact = known[0] - known[1]
    assert gaussian_bound(VARIANCES, TOP, BOTTOM) == pytest.approx(exact, rel=1e-9)

    def slice_of(t: float) -> float:
        log_snr, speed = at(name, t)
        return float(np.interp(log_snr, MOMENTS.at, MOMENTS.first)) * speed

    cuts = np.linspace(0, 1, 8) if name == "random" else np.linspace(0, 1, 5)
    nodes, weights = np.polynomial.legendre.leggauss(80)
    total = sum(
        (high - low) / 2 * w * slice_of(low + (high - low) * (x + 1) / 2)
        for low, high in itertools.pairwise(cuts)
        for x, w in zip(nodes, weights, strict=True)
    )
    assert total == pytest.approx(exact, rel=2e-3)
    assert MOMENTS.bound == pytest.approx(exact, rel=1e-5)
    x0 = LAW.draw(20_000, generator(1, "test"))
    seen = measure.estimated(LAW.predict, EVERY[name], x0, 50, generator(2, "test"))
    assert seen.mean == pytest.approx(exact, abs=5 * seen.stderr) and seen.stderr < 0.03 * exact
    assert seen.variance == pytest.approx(MOMENTS.variance(EVERY[name]), rel=0.12)
    within = Moments(MOMENTS.at, 0 * MOMENTS.first, MOMENTS.second - MOMENTS.first**2)
    least = within.variance(EVERY[name])  # what t spread more and more evenly comes to
    assert 0.8 * least < seen.batch < 1.15 * min(seen.variance, 1.3 * least)
    assert seen.n == 20_000


def test_the_moments_are_those_of_draws() -> None:
    k = 1300
    log_snr = MOMENTS.at[k]
    x0 = LAW.draw(200_000, generator(3, "test"))
    eps = torch.randn(200_000, 4, generator=generator(10, "test"), dtype=torch.float64)
    one = torch.ones(len(x0), dtype=torch.float64)
    g = per_draw(LAW.predict, x0, eps, log_snr * one, one)
    assert float(g.mean()) == pytest.approx(float(MOMENTS.first[k]), rel=0.02)
    assert float(g.square().mean()) == pytest.approx(float(MOMENTS.second[k]), rel=0.04)


def test_a_mixtures_integral_is_a_difference_of_entropies() -> None:
    """int 1/2 E |eps - eps^|^2 dl = h(x at the first end) - h(its noise) less the same at the last
    (Guo, Shamai & Verdu 2005), the entropies by scipy; two bumps, two schedules."""
    data = law([0.3, 0.7], [-1.0, 0.6], [0.2, 0.3])

    def information(log_snr: float) -> float:
        a, s = (math.sqrt(1 / (1 + math.exp(sign * log_snr))) for sign in (-1, 1))
        parts = [(w, a * m, math.hypot(a * d, s)) for w, m, d in ((0.3, -1, 0.2), (0.7, 0.6, 0.3))]

        def h(x: float) -> float:
            p = sum(w * stats.norm.pdf(x, m, d) for w, m, d in parts)
            return -p * math.log(p) if p > 0 else 0.0

        points = [m for _, m, _ in parts]
        value = integrate.quad(h, -6, 6, points=points, limit=300)[0]
        return value - 0.5 * math.log(2 * math.pi * math.e * s**2)

    exact = information(TOP) - information(BOTTOM)
    x0 = data.draw(80_000, generator(4, "test"))[:, None]
    for schedule in (SCHEDULES["log-linear"](TOP, BOTTOM), random_one(1)):
        seen = measure.estimated(data.mixture.predict, schedule, x0, 100, generator(5, "test"))
        assert seen.mean == pytest.approx(exact, abs=4 * seen.stderr) and seen.stderr < 0.05


def test_the_optimal_schedule_has_the_least_variance() -> None:
    """Less than every other one, and what a numerical search over pieces comes to."""
    least = MOMENTS.least
    assert MOMENTS.variance(MOMENTS.optimal()) == pytest.approx(least, rel=1e-3)
    for seed in range(3):
        assert MOMENTS.variance(random_one(seed)) > least
    assert all(MOMENTS.variance(one) > least for k, one in EVERY.items() if k != "optimal")
    cells = MOMENTS.second[:2000].reshape(40, 50).mean(1).numpy()
    width = (TOP - BOTTOM) / 40

    def second(share: np.ndarray) -> float:
        p = np.exp(share) / np.exp(share).sum()
        return float((cells * width**2 / p).sum())

    searched = optimize.minimize(second, np.zeros(40), method="BFGS").fun - MOMENTS.bound**2
    assert searched == pytest.approx(least, rel=0.03)


def test_one_backward_pass_serves_network_and_schedule() -> None:
    """The network has the gradient of the mean, the schedule that of the log mean square: both by
    autograd apart."""
    x0 = LAW.draw(64, generator(6, "test"))
    eps = LAW.draw(64, generator(7, "test"))
    t = stratified(64, generator(8, "test"))

    def parts() -> tuple[torch.nn.Linear, Monotone]:
        torch.manual_seed(0)
        return torch.nn.Linear(4, 4).double(), random_one()

    def predictor(net: torch.nn.Linear):
        def predict(x: Tensor, log_snr: Tensor):
            return LAW.predict(x, log_snr)._replace(eps=net(x) * torch.sigmoid(log_snr)[:, None])

        return predict

    net, schedule = parts()
    loss(predictor(net), schedule, x0, eps, t).backward()
    other, same = parts()
    value = per_draw(predictor(other), x0, eps, *placed(same, t))
    (of_net,) = torch.autograd.grad(value.mean(), other.weight, retain_graph=True)
    (of_schedule,) = torch.autograd.grad(value.square().mean().log(), same.weights)
    torch.testing.assert_close(net.weight.grad, of_net)
    torch.testing.assert_close(schedule.weights.grad, of_schedule)


def test_learning_comes_near_the_least_variance() -> None:
    schedule = Monotone(TOP, BOTTOM, 16)
    values = {"batch": 128, "learning_rate": 0.02, "warmup_steps": 20}
    chosen = Fit.model_validate(values | {"steps": 400, "ema_halflife_images": 4000})

    def step(k: int) -> Tensor:
        source = generator(k, "test")
        x0 = LAW.draw(128, source)
        eps = torch.randn(128, 4, generator=source, dtype=torch.float64)
        return loss(LAW.predict, schedule, x0, eps, stratified(128, source))

    fit(schedule, step, chosen)
    left = measure._left(MOMENTS, schedule, EVERY["log-linear"])
    assert 0 < left < 0.15


def test_a_table_is_followed_by_straight_lines() -> None:
    times, values = (torch.tensor(v).double() for v in ([0, 0.2, 1], [3.0, 1.0, -1.0]))
    made = Tabulated(times, values)
    got = made.log_snr(torch.tensor([0.1, 0.2, 0.6, 1.0]))
    np.testing.assert_allclose(got, [2.0, 1.0, 0.0, -1.0], atol=1e-7)
    rough = Moments(torch.tensor([-1.0, 0, 1]).double(), *2 * [torch.tensor([1.0, 1, 1]).double()])
    assert float(rough.optimal().log_snr(torch.tensor([0.25]))) == pytest.approx(0.5)


def test_the_terms_of_the_ends_are_a_divergence_and_bayes_rule() -> None:
    """Two pixels of five levels, at ends where neither term is small."""
    schedule = SCHEDULES["log-linear"](2.0, -1.0)
    levels, eps = torch.tensor([[3, 0]]), torch.tensor([[0.4, -1.1]])
    x = (2 * levels[0].numpy() + 1) / 5 - 1
    (a, s), (b, r) = (
        tuple(math.sqrt(1 / (1 + math.exp(sign * end))) for sign in (-1, 1)) for end in (-1, 2)
    )
    prior = sum(0.5 * ((a * v) ** 2 + s**2 - 1) - math.log(s) for v in x)
    seen, places = b * x + r * eps[0].numpy(), (2 * np.arange(5) + 1) / 5 - 1
    posterior = stats.norm.pdf(seen[:, None], b * places, r)
    posterior /= posterior.sum(1, keepdims=True)
    wanted = -math.log(posterior[0, 3]) - math.log(posterior[1, 0])
    assert float(decoder_of_ends(schedule, levels, eps, 5)) == pytest.approx(wanted, rel=1e-6)
    got = prior_of_ends(schedule, torch.tensor(x)[None])
    assert float(got) == pytest.approx(prior, rel=1e-6)


def test_moments_of_a_network_are_those_of_its_draws() -> None:
    """Of the exact denoiser in the place of one, on images of Gaussian pixels."""
    block = LearnedSchedule.model_validate(TINY["learned_schedule"])
    wide = Gaussian(torch.zeros(64), 0.3 * torch.eye(64))
    x0 = wide.draw(200, generator(9, "test")).view(-1, 1, 8, 8)
    got = measure.moments_of(block, wide.predict, x0, 0)
    ends = block.ends
    known = gaussian_moments(torch.full((64,), 0.3).double(), ends.log_snr_max, ends.log_snr_min)
    first, second = (np.interp(got.at, known.at, v) for v in (known.first, known.second))
    np.testing.assert_allclose(got.first, first, rtol=0.05)
    np.testing.assert_allclose(got.second, second, rtol=0.1)


def test_a_batch_larger_than_half_the_draws_is_refused() -> None:
    values = TINY["learned_schedule"]
    with pytest.raises(ValidationError, match="fits twice"):
        LearnedSchedule.model_validate(values | {"measuring": values["measuring"] | {"batch": 11}})
