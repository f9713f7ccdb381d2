"""Cases, pairing, and what is measured of them, on an experiment of a few seconds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.utils.flop_counter import FlopCounterMode

from threetargets import experiments
from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.target import TARGETS, Prediction
from threetargets.diffusion.weighting import WEIGHTINGS
from threetargets.experiments.manifold import measure, spec
from threetargets.experiments.manifold.perceptron import Narrow
from threetargets.experiments.manifold.ring import exact
from threetargets.experiments.manifold.spec import Case, Manifold
from threetargets.experiments.no_label import NOBODY
from threetargets.networks.skip import InputSkip
from threetargets.streams import generator

LEARNABLE = [name for name in WEIGHTINGS if name != "elbo"]


@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_every_experiment_says_what_it_has_to(name: str) -> None:
    said = experiments.spec_of(name)
    assert said.LABEL and said.BLOCK.model_fields
    assert callable(experiments.measure_part(name).measure)


def test_cases_are_the_main_ones_and_what_controls_change(tiny: Manifold) -> None:
    some = spec.cases(tiny)
    assert len(some) == len(set(some)) == 3 * 3 + 3 + 1
    assert [c for c in some if c.input_skip] == [
        Case(t, "v-equivalent", 16, 8, True) for t in ("x0", "eps", "v")
    ]
    assert [c.name for c in some if c.weighting == "native"] == ["x0_native_D16_w8"]
    again = tiny.model_copy(update={"controls": [spec.Control(dimensions=[16])]})
    assert spec.cases(again) == spec.main(tiny), "a case is trained once"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"dimensions": [1]}, "greater than or equal to 2"),
        ({"targets": ["x1"]}, "unknown name"),
        ({"weighting": "elbo"}, "no decoder"),
        ({"controls": [{"dimensions": [4], "weighting": "elbo"}]}, "no decoder"),
    ],
)
def test_what_cannot_be_run_is_refused(tiny: Manifold, change: dict, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Manifold.model_validate(tiny.model_dump() | change)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("weighting", LEARNABLE)
def test_the_loss_is_the_weighted_error_of_eps(tiny: Manifold, target: str, weighting: str) -> None:
    """Of a predictor that says x0 = 0 and eps = x / s, spoken as each target, by the weights on
    |eps - eps^|^2 = |a x0 / s|^2."""
    case, place = Case(target, weighting, 4, 8), measure.space(tiny, 4)

    def net(x: torch.Tensor, log_snr: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        a, s = (v[:, None] for v in signal_noise(log_snr))
        spoken = TARGETS[target].encode(torch.zeros_like(x), x / s, a, s)
        return spoken / TARGETS[target].scale(a, s)

    source = generator(0, "test")
    value = measure.loss(net, case, place, 64, source)
    source = generator(0, "test")
    z = place.ring.draw(64, source)
    torch.randn(64, 4, generator=source)
    shift = torch.rand((), generator=source, dtype=torch.float64)
    u = (torch.arange(64, dtype=torch.float64) + shift) / 64
    i = (u * place.table.steps).long() + 1
    a, s = signal_noise(place.table.log_snr[i])
    weight = WEIGHTINGS[weighting](TARGETS[target], place.table, i)
    wanted = (weight * (a / s).square() * z.double().square().sum(1)).mean()
    torch.testing.assert_close(value, wanted, rtol=1e-4, atol=0)


@pytest.mark.parametrize("target", TARGETS)
def test_v_equivalent_is_the_error_of_v(tiny: Manifold, target: str) -> None:
    place = measure.space(tiny, 4)
    i = torch.arange(1, place.table.steps + 1)
    a, s = signal_noise(place.table.log_snr[i])
    x0, eps, wrong = torch.randn(3, len(i), dtype=torch.float64, generator=generator(0, "test"))
    x = a * x0 + s * eps
    guess = TARGETS["eps"].decode(wrong, x, a, s)
    v = (a * eps - s * x0) - (a * guess.eps - s * guess.x0)
    weight = WEIGHTINGS["v-equivalent"](TARGETS[target], place.table, i)
    torch.testing.assert_close(weight * (eps - wrong).square(), v.square())


def test_the_skip_is_a_path_past_the_hidden_layers() -> None:
    """A network whose body says nothing gives g(log_snr) x, of all D dimensions; before training
    neither says anything."""
    net, x = InputSkip(Narrow(6, 3, 2)), torch.randn(5, 6, generator=generator(0, "test"))
    level = torch.linspace(-3, 3, 5)
    assert torch.equal(net(x, level, NOBODY), torch.zeros(5, 6))
    torch.nn.init.constant_(net.gate[-1].bias, 2.0)
    torch.testing.assert_close(net(x, level, NOBODY), 2 * x)


@pytest.mark.parametrize("depth", [1, 4])
def test_a_narrow_network_has_its_hidden_layers(depth: int) -> None:
    net = Narrow(6, 3, depth)
    linear = [m for m in net.body if isinstance(m, torch.nn.Linear)]
    assert [m.out_features for m in linear] == [3] * depth + [6]
    assert linear[0].in_features == 6 + net.features.width
    assert sum(isinstance(m, torch.nn.ReLU) for m in net.body) == depth


@pytest.mark.parametrize("depth", [1, 4])
def test_a_signal_keeps_its_size_through_the_hidden_layers(depth: int) -> None:
    torch.manual_seed(0)
    net = Narrow(64, 256, depth)
    x = torch.randn(500, 64 + net.features.width, generator=generator(0, "test"))
    hidden = net.body[:-1](x)
    assert 0.3 < float(hidden.square().mean()) < 3


def test_samples_are_those_of_their_own_noise(tiny: Manifold) -> None:
    """Sample j begins at its own noise, whatever the number of samples."""
    place = measure.space(tiny, 4)
    best = exact(place.ring, place.basis)
    few = tiny.model_copy(update={"sampling": tiny.sampling.model_copy(update={"samples": 7})})
    some, all_ = (measure.samples(block, best, 4, 0) for block in (few, tiny))
    torch.testing.assert_close(some, all_[:7])


def test_the_exact_denoiser_has_no_excess_and_a_wrong_one_what_it_adds(tiny: Manifold) -> None:
    place = measure.space(tiny, 4)
    best = exact(place.ring, place.basis)
    assert max(measure.excess(tiny, best, place, 0)["value"]) == 0

    def wrong(x: torch.Tensor, log_snr: torch.Tensor) -> Prediction:
        told = best(x, log_snr)
        return Prediction(told.x0, told.eps + 0.5)

    curve = measure.excess(tiny, wrong, place, 0)
    assert curve["value"] == pytest.approx([0.25] * tiny.excess.levels)


def test_the_error_of_the_excess_is_its_spread_over_seeds(tiny: Manifold) -> None:
    place = measure.space(tiny, 4)
    best = exact(place.ring, place.basis)

    def wrong(x: torch.Tensor, log_snr: torch.Tensor) -> Prediction:
        told = best(x, log_snr)
        return Prediction(told.x0, told.eps + 0.5 * x)

    curves = [measure.excess(tiny, wrong, place, seed) for seed in range(400)]
    values, errors = (np.array([c[key] for c in curves]) for key in ("value", "stderr"))
    np.testing.assert_allclose(errors.mean(0), values.std(0), rtol=0.12)


def test_the_error_of_a_mean_over_noise_levels_is_that_of_drawn_levels(tiny: Manifold) -> None:
    one = tiny.model_copy(update={"dimensions": [4], "targets": ["eps"], "controls": []})
    made, name = measure.measure(one, 0, lambda line: None), "eps_v-equivalent_D4_w8"
    figure = next(f for f in made.figures if f.metric == f"eps_excess/{name}")
    curve = made.curves["eps_excess"][name]
    rng = np.random.default_rng(0)
    means = rng.normal(curve["value"], curve["stderr"], (100_000, tiny.excess.levels)).mean(1)
    assert figure.value is not None and figure.stderr is not None
    assert figure.value == pytest.approx(means.mean(), rel=0.01)
    assert figure.stderr == pytest.approx(means.std(), rel=0.02)


@pytest.mark.parametrize(("steps", "samples"), [(8, 1), (1, 400)])
@pytest.mark.parametrize("depth", [1, 3])
def test_operations_are_those_that_torch_counts(
    tiny: Manifold, depth: int, steps: int, samples: int
) -> None:
    """Of a training and of samples, but for the features of the noise level, for the gradient of
    the data, which nobody asks for, and for the sampler's last step, which calls once."""
    more = {"training": {"steps": steps}, "sampling": {"steps": 20, "samples": samples}}
    parts = {k: getattr(tiny, k).model_copy(update=v) for k, v in more.items()}
    own = {"dimensions": [256], "targets": ["x0"], "controls": [], "width": 512, "depth": depth}
    block = tiny.model_copy(update=parts | own)
    (case,), place = spec.cases(block), measure.space(block, 256)
    with FlopCounterMode(display=False) as counted:
        net = measure.trained(block, case, place, 0)
        with torch.no_grad():
            measure.samples(block, measure._predictor(net, case), 256, 0)
    assert spec.operations(block) == pytest.approx(counted.get_total_flops(), rel=0.2)


def test_one_seed_is_a_function_of_its_seed(tiny: Manifold) -> None:
    told: list[str] = []
    first = measure.measure(tiny, 0, told.append)
    torch.manual_seed(5)
    again, other = (measure.measure(tiny, seed, lambda line: None) for seed in (0, 1))
    assert first.figures == again.figures != other.figures
    names = [figure.metric for figure in first.figures]
    some = spec.cases(tiny)
    assert len(names) == len(set(names)) == 1 + 2 * 3 + 3 * len(some)
    assert len(told) == len(some)
    for case in some:
        assert {f"{m}/{case.name}" for m in ("off_plane", "in_plane", "eps_excess")} <= set(names)
        assert first.arrays[case.name].shape == (50, 2)
    assert all(f.value is not None and math.isfinite(f.value) for f in first.figures)
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[name])


def test_what_is_not_finite_is_a_failed_figure(tiny: Manifold) -> None:
    settings = tiny.training.model_copy(update={"learning_rate": 1e30, "warmup_steps": 0})
    mad = tiny.model_copy(update={"training": settings, "dimensions": [4], "controls": []})
    figures = measure.measure(mad, 0, lambda line: None).figures
    values = {f.metric: f.value for f in figures}
    assert values["off_plane/eps_v-equivalent_D4_w8"] is None
    assert values["in_plane/data"] is not None
