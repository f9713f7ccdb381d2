"""The autoencoders with linear networks plugged in, where everything is known in closed form."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal

from threetargets.families.autoencoder.model import Vae, mean_log_std
from threetargets.levels import centres
from threetargets.likelihood.decoders import DECODERS
from threetargets.oracles import Hierarchy, Layer
from threetargets.streams import PerSample

COUNT = 256


class Density:
    """A Gaussian density around the mean, not integrated over bins: the model is then
    linear-Gaussian to the letter."""

    def __init__(self, std):
        self.std = std

    def channels(self, count):
        return 1

    def log_prob(self, levels, parameters, count):
        return (
            Normal(parameters.squeeze(1), self.std.view(parameters.shape[2:]))
            .log_prob(centres(levels, count))
            .flatten(1)
            .sum(1)
        )


class Affine(nn.Module):
    """A layer of a Hierarchy as a network: mean, and log std before its bound."""

    def __init__(self, layer, mean_only=False):
        super().__init__()
        self.layer, self.mean_only = layer, mean_only

    def forward(self, u):
        mean = u.double() @ self.layer.weight.T + self.layer.bias
        raw = 6 * torch.atanh(torch.log(self.layer.std) / 6)
        return mean if self.mean_only else torch.cat([mean, raw.expand_as(mean)], -1)


def layer(weight, bias, std):
    return Layer(*(torch.tensor(v, dtype=torch.float64) for v in (weight, bias, std)))


DECODING = layer(
    [[0.3, -0.2], [0.1, 0.4], [-0.2, 0.1], [0.2, 0.2]],
    [0.1, -0.1, 0.0, 0.2],
    [0.3, 0.4, 0.35, 0.25],
)
ENCODING = layer([[0.5, 0.1, -0.3, 0.2], [-0.2, 0.6, 0.1, 0.3]], [0.1, -0.2], [0.7, 0.8])
HIGHER = layer([[0.6], [-0.4]], [0.1, 0.2], [0.8, 0.9])
HIGHEST = layer([[0.4, -0.3]], [0.1], [0.75])
MODELS = {
    "vae": Hierarchy([DECODING], [ENCODING]),
    "hvae": Hierarchy([DECODING, HIGHER], [ENCODING, HIGHEST]),
}


def vae(name, closed_form=True):
    exact = MODELS[name]
    latents = [len(q.bias) for q in exact.inference]
    model = Vae(
        (1, 2, 2),
        latents,
        width=2,
        depth=1,
        decoder=Density(DECODING.std),
        count=COUNT,
        closed_form=closed_form,
    )
    model.encoders = nn.ModuleList(Affine(q) for q in exact.inference)
    model.priors = nn.ModuleList(Affine(p) for p in exact.generative[1:])
    model.decode_net = Affine(DECODING, mean_only=True)
    return model


def images(count=5):
    return torch.randint(0, COUNT, (count, 1, 2, 2), generator=torch.Generator().manual_seed(0)).to(
        torch.uint8
    )


def vectors(levels):
    return ((2 * levels.double() + 1) / COUNT - 1).flatten(1)


def expected_terms(model, levels, closed_form):
    """The mean over the noise by a Gauss-Hermite rule, exact here: every term is quadratic in
    it."""
    points, weights = np.polynomial.hermite_e.hermegauss(3)
    weights = weights / weights.sum()
    totals = {}
    for nodes in itertools.product(range(3), repeat=sum(model.latents)):
        values = torch.tensor(points[list(nodes)]).expand(len(levels), -1)
        terms = model.elbo_terms(levels, values.split(model.latents, 1), closed_form)
        for key, value in terms.items():
            totals[key] = totals.get(key, 0.0) + float(np.prod(weights[list(nodes)])) * value
    return totals


@pytest.mark.parametrize("closed_form", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_elbo_terms_have_the_closed_form_as_mean(name, closed_form):
    levels = images()
    found = expected_terms(vae(name), levels, closed_form)
    exact = MODELS[name].elbo_terms(vectors(levels))
    assert list(found) == list(exact)
    for key in exact:
        torch.testing.assert_close(found[key], exact[key], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_the_top_level_alone_has_a_closed_form(name):
    """The VAE's does not depend on the noise at all; below the top every KL is sampled."""
    model, levels = vae(name), images()
    draws = []
    for k in range(2):
        g = torch.Generator().manual_seed(k)
        draws.append(
            model.elbo_terms(
                levels, [torch.randn(5, z, generator=g, dtype=torch.float64) for z in model.latents]
            )
        )
    if name == "vae":
        assert torch.equal(draws[0]["kl_1"], draws[1]["kl_1"]) and float(draws[0]["kl_1"].min()) > 0
    else:
        assert not torch.allclose(draws[0]["kl_1"], draws[1]["kl_1"])
    sampled = model.elbo_terms(
        levels, [torch.ones(5, z, dtype=torch.float64) for z in model.latents], closed_form=False
    )
    assert not torch.allclose(
        sampled[f"kl_{len(model.latents)}"], draws[0][f"kl_{len(model.latents)}"]
    )


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_is_the_mean_of_the_negative_elbo_per_dimension(name):
    model, levels = vae(name), images(4)
    losses = torch.stack(
        [model.loss(levels, None, torch.Generator().manual_seed(k)) for k in range(3000)]
    )
    expected = -float(MODELS[name].elbo(vectors(levels)).mean()) / 4
    assert float(losses.mean()) == pytest.approx(
        expected, abs=3.5 * float(losses.std()) / math.sqrt(3000)
    )


class Widths(Affine):
    """The mean and the log std of the library's own Gaussian decoder."""

    def forward(self, u):
        mean = u.double() @ self.layer.weight.T + self.layer.bias
        return torch.cat([mean, torch.log(self.layer.std).expand_as(mean)], -1)


@pytest.mark.parametrize("name", MODELS)
def test_samples_have_the_moments_of_p(name):
    """Levels put back at the bins' centres; the bins add (2/K)^2 / 12 to each variance, and the
    ends are far away."""
    model, count = vae(name), 6000
    narrow = layer(
        (0.4 * DECODING.weight).tolist(), DECODING.bias.tolist(), (0.4 * DECODING.std).tolist()
    )
    model.decoder, model.decode_net = DECODERS["gaussian"], Widths(narrow)
    means, blocks = Hierarchy(
        [narrow, *MODELS[name].generative[1:]], MODELS[name].inference
    ).joint()
    drawn = model.sample(PerSample(0, "sample", range(count)))
    assert drawn.dtype == torch.uint8 and drawn.shape == (count, 1, 2, 2)
    x = vectors(drawn)
    expected = blocks[0][0] + (2 / COUNT) ** 2 / 12 * torch.eye(4, dtype=torch.float64)
    deviation = expected.diagonal().sqrt()
    assert float(((x.mean(0) - means[0]) / deviation).abs().max()) < 4 / math.sqrt(count)
    scale = deviation[:, None] * deviation
    assert float(((torch.cov(x.T) - expected) / scale).abs().max()) < 5 / math.sqrt(
        count
    ) * math.sqrt(2)


def levels_of(decoder):
    return 2 if decoder == "bernoulli" else 17


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("latents", [[4], [4, 3], [4, 3, 2]])
def test_sample_j_is_the_same_in_batches_of_1_7_and_64(decoder, latents):
    torch.manual_seed(0)
    count = levels_of(decoder)
    model = Vae((1, 2, 2), latents, width=8, depth=1, decoder=DECODERS[decoder], count=count)
    whole = model.sample(PerSample(1, "sample", range(64)))
    assert len(whole.unique()) >= min(count, 6)
    for size in (1, 7):
        parts = [
            model.sample(PerSample(1, "sample", range(f, min(f + size, 64))))
            for f in range(0, 64, size)
        ]
        # A level may round the other way where the batch changes the order of a sum.
        assert float((torch.cat(parts) != whole).double().mean()) < 0.01


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("latents", [[3], [4, 2]])
def test_every_decoder_trains(decoder, latents):
    torch.manual_seed(0)
    count = levels_of(decoder)
    model = Vae((1, 2, 2), latents, width=8, depth=1, decoder=DECODERS[decoder], count=count)
    levels = torch.randint(0, count, (6, 1, 2, 2)).to(torch.uint8)
    model.loss(levels, torch.zeros(6), torch.Generator().manual_seed(0)).backward()
    assert all(
        p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in model.parameters()
    )
    # Levels' probabilities: the reconstruction of all levels of one pixel sums to one.
    one = Vae((1, 1, 1), latents, width=8, depth=1, decoder=DECODERS[decoder], count=count)
    every = torch.arange(count).to(torch.uint8).view(count, 1, 1, 1)
    z = torch.randn(1, latents[0]).expand(count, -1)
    assert float(one.log_decoder(every, z).exp().sum().detach()) == pytest.approx(1.0, abs=1e-5)


def test_log_std_is_bounded_and_almost_the_identity_inside():
    raw = torch.tensor([[-100.0, -0.5, 0.0, 0.5, 100.0]], dtype=torch.float64)
    mean, log_std = mean_log_std(torch.cat([torch.ones_like(raw), raw], 1))
    assert mean.tolist() == [[1.0] * 5]
    assert log_std[0].tolist() == pytest.approx([-6.0, -0.5, 0.0, 0.5, 6.0], abs=2e-3)
