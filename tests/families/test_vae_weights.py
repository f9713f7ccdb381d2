"""Importance weights of the autoencoders, and the bounds that are made of them."""

import math

import pytest
import torch
from families.test_vae import MODELS, images, vae, vectors
from torch.distributions import Independent, Normal

from threetargets.families.autoencoder.model import Vae, mean_log_std
from threetargets.likelihood.decoders import DECODERS
from threetargets.likelihood.importance import log_mean_weights
from threetargets.networks.mlp import ACTIVATIONS


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
