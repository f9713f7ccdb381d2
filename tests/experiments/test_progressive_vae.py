"""Two phases against closed forms, the linear oracle, scikit-learn, and each other."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn
from torch.distributions import Normal

from threetargets.experiments import linear_chain
from threetargets.experiments.digit_sizes import PIXELS
from threetargets.experiments.progressive_vae import linear_phases, measure, phases
from threetargets.experiments.progressive_vae.layers import Prior, Progressive
from threetargets.experiments.progressive_vae.spec import WAYS, ProgressiveVae, entropy, middle
from threetargets.oracles import Hierarchy, Layer
from threetargets.streams import generator

BLOCK = ProgressiveVae.model_validate(TINY["progressive_vae"])
DATA = linear_chain.covariance(5, generator(0, "test"))
ENCODERS = linear_phases.drawn(5, [4, 2], generator(1, "test"))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed, "test"))


def grey(count: int) -> Tensor:
    return torch.randint(0, 17, (count, PIXELS), generator=generator(0, "grey"))


def test_the_best_decoders_are_least_squares_on_draws() -> None:
    """Gains and what they leave, and the prior, of a hundred thousand draws of the chain."""
    count, noise = 100_000, 0.4
    z = [normal(count, 5).double() @ torch.linalg.cholesky(DATA).T]
    for k, encoder in enumerate(ENCODERS):
        z.append(z[-1] @ encoder.T + noise * normal(count, len(encoder), seed=k + 1).double())
    own = linear_phases.best(DATA, ENCODERS, noise)
    for gain, left, (below, above) in zip(own.gains, own.lefts, pairwise(z), strict=True):
        fitted, *_ = np.linalg.lstsq(above.numpy(), below.numpy(), rcond=None)
        np.testing.assert_allclose(gain, fitted.T, atol=0.02)
        np.testing.assert_allclose(left, np.cov(below - above @ fitted, rowvar=False), atol=0.03)
    np.testing.assert_allclose(own.top, np.cov(z[-1], rowvar=False), atol=0.03)


@pytest.mark.parametrize("noise", [0.05, 0.4, 0.9])
def test_whatever_the_encoders_the_law_is_the_datas(noise: float) -> None:
    for seed in range(3):
        encoders = linear_phases.drawn(5, [6, 2, 3], generator(seed, "encoders"))
        own = linear_phases.best(DATA, encoders, noise)
        assert linear_phases.divergence(DATA, own.law()) == pytest.approx(0, abs=1e-11)
        for narrow in (own.isotropic(), own.standard()):
            assert linear_phases.divergence(DATA, narrow.law()) > 1e-3


def test_the_law_is_that_of_the_oracles_hierarchy() -> None:
    """Diagonal decoders and prior N(0, I), which the oracle holds."""
    own = linear_phases.best(DATA, ENCODERS, 0.4).isotropic().standard()
    zeros = [torch.zeros(len(gain)).double() for gain in own.gains]
    made = [
        Layer(gain, zero, left.diagonal().sqrt())
        for gain, left, zero in zip(own.gains, own.lefts, zeros, strict=True)
    ]
    back = [
        Layer(m.T, torch.zeros(len(m.T)).double(), torch.ones(len(m.T)).double()) for m, *_ in made
    ]
    _, blocks = Hierarchy(made, back).joint()
    torch.testing.assert_close(own.law(), blocks[0][0])


def test_equal_steps_end_where_they_should_and_lose_the_less_the_smaller_they_are() -> None:
    for steps in (3, 30):
        a, spread = measure.equal_steps(steps, 0.01).marginal
        assert float(a[-1]) == pytest.approx(0.1) and float(spread[-1]) == pytest.approx(0.99)
    gaps = [linear_chain.chain_gap(DATA, measure.equal_steps(n, 1e-6), True) for n in (500, 1000)]
    assert gaps[0] / gaps[1] == pytest.approx(2, abs=0.1)


def test_the_entropy_is_torchs() -> None:
    for noise in (0.1, 0.6):
        assert entropy(noise) == pytest.approx(float(Normal(0, noise).entropy()))
    net = measure.made(BLOCK, "apart", 0.5, 0)
    assert net.entropy == pytest.approx(6 * float(Normal(0, 0.5).entropy()))


def test_an_encoder_keeps_its_scale_and_its_noise() -> None:
    net = measure.made(BLOCK, "apart", 0.5, 0)
    x = normal(2, PIXELS).repeat(20_000, 1)
    z = net[0].encode(x, normal(len(x), 4, seed=1)).detach()
    each = z.view(-1, 2, 4)
    np.testing.assert_allclose(each.var(0), 0.25, rtol=0.05)
    np.testing.assert_allclose(each.mean(0).square().mean(1), 0.75, rtol=0.02)


def linear(fixed_noise: float = 0.5) -> tuple[Progressive, list[Tensor]]:
    """Fixed encoders, linear decoders, and one component that is N(0, I)."""
    net = Progressive([3, 3], fixed_noise, 8, 1, fixed=True)
    maps = [0.4 * normal(PIXELS, PIXELS, seed=k) / 8 for k in range(2)]
    for k, one in enumerate(maps):
        own = nn.Linear(PIXELS, PIXELS, bias=False)
        own.weight.data.copy_(one)
        net[k].back = own
        net[k].log_std.data.fill_(-0.3 * (k + 1))
    nn.init.zeros_(net.prior.mean)
    return net.requires_grad_(False), maps


def test_the_cut_by_phases_is_the_bound_of_the_oracle() -> None:
    """All but y's own term, whose density is a mass here; and that term, by its density."""
    net, maps = linear()
    eye, zero = torch.eye(PIXELS).double(), torch.zeros(PIXELS).double()
    kept, noise = math.sqrt(0.75), torch.full((PIXELS,), 0.5).double()
    std = [torch.full((PIXELS,), math.exp(-0.3 * (k + 1))).double() for k in range(2)]
    generative = [Layer(m.double(), zero, s) for m, s in zip(maps, std, strict=True)]
    oracle = Hierarchy(generative, [Layer(kept * eye, zero, noise)] * 2)
    x, count = grey(1).clamp(1, 15), 20_000
    terms = oracle.elbo_terms(((2 * x + 1) / 17 - 1).double())
    many, eps = x.expand(count, -1), [normal(count, PIXELS, seed=5 + k) for k in range(2)]
    parts = net.parts(many, eps)
    first = net.below(1, many, eps)
    own = net[0].misfit(((2 * many + 1) / 17 - 1).float(), first, None)
    mass = net[0].misfit(first, first, many)
    levels = parts["phase_one"] - mass + parts["phase_two"] - net.entropy
    for values, wanted in (
        (levels, terms["kl_1"] + terms["kl_2"]),
        (own, terms["reconstruction"]),
    ):
        error = float(values.std()) / math.sqrt(count)
        assert float(values.mean()) == pytest.approx(float(wanted), abs=4 * error)
        assert error < 0.02 * abs(float(wanted))
    # The end bins, which are infinite, are left out: a bin's mass is nearly its density's.
    wanted = float(own.mean()) - PIXELS * math.log(2 / 17)
    assert float(mass.mean()) == pytest.approx(wanted, abs=0.2)


def test_samples_have_the_law_of_the_oracle() -> None:
    net, maps = linear()
    drawn = net.sample(40_000, generator(0, "test")).double()
    std = [math.exp(-0.3), math.exp(-0.6)]
    middle_law = (maps[1] @ maps[1].T).double() + std[1] ** 2 * torch.eye(PIXELS)
    law = maps[0].double() @ middle_law @ maps[0].T.double() + std[0] ** 2 * torch.eye(PIXELS)
    above = (drawn >= 9).double().mean(0)
    wanted = 1 - torch.special.ndtr((2 * 9 / 17 - 1) / law.diagonal().sqrt())
    torch.testing.assert_close(above, wanted, atol=0.015, rtol=0)


def test_the_prior_is_scikit_learns_mixture() -> None:
    prior = Prior(3, 4).requires_grad_(False)
    prior.logits += normal(3)
    prior.log_std += 0.3 * normal(3, 4, seed=1)
    peer = GaussianMixture(3, covariance_type="diag")
    peer.weights_, peer.means_ = prior.logits.softmax(0).numpy(), prior.mean.numpy()
    peer.covariances_ = prior.log_std.exp().square().numpy()
    peer.precisions_cholesky_ = (-prior.log_std).exp().numpy()
    x = normal(6, 4, seed=2)
    np.testing.assert_allclose(prior.log_prob(x), peer.score_samples(x.numpy()), rtol=1e-5)
    drawn = prior.sample(50_000, generator(0, "test"))
    np.testing.assert_allclose(drawn.mean(0), peer.weights_ @ peer.means_, atol=0.03)


@pytest.mark.parametrize("place", [0, 1])
def test_phase_one_trains_its_own_layer_alone(place: int) -> None:
    net = measure.made(BLOCK, "apart", 0.5, 0)
    eps = [normal(6, d) for d in net.latents]
    phases.phase_one(net, place, grey(6), eps).backward()
    moved = {k for k, layer in enumerate(net.layers) if layer.log_std.grad is not None}
    assert moved == {place} and net.prior.mean.grad is None


def test_shared_cores_have_the_gradients_of_all_layers() -> None:
    """004: shared parameters are influenced by all of the losses."""
    net, eps = measure.made(BLOCK, "shared", 0.5, 0), [normal(6, 4), normal(6, 2)]
    core = net[0].back.core.net[0].weight
    each = []
    for place in range(2):
        net.zero_grad()
        phases.phase_one(net, place, grey(6), eps).backward()
        each.append(core.grad.clone())
    assert all(float(one.abs().max()) > 0 for one in each)
    assert (
        net[0].back.core is net[1].back.core
        and net.size < measure.made(BLOCK, "apart", 0.5, 0).size
    )
    other = measure.made(BLOCK, "apart", 0.5, 0)
    assert other[0].back.core is not other[1].back.core


def test_with_fixed_encoders_two_phases_are_joint_training() -> None:
    """And with learned ones they are not."""
    images = grey(30)
    for way in ("fixed", "apart"):
        nets = [measure.trained(BLOCK, way, 0.5, images, 0, once) for once in (False, True)]
        states = [torch.cat([p.flatten() for p in net.parameters()]) for net in nets]
        assert bool((states[0] == states[1]).all()) == (way == "fixed")
    assert middle(BLOCK) == 0.5 and len(WAYS) == 4


def test_parts_add_up() -> None:
    net = measure.made(BLOCK, "joint", 0.5, 0)
    values = measure.parts(net, grey(5), 0)
    whole = values["phase_one"] + values["phase_two"] - values["entropy"]
    torch.testing.assert_close(values["bound"], whole)


@pytest.mark.parametrize(
    ("part", "change", "complaint"),
    [
        ("linear", {"steps": [8, 2]}, "steps rise"),
        ("digits", {"noises": [0.5, 0.2]}, "noises rise"),
    ],
)
def test_what_does_not_rise_is_refused(part: str, change: dict, complaint: str) -> None:
    values = TINY["progressive_vae"]
    with pytest.raises(ValidationError, match=complaint):
        ProgressiveVae.model_validate(values | {part: values[part] | change})
