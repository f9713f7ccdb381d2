"""The autoencoders with linear networks plugged in, where everything is known in closed form."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

from threetargets.families.autoencoder.model import Vae, mean_log_std
from threetargets.levels import centres
from threetargets.likelihood.decoders import DECODERS
from threetargets.likelihood.importance import log_mean_weights
from threetargets.networks.mlp import ACTIVATIONS
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
def test_log_weights_with_the_same_noise_are_those_of_the_exact_model(name):
    """log p(x, z) - log q(z | x) at z drawn from q, by torch.distributions."""
    model, levels, exact = vae(name), images(3), MODELS[name]
    found = model.log_weights(levels, 4, torch.Generator().manual_seed(1))
    assert found.shape == (4, 3)
    g = torch.Generator().manual_seed(1)
    noise = [torch.randn(12, z, generator=g).double() for z in model.latents]
    x = vectors(levels).repeat(4, 1)
    below, log_w = x, torch.zeros(12, dtype=torch.float64)
    latents = []
    for q, eps in zip(exact.inference, noise, strict=True):
        mean = below @ q.weight.T + q.bias
        below = mean + q.std * eps
        log_w = log_w - Normal(mean, q.std).log_prob(below).sum(1)
        latents.append(below)
    for p, low, high in zip(exact.generative, [x, *latents[:-1]], latents, strict=True):
        log_w = log_w + Normal(high @ p.weight.T + p.bias, p.std).log_prob(low).sum(1)
    log_w = log_w + Normal(0.0, 1.0).log_prob(latents[-1]).sum(1)
    torch.testing.assert_close(found, log_w.view(4, 3), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("closed_form", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_importance_weighted_bounds_lie_between_elbo_and_log_p(name, closed_form):
    """Sampled ratios whatever the model trains with: a closed-form KL would exceed log p for k >
    1."""
    model, levels = vae(name, closed_form), images(4)
    elbo, log_p = MODELS[name].elbo(vectors(levels)), MODELS[name].log_p(vectors(levels))
    means = [elbo]
    g = torch.Generator().manual_seed(2)
    for k, repeats in ((1, 8000), (10, 2000), (1000, 60)):
        many = levels.repeat(repeats, 1, 1, 1)
        values = log_mean_weights(
            lambda first, count, m=many: model.log_weights(m, count, g), k
        ).view(repeats, 4)
        error = values.std(0) / math.sqrt(repeats)
        if k == 1:
            assert float(((values.mean(0) - elbo) / error).abs().max()) < 3.5
        else:
            assert bool((values.mean(0) > means[-1] - 3 * error).all())
        assert bool((values.mean(0) < log_p + 3 * error).all())
        means.append(values.mean(0))
    assert float((log_p - elbo).min()) > 0.1
    assert float((log_p - means[-1]).abs().max()) < 0.05


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


@pytest.mark.parametrize("name", MODELS)
def test_the_importance_weighted_loss_lies_between_elbo_and_log_p(name):
    """k = 20 closes most of the gap; its mean is that of the estimator, which is tested against
    quadrature."""
    model, levels = vae(name, closed_form=False), images(4)
    model.samples = 20
    losses = torch.stack(
        [model.loss(levels, None, torch.Generator().manual_seed(k)) for k in range(800)]
    )
    elbo, log_p = (
        -float(f(vectors(levels)).mean()) / 4 for f in (MODELS[name].elbo, MODELS[name].log_p)
    )
    error = float(losses.std()) / math.sqrt(800)
    assert log_p - 3 * error < float(losses.mean()) < log_p + 0.4 * (elbo - log_p)
    many = levels.repeat(800, 1, 1, 1)
    g = torch.Generator().manual_seed(1)
    reference = (
        -log_mean_weights(lambda first, count: model.log_weights(many, count, g), 20)
        .view(800, 4)
        .mean(1)
        / 4
    )
    assert abs(float(losses.mean() - reference.mean())) < 3.5 * math.hypot(
        error, float(reference.std()) / math.sqrt(800)
    )


def test_a_closed_form_kl_refuses_to_meet_several_samples():
    with pytest.raises(ValueError, match="sampled log ratios"):
        Vae(
            (1, 2, 2),
            [2],
            width=4,
            depth=1,
            decoder=DECODERS["logistic"],
            count=17,
            closed_form=True,
            samples=5,
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


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("latents", [[4], [4, 3]])
def test_importance_weights_are_density_ratios_draw_by_draw(activation, latents):
    """log p(x, z) - log q(z | x) by torch.distributions, from each draw's own pass through every
    network."""
    torch.manual_seed(0)
    more = {
        "decoder": DECODERS["categorical"],
        "count": 3,
        "closed_form": False,
        "samples": 5,
        "activation": activation,
    }
    model = Vae((1, 2, 2), latents, width=8, depth=1, **more)
    images, generator = torch.randint(0, 3, (6, 1, 2, 2)).to(torch.uint8), torch.Generator()
    found = model.log_weights(images, 5, generator.manual_seed(1))
    generator.manual_seed(1)
    noise = [torch.randn(5, 6, z, generator=generator) for z in latents]
    for j in range(5):
        levels = model.posterior(images, [eps[j] for eps in noise])
        expected = model.log_decoder(images, levels[0][0])
        for index, (z, mean, log_std) in enumerate(levels):
            above = (
                mean_log_std(model.priors[index](levels[index + 1][0]))
                if index + 1 < len(levels)
                else (z * 0, z * 0)
            )
            prior = Independent(Normal(above[0], above[1].exp()), 1).log_prob(z)
            expected = expected + prior - Independent(Normal(mean, log_std.exp()), 1).log_prob(z)
        torch.testing.assert_close(found[j], expected, rtol=1e-5, atol=1e-5)


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
