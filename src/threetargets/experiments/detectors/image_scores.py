"""Models of one data set, and what each says of an image: the larger a score, the less the image
seems to be of the data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from threetargets.diffusion.kernel import add_noise, signal_noise
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import SCHEDULES, Schedule
from threetargets.experiments import small_images
from threetargets.experiments.continuous_bound import (
    decoder_of_ends,
    per_draw,
    placed,
    prior_of_ends,
    trained,
)
from threetargets.experiments.detectors.spec import Models, Net
from threetargets.experiments.fitting import fitted
from threetargets.families.autoencoder.model import Vae
from threetargets.levels import centres
from threetargets.likelihood import ode
from threetargets.likelihood.decoders import DECODERS
from threetargets.likelihood.gaussian import log_density
from threetargets.likelihood.importance import log_mean_weights
from threetargets.networks.mlp import Perceptron
from threetargets.streams import generator, key

EACH = 100
"""Images that are scored at a time."""
DRAWS = 16
"""Draws of z at a time."""

Score = Callable[[Tensor], Tensor]
"""Levels (N, C, H, W) -> (N,), float64."""


@dataclass(frozen=True)
class Known:
    """Training images, grey levels (N, C, H, W), their labels (N,), numbers of levels and of
    classes."""

    images: Tensor
    labels: Tensor
    count: int
    classes: int


@torch.no_grad()
def bound(
    predictor: Predictor, schedule: Schedule, levels: Tensor, count: int, draws: int, seed: int
) -> Tensor:
    """The bound on -log p(x_0) in continuous time, nats, (N,): one draw of the noise at each of
    `draws` times, which are one in each of as many equal intervals and the same for all images."""
    x0 = centres(levels, count).double()
    source = generator(seed, "detectors/bound")
    total = prior_of_ends(schedule, x0)
    total = total + decoder_of_ends(schedule, levels, _normal(x0, source), count)
    for k in range(draws):
        t = (k + torch.rand((), generator=source, dtype=torch.float64)) / draws
        log_snr, speed = (v.detach() for v in placed(schedule, t.expand(len(x0))))
        total = total + per_draw(predictor, x0, _normal(x0, source), log_snr, speed) / draws
    return total


def _normal(like: Tensor, source: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=source, dtype=like.dtype)


def by_flow(
    predictor: Predictor,
    schedule: Schedule,
    levels: Tensor,
    count: int,
    steps: int,
    probes: int,
    seed: int,
) -> Tensor:
    """-log p(x) + log q(x | x_0) - log p(x_0 | x), nats, (N,), at one draw x of the first end: p(x)
    by the probability flow, its trace by fixed probes. A bound in expectation, as
    likelihood/ode.py::decoded_log_prob."""
    x0 = centres(levels, count).double()
    source = generator(seed, "detectors/flow")
    eps = _normal(x0, source)
    first = torch.tensor(schedule.log_snr_max, dtype=torch.float64)
    trace = ode.hutchinson(ode.rademacher(probes, x0.shape, source))
    ends = schedule.log_snr_max, schedule.log_snr_min
    density = ode.log_prob(predictor, add_noise(x0, eps, first), *ends, steps, trace)
    _, s = signal_noise(first)
    given = log_density(eps, torch.zeros_like(x0), torch.zeros_like(x0))
    given = given - x0[0].numel() * s.log()
    return given - density + decoder_of_ends(schedule, levels, eps, count)


def autoencoder(models: Models, known: Known, seed: int, stream: str) -> Vae:
    own, training = models.vae, models.vae.training
    shape = known.images.shape[1:]

    def make() -> nn.Module:
        made: nn.Module = Vae(
            shape,
            [own.latent],
            width=own.hidden,
            depth=own.depth,
            decoder=DECODERS["logistic"],
            count=known.count,
        )
        return made

    def loss(net: nn.Module, step: int) -> Tensor:
        source = generator(seed, f"{stream}/train", step)
        x = small_images.batch(known.images, training.batch, source)
        value: Tensor = net(x, x, source)  # labels, which it does not read
        return value

    net = fitted(make, loss, training, f"{stream}/init/{key(seed, stream)}")
    assert isinstance(net, Vae)
    return net.requires_grad_(False)


@torch.no_grad()
def by_importance(net: Vae, levels: Tensor, draws: int, seed: int) -> Tensor:
    """-log of the mean of `draws` importance weights, nats, (N,)."""
    source = generator(seed, "detectors/importance")
    return -log_mean_weights(lambda _, n: net.log_weights(levels, n, source), draws, DRAWS)


def classifier(own: Net, known: Known, seed: int, stream: str) -> nn.Module:
    def make() -> nn.Module:
        made: nn.Module = Perceptron(known.images[0].numel(), known.classes, own.hidden, own.depth)
        return made

    def loss(net: nn.Module, step: int) -> Tensor:
        source = generator(seed, f"{stream}/train", step)
        rows = torch.randint(len(known.images), (own.training.batch,), generator=source)
        logits = net(centres(known.images[rows], known.count).flatten(1))
        return nn.functional.cross_entropy(logits, known.labels[rows])

    return fitted(make, loss, own.training, f"{stream}/init/{key(seed, stream)}")


@torch.no_grad()
def log_probabilities(net: nn.Module, levels: Tensor, count: int) -> Tensor:
    """Of the classes, float64, (N, classes)."""
    return torch.log_softmax(net(centres(levels, count).flatten(1)).double(), 1)


def scores(
    models: Models, known: Known, seed: int, name: str
) -> tuple[dict[str, Score], nn.Module]:
    """What is trained on one data set, as scores of images (nats, but for the classifier's, which
    is minus the log of its largest probability); and the classifier."""
    ends, taken, count = models.ends, models.scoring, known.count
    schedule = SCHEDULES["log-linear"](ends.log_snr_max, ends.log_snr_min)
    stream = f"detectors/{name}"
    predictor = trained(models.denoiser, known.images, count, schedule, seed, f"{stream}/denoiser")
    vae = autoencoder(models, known, seed, f"{stream}/vae")
    judge = classifier(models.classifier, known, seed, f"{stream}/classifier")

    def in_parts(score: Callable[[Tensor, int], Tensor]) -> Score:
        def of(levels: Tensor) -> Tensor:
            parts = enumerate(levels.split(EACH))
            return torch.cat([score(part, key(seed, "detectors/part", k)) for k, part in parts])

        return of

    made = {
        "bound": in_parts(lambda x, k: bound(predictor, schedule, x, count, taken.draws, k)),
        "ode": in_parts(
            lambda x, k: by_flow(predictor, schedule, x, count, taken.steps, taken.probes, k)
        ),
        "vae": in_parts(lambda x, k: by_importance(vae, x, taken.importance, k)),
        "classifier": in_parts(lambda x, k: -log_probabilities(judge, x, count).amax(1)),
    }
    return made, judge
