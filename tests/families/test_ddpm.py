"""The diffusion model's losses against plain squared errors and the bound itself; labels; the ends
of the process."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from torch import nn

from threetargets.diffusion.guidance import conditional
from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.sampler import SAMPLERS, sample
from threetargets.diffusion.schedule import SCHEDULES, Table, table
from threetargets.diffusion.target import TARGETS
from threetargets.diffusion.times import PROPOSALS
from threetargets.diffusion.weighting import WEIGHTINGS
from threetargets.families.diffusion.model import Ddpm
from threetargets.levels import centres
from threetargets.likelihood.denoised import denoise
from threetargets.networks import mlp
from threetargets.streams import PerSample, generator

SHAPE, COUNT, CLASSES, T = (1, 2, 2), 17, 3, 12
PROCESS = table(SCHEDULES["cosine"](7.0, -7.0), T)


class Shared(nn.Module):
    """One predictor for every target: eps^ = tanh(x_t) + l/20, answered in the network's own units
    of that target."""

    def __init__(self, target):
        super().__init__()
        self.target = target

    def forward(self, x, log_snr, labels):
        a, s = (v.view(-1, 1, 1, 1) for v in signal_noise(log_snr.double()))
        x = x.double()
        eps = torch.tanh(x) + log_snr.view(-1, 1, 1, 1).double() / 20
        return self.target.encode((x - s * eps) / a, eps, a, s) / self.target.scale(a, s)


def model(target, weighting, net=None, process=PROCESS, **more):
    chosen = TARGETS[target]
    return Ddpm(
        net or Shared(chosen), chosen, weighting, process, count=COUNT, classes=CLASSES, **more
    ).eval()


def batch(i):
    """Images, labels, the level of each, and noise."""
    g = torch.Generator().manual_seed(0)
    images = torch.randint(0, COUNT, (len(i), *SHAPE), generator=g).to(torch.uint8)
    return images, torch.zeros(len(i), dtype=torch.long), i, torch.randn(images.shape, generator=g)


ALL = torch.arange(1, T + 1)


def truth(images, i, eps):
    """x_0, x_t, a, s in float64."""
    x0 = (2 * images.double() + 1) / COUNT - 1
    a, s = (v.view(-1, 1, 1, 1) for v in (PROCESS.a[i], PROCESS.s[i]))
    return x0, a * x0 + s * eps, a, s


@pytest.mark.parametrize("target", TARGETS)
def test_native_loss_is_the_squared_error_in_the_targets_own_space(target):
    images, labels, i, eps = batch(ALL)
    x0, x_t, a, s = truth(images, i, eps)
    out = TARGETS[target].scale(a, s) * Shared(TARGETS[target])(x_t, PROCESS.log_snr[i], labels)
    expected = ((out - TARGETS[target].encode(x0, eps.double(), a, s)) ** 2).flatten(1).mean(1)
    found = model(target, "native").example_loss(images, labels, i, eps)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("target", TARGETS)
def test_eps_equivalent_loss_is_the_squared_error_of_the_noise(target):
    images, labels, i, eps = batch(ALL)
    _, x_t, _, _ = truth(images, i, eps)
    guess = torch.tanh(x_t) + PROCESS.log_snr[i].view(-1, 1, 1, 1) / 20
    expected = ((guess - eps) ** 2).flatten(1).mean(1)
    found = model(target, "eps-equivalent").example_loss(images, labels, i, eps)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("target", TARGETS)
def test_elbo_loss_is_the_bound_term_by_term(target):
    """T times each term in nats per dimension, the decoder's included: the same number for every
    target."""
    ddpm = model(target, "elbo")
    images, labels, _, _ = batch(torch.arange(5))
    predictors = [(slice(0, 5), conditional(ddpm.conditional, labels))]
    bound = denoise(predictors, PROCESS, images, COUNT, seed=9).bound("fixed-small")
    terms = torch.cat([bound.decoder[:, None], bound.denoising], 1)
    for i in range(1, T + 1):
        noise = torch.randn(images.double().shape, generator=generator(9, "bound", i, 0))
        found = ddpm.example_loss(images, labels, torch.full((5,), i), noise)
        torch.testing.assert_close(found.double(), T * terms[:, i - 1] / 4, rtol=2e-4, atol=1e-5)


def test_levels_in_one_batch_do_not_mix():
    ddpm = model("score", "elbo")
    images, labels, i, eps = batch(torch.tensor([3, 1, 12, 1, 2]))
    together = ddpm.example_loss(images, labels, i, eps)
    alone = [
        ddpm.example_loss(images[b : b + 1], labels[b : b + 1], i[b : b + 1], eps[b : b + 1])[0]
        for b in range(5)
    ]
    torch.testing.assert_close(together, torch.stack(alone))


class Counted(Ddpm):
    """Its loss at level i is a known number, whatever the images."""

    def example_loss(self, images, labels, i, eps):
        return torch.exp(i / 4.0)


@pytest.mark.parametrize("proposal", PROPOSALS)
@pytest.mark.parametrize("size", [1, 5, 64])
def test_the_loss_is_the_mean_over_all_levels_whatever_the_proposal(proposal, size):
    ddpm = Counted(
        nn.Identity(),
        TARGETS["eps"],
        "native",
        PROCESS,
        count=COUNT,
        classes=CLASSES,
        proposal=proposal,
    )
    images, labels = (
        torch.zeros(size, *SHAPE, dtype=torch.uint8),
        torch.zeros(size, dtype=torch.long),
    )
    losses = torch.stack(
        [ddpm.loss(images, labels, torch.Generator().manual_seed(k)) for k in range(1500)]
    )
    error = float(losses.std()) / math.sqrt(1500)
    assert float(losses.mean()) == pytest.approx(
        float(torch.exp(ALL / 4.0).mean()), abs=3.5 * error
    )


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("target", TARGETS)
def test_gradients_are_finite_at_every_level(target, weighting):
    torch.manual_seed(0)
    ddpm = model(target, weighting, mlp.Denoiser(SHAPE, CLASSES, 16, 1)).train()
    loss = ddpm.example_loss(*batch(ALL))
    assert loss.shape == (T,) and bool(torch.isfinite(loss).all())
    loss.sum().backward()
    gradients = [p.grad for p in ddpm.net.last.parameters()]
    assert all(bool(torch.isfinite(g).all()) and float(g.abs().max()) > 0 for g in gradients)


# Labels.


class Witness(nn.Module):
    def __init__(self):
        super().__init__()
        self.labels = []

    def forward(self, x, log_snr, labels):
        self.labels.append(labels.clone())
        return torch.zeros_like(x)


def test_labels_are_dropped_at_the_stated_rate_example_by_example():
    net = Witness()
    ddpm = model("eps", "native", net, label_dropout=0.15).train()
    labels = torch.arange(400) % CLASSES
    images = torch.zeros(400, *SHAPE, dtype=torch.uint8)
    for k in range(20):
        ddpm.loss(images, labels, torch.Generator().manual_seed(k))
    seen = torch.stack(net.labels)
    dropped = seen == ddpm.null
    assert ddpm.null == CLASSES and bool((seen[~dropped] == labels.expand(20, -1)[~dropped]).all())
    assert binomtest(int(dropped.sum()), dropped.numel(), 0.15).pvalue > 0.01
    each = dropped.sum(1)
    assert int(each.min()) > 0 and int(each.max()) < 400, (
        "labels are dropped by batch, not by example"
    )
    # The level rises along the batch: dropout must not.
    halves = dropped[:, :200].sum(), dropped[:, 200:].sum()
    assert binomtest(int(halves[0]), int(halves[0] + halves[1]), 0.5).pvalue > 0.01


@pytest.mark.parametrize("training, rate", [(False, 0.9), (True, 0.0)])
def test_labels_are_never_dropped_in_evaluation_or_at_rate_zero(training, rate):
    net = Witness()
    ddpm = model("eps", "native", net, label_dropout=rate).train(training)
    labels = torch.arange(50) % CLASSES
    ddpm.loss(torch.zeros(50, *SHAPE, dtype=torch.uint8), labels, torch.Generator().manual_seed(0))
    assert torch.equal(net.labels[0], labels)


# Precision, ends, streams.


def test_the_network_alone_runs_in_half_precision():
    class Dtype(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.seen = nn.Linear(2, 2), []

        def forward(self, x, log_snr, labels):
            out = self.linear(x)
            self.seen.append((x.dtype, log_snr.dtype, out.dtype))
            return out

    torch.manual_seed(0)
    net = Dtype()
    ddpm = model("v", "elbo", net).train()
    full = ddpm.example_loss(*batch(ALL))
    ddpm.autocast = torch.bfloat16
    half = ddpm.example_loss(*batch(ALL))
    assert net.seen == [(torch.float32,) * 3, (torch.float32, torch.float32, torch.bfloat16)]
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full, rtol=0.1, atol=0.02)
    ddpm.eval()
    ddpm.example_loss(*batch(ALL))
    assert net.seen[-1] == (torch.float32,) * 3


def test_no_signal_at_the_end_is_refused():
    with pytest.raises(ValueError, match="zero terminal SNR"):
        Table(torch.cat([PROCESS.log_snr[:-1], torch.tensor([-math.inf], dtype=torch.float64)]))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_sample_j_is_the_same_in_batches_of_1_7_and_64(sampler):
    """With a real network: bitwise in its noise, to its own rounding in the result."""
    torch.manual_seed(0)
    net = mlp.Denoiser(SHAPE, CLASSES, 16, 2)
    nn.init.normal_(net.last.weight, std=0.2)
    ddpm = model("eps", "eps-equivalent", net)

    def drawn(size):
        parts = []
        for first in range(0, 64, size):
            rows = range(first, min(first + size, 64))
            streams = PerSample(3, "sample", rows)
            predictor = conditional(ddpm.conditional, torch.tensor([j % CLASSES for j in rows]))
            x = streams.normal(*SHAPE)
            parts.append(
                sample(
                    predictor, SAMPLERS[sampler](), PROCESS, x, lambda s=streams: s.normal(*SHAPE)
                )
            )
        return torch.cat(parts)

    whole = drawn(64)
    assert float(whole.std()) > 0.1
    for size in (1, 7):
        np.testing.assert_allclose(drawn(size), whole, atol=1e-4)


def test_images_are_centred_by_their_levels():
    """A network that answers eps exactly, for x0 at the bins' centres, has no loss."""
    images, labels, i, eps = batch(ALL)
    x0 = centres(images, COUNT).double()
    a, s = (v.view(-1, 1, 1, 1) for v in (PROCESS.a[i], PROCESS.s[i]))

    class Knowing(nn.Module):
        def forward(self, x, log_snr, labels):
            return (x.double() - a * x0) / s

    loss = model("eps", "eps-equivalent", Knowing()).example_loss(images, labels, i, eps)
    assert float(loss.abs().max()) < 1e-9
