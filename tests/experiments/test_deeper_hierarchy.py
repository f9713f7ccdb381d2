"""The hierarchy's bound against Bayes' rule on matrices, the linear oracle, the studies' diffusion
bound and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from threetargets.diffusion import kernel
from threetargets.diffusion.schedule import Cosine, table
from threetargets.experiments import linear_chain
from threetargets.experiments.deeper_hierarchy import known_bounds, measure
from threetargets.experiments.deeper_hierarchy.rung import Ladder, Rung
from threetargets.experiments.deeper_hierarchy.spec import RUNGS, DeeperHierarchy
from threetargets.experiments.digit_sizes import PIXELS
from threetargets.experiments.linear_chain import Chain, of_table
from threetargets.oracles import Gaussian, Hierarchy, Layer
from threetargets.streams import generator

BLOCK = DeeperHierarchy.model_validate(TINY["deeper_hierarchy"])
TABLE = table(Cosine(5.0, -6.0), 3)
ANY = Chain(torch.tensor([0.9, 1.3, 0.4]).double(), torch.tensor([0.5, 0.2, 0.7]).double())
"""A chain that is no diffusion's."""


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed, "test"))


def grey(count: int) -> Tensor:
    return torch.randint(0, 17, (count, PIXELS), generator=generator(0, "grey"))


def made(rung: str, seed: int = 0) -> Rung:
    """With networks that say something, where they begin by saying nothing."""
    torch.manual_seed(seed)
    net = Ladder(BLOCK.digits, 0.5, [(rung, TABLE)])
    nn.init.normal_(net.net.last.weight, std=0.1, generator=generator(seed, "last"))
    return net.requires_grad_(False).eval()[0]


def covariance(chain: Chain) -> np.ndarray:
    """Of (x, z_1, .., z_L), x of variance 2.5, from z = M (x, noise)."""
    size = chain.steps + 1
    root = np.zeros((size, size))
    root[0, 0] = math.sqrt(2.5)
    for level, (w, v) in enumerate(zip(chain.weights, chain.variances, strict=True), 1):
        root[level] = float(w) * root[level - 1]
        root[level, level] = math.sqrt(v)
    return root @ root.T


@pytest.mark.parametrize("chain", [ANY, of_table(TABLE)])
def test_the_chain_is_conditioned_as_its_covariance_is(chain: Chain) -> None:
    whole, (a, spread) = covariance(chain), chain.marginal
    np.testing.assert_allclose(a, whole[0] / whole[0, 0], atol=1e-12)
    np.testing.assert_allclose(spread, whole.diagonal() - whole[0] ** 2 / 2.5, atol=1e-12)
    A, B, C = chain.posterior
    for level in range(2, chain.steps + 1):
        seen, here = [0, level], level - 1
        gain = np.linalg.solve(whole[np.ix_(seen, seen)], whole[seen, here])
        np.testing.assert_allclose((A[level - 1], B[level - 1]), gain, atol=1e-12)
        left = whole[here, here] - gain @ whole[seen, here]
        assert float(C[level - 1]) == pytest.approx(left, abs=1e-12)
    assert (float(A[0]), float(B[0]), float(C[0])) == (1, 0, 0)


def test_a_diffusions_chain_has_its_constants_and_any_chain_its_draws() -> None:
    wanted = kernel.posterior(TABLE.log_snr[:-1], TABLE.log_snr[1:])
    for one, other in zip(of_table(TABLE).posterior, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-14, rtol=0)
    z = ANY.noised(torch.full((40_000, 1), 1.7).double(), normal(3, 40_000, 1))
    whole = covariance(ANY)
    np.testing.assert_allclose(z.mean(1)[:, 0], 1.7 * whole[0, 1:] / 2.5, atol=0.02)
    np.testing.assert_allclose(
        z.var(1)[:, 0], whole.diagonal()[1:] - whole[0, 1:] ** 2 / 2.5, rtol=0.03
    )


def test_with_all_restrictions_the_bound_is_the_diffusions() -> None:
    """likelihood/bound.py, of the same network, variances and noise; also with other variances."""
    for shift in (0.0, 0.3):
        net = made("ddpm")
        net.log_std += shift * torch.tensor([1.0, -1.0, 0.5])
        seen, x = measure.house_bound(net, grey(6), seed=3), grey(6)
        parts = net.noised(x, measure.drawn_noise(6, PIXELS, net.levels, 3))
        own = torch.stack(list(parts.values())).sum(0)
        torch.testing.assert_close(own, seen, rtol=1e-9, atol=0)


@pytest.mark.parametrize("rung", ["encoder", "ddpm"])
def test_log_ratios_along_the_chain_have_the_mean_of_the_divergences(rung: str) -> None:
    net, x = made(rung), grey(1).expand(10_000, -1)
    walked = net.walked(x, normal(3, 10_000, PIXELS))
    apart = net.noised(x, normal(3, 10_000, PIXELS, seed=1))
    for names in (["reconstruction"], ["between", "top"]):
        one, other = (torch.stack([parts[n] for n in names]).sum(0) for parts in (walked, apart))
        error = math.hypot(float(one.std()), float(other.std())) / math.sqrt(len(x))
        assert float((one - other).mean()) == pytest.approx(0, abs=4 * error), names
        assert error < 0.02 * float(other.mean())


class Linear(nn.Module):
    """M x at every level, in the shape of x."""

    def __init__(self, matrix: Tensor):
        super().__init__()
        self.matrix = matrix.float()

    def forward(self, x: Tensor, *rest: Tensor) -> Tensor:
        return (x.flatten(1) @ self.matrix.T).view(x.shape)


@pytest.mark.parametrize("rung", ["dimension", "encoder"])
def test_a_linear_hierarchy_has_the_terms_of_the_oracle(rung: str) -> None:
    """Divergences of the levels in closed form, encoder and decoder linear, one image; of a fixed
    encoder their sum, which is cut another way."""
    net, eye = made(rung), torch.eye(PIXELS, dtype=torch.float64)
    forth, back = 0.3 * normal(PIXELS, PIXELS) / 8, 0.5 * normal(PIXELS, PIXELS, seed=1) / 8
    wider = 0.2 * normal(PIXELS, seed=2)
    net.read = Linear(back)
    if rung == "dimension":
        for encoder in net.encoders:
            own = nn.Linear(PIXELS, 2 * PIXELS)
            own.weight.data.copy_(torch.cat([forth, torch.zeros_like(forth)]))
            own.bias.data.copy_(torch.cat([torch.zeros_like(wider), wider]))
            encoder.net = own.requires_grad_(False)
    else:
        forth, wider = torch.zeros_like(forth), torch.zeros_like(wider)
    zero = torch.zeros(PIXELS, dtype=torch.float64)
    keep, std = net.keep.double(), net.noise.double().exp()
    own = net.log_std.double().exp()
    inference = [Layer(keep[k] * eye + forth, zero, std[k] * wider.exp().float()) for k in range(3)]
    generative = [
        Layer(net.back[k].double() * eye + net.out[k].double() * back, zero, own[k].expand(PIXELS))
        for k in range(3)
    ]
    x = grey(1)
    terms = Hierarchy(generative, inference).elbo_terms(((2 * x + 1) / 17 - 1).double())
    count = 20_000
    parts = net.parts(x.expand(count, -1), normal(3, count, PIXELS, seed=5))
    pairs = [(parts["between"], terms["kl_1"] + terms["kl_2"]), (parts["top"], terms["kl_3"])]
    if rung == "encoder":
        pairs = [(pairs[0][0] + pairs[1][0], pairs[0][1] + pairs[1][1])]
    for values, wanted in pairs:
        error = float(values.std()) / math.sqrt(count)
        assert float(values.mean()) == pytest.approx(float(wanted), abs=4 * error + 1e-4)
        assert error < 0.02 * abs(float(wanted))


def test_a_learned_prior_has_torchs_divergence() -> None:
    net = made("dimension")
    net.prior_mean += normal(PIXELS).float()
    net.prior_log_std += 0.3 * normal(PIXELS, seed=1).float()
    mean, log_std = normal(2, PIXELS, seed=2), 0.2 * normal(2, PIXELS, seed=3)
    prior = Normal(net.prior_mean.double(), net.prior_log_std.double().exp())
    wanted = kl_divergence(Normal(mean, log_std.exp()), prior).sum(1)
    torch.testing.assert_close(net._top(mean, log_std), wanted)


def test_the_decoders_mass_is_that_of_the_normal_distribution_function() -> None:
    net, x = made("ddpm"), grey(2)
    mean = 0.3 * normal(2, PIXELS)
    law = Independent(Normal(mean, net.log_std[0].double().exp()), 0).base_dist
    low, high = (2 * x / 17 - 1).double(), (2 * (x + 1) / 17 - 1).double()
    below = torch.where(x == 0, 0.0, law.cdf(low))
    above = torch.where(x == 16, 1.0, law.cdf(high))
    wanted = -(above - below).log().sum(1)
    torch.testing.assert_close(net._reconstruction(x, mean), wanted, rtol=1e-6, atol=0)


def test_a_learned_encoder_begins_where_the_fixed_one_is() -> None:
    """And what is trained on each rung."""
    nets = {rung: made(rung) for rung in RUNGS}
    noise = normal(3, 4, PIXELS)
    free, fixed = (nets[rung].walked(grey(4), noise) for rung in ("dimension", "ddpm"))
    for name, values in fixed.items():
        torch.testing.assert_close(free[name], values, rtol=1e-4, atol=1e-4)
    together, apart = (nets["ddpm"].train(mode).raw(noise) for mode in (True, False))
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-5)
    assert set(nets["hvae"].walked(grey(4), noise[..., :4])) == set(fixed)
    fresh = {rung: Ladder(BLOCK.digits, 0.5, [(rung, TABLE)]) for rung in RUNGS}
    counts = {rung: net.size(0) for rung, net in fresh.items()}
    assert counts["encoder"] - counts["ddpm"] == 2 * PIXELS
    assert counts["dimension"] > counts["encoder"]
    assert not fresh["ddpm"][0].prior_mean.requires_grad


def test_fixed_encoders_share_a_network_and_learned_ones_do_not() -> None:
    images = grey(40)
    net = measure.fixed(BLOCK, images, 0)
    assert [own.levels for own in map(net.__getitem__, range(4))] == [2, 4, 2, 4]
    assert all(net[k].read.__self__ is net.net for k in range(4))
    own = measure.learned(BLOCK, "hvae", 2, images, 0)
    assert own[0].dims == 4 and own.net is not net.net


def spread_points(data: Tensor) -> Tensor:
    """2 D points over which the mean of a quadratic form is that over N(0, data)."""
    values, vectors = torch.linalg.eigh(data)
    half = (len(data) * values).sqrt() * vectors
    return torch.cat([half.T, -half.T])


DATA = linear_chain.covariance(4, generator(1, "test"))


def best(data: Tensor, chain: Chain, wider: float = 1.0) -> Hierarchy:
    """The fixed encoder with the best means and widths, by regressions on covariances."""
    eye, zero = torch.eye(len(data), dtype=torch.float64), torch.zeros(len(data)).double()
    inference, generative, before = [], [], data
    for w, v in zip(chain.weights, chain.variances, strict=True):
        inference.append(Layer(w * eye, zero, v.sqrt().expand(len(data))))
        after = w**2 * before + v * eye
        gain = w * before @ after.inverse()
        left = (before - gain @ after @ gain.T).trace() / len(data)
        generative.append(Layer(gain, zero, wider * left.sqrt().expand(len(data))))
        before = after
    return Hierarchy(generative, inference)


@pytest.mark.parametrize("chain", [ANY, of_table(TABLE)])
def test_what_the_best_fixed_encoder_lacks_is_the_oracles_gap(chain: Chain) -> None:
    points, law = spread_points(DATA), Gaussian(torch.zeros(4), DATA)
    value = linear_chain.chain_gap(DATA, chain, standard=True)
    oracle = best(DATA, chain)
    missing = law.log_density(points) - oracle.elbo(points)
    assert float(missing.mean()) == pytest.approx(value, abs=1e-10)
    for wider in (0.98, 1.02):
        other = law.log_density(points) - best(DATA, chain, wider).elbo(points)
        assert float(other.mean()) > value
    top = ANY.marginal[0][-1] ** 2 * DATA + ANY.marginal[1][-1] * torch.eye(4).double()
    zero = torch.zeros(4, dtype=torch.float64)
    laws = [MultivariateNormal(zero, c) for c in (top, torch.diag(top.diagonal()), torch.eye(4))]
    if chain is ANY:
        less = kl_divergence(laws[0], MultivariateNormal(zero, torch.eye(4).double()))
        less = less - kl_divergence(laws[0], laws[1])
        assert linear_chain.chain_gap(DATA, chain, False) == pytest.approx(value - float(less))


def test_what_a_learned_encoder_lacks_is_scikit_learns() -> None:
    points = spread_points(DATA) * math.sqrt(7 / 8)
    model = PCA(2).fit(points.numpy()).get_covariance()
    zero = torch.zeros(4, dtype=torch.float64)
    laws = [MultivariateNormal(zero, c) for c in (DATA, torch.from_numpy(model))]
    wanted = float(kl_divergence(*laws))
    assert known_bounds.gap("hvae", DATA, 2, TABLE) == pytest.approx(wanted, abs=1e-10)
    assert known_bounds.gap("dimension", DATA, 2, TABLE) == 0


def test_draws_come_to_the_closed_form_and_more_levels_to_the_entropy() -> None:
    values = known_bounds.drawn_gap(DATA, TABLE, 40_000, generator(0, "test"))
    wanted, error = known_bounds.gap("ddpm", DATA, 2, TABLE), float(values.std()) / 200
    assert float(values.mean()) == pytest.approx(wanted, abs=4 * error) and error < 0.05 * wanted
    many = [known_bounds.gap("ddpm", DATA, 2, table(Cosine(20.0, -20.0), n)) for n in (200, 400)]
    assert many[0] / many[1] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"levels": [4, 2]}, "levels rise"),
        ({"early": -8.0}, "early lies between"),
        ({"levels": [2, 64]}, "at least the largest"),
        ({"known": {"size": 3, "latent": 3, "draws": 5}}, "less than size"),
    ],
)
def test_what_cannot_be_is_refused(change: dict, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        DeeperHierarchy.model_validate(TINY["deeper_hierarchy"] | change)
