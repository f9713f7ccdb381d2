"""The bound in continuous time, a draw of t at a time.

    -log p(x_0) <= KL(q(x_1 | x_0) || N(0, I)) - E log p(x_0 | x at t = 0)
                   + E 1/2 |eps - eps^(x_t, l)|^2 (-dl/dt),    t even in [0, 1], l = log-SNR

(Kingma et al. 2021, arXiv:2107.00630.) The first two terms know the ends of the schedule alone, and
so does the last: it is an integral over l.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from threetargets.diffusion.kernel import add_noise, signal_noise
from threetargets.diffusion.predictor import Predictor, predict
from threetargets.diffusion.schedule import Schedule
from threetargets.diffusion.target import TARGETS, Prediction
from threetargets.diffusion.times import stratified
from threetargets.experiments import small_images
from threetargets.experiments.denoising import Denoising
from threetargets.experiments.fitting import fit
from threetargets.experiments.no_label import NOBODY
from threetargets.levels import centres
from threetargets.likelihood.gaussian import kl_to_standard, total
from threetargets.networks.mlp import Denoiser
from threetargets.streams import generator, key


def placed(schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
    """l and -dl/dt at t (N,), float64, both differentiable in what the schedule learns."""
    with torch.enable_grad():
        t = t.detach().double().requires_grad_(True)
        log_snr = schedule.log_snr(t)
        (slope,) = torch.autograd.grad(log_snr.sum(), t, create_graph=True)
    return log_snr, -slope


def per_draw(
    predictor: Predictor, x0: Tensor, eps: Tensor, log_snr: Tensor, speed: Tensor
) -> Tensor:
    """1/2 |eps - eps^|^2 (-dl/dt) of each example (N, ...) at its own l and -dl/dt (N,): nats,
    (N,)."""
    error = eps - predictor(add_noise(x0, eps, log_snr), log_snr).eps
    return 0.5 * speed.to(error) * total(error.square())


def loss(predictor: Predictor, schedule: Schedule, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    """The mean of `per_draw`, shape (). Backward gives a network the gradient of this mean, and a
    schedule that learns that of the log of the mean square, in one pass (the same source, appendix
    I.2, without the log, which keeps its size while the network's error falls)."""
    log_snr, speed = placed(schedule, t)
    if not isinstance(schedule, nn.Module):
        log_snr, speed = log_snr.detach(), speed.detach()
    value = per_draw(predictor, x0, eps, log_snr, speed)
    if isinstance(schedule, nn.Module):
        had = value.detach()
        factor = 2 * had / had.square().mean()
        for one in (log_snr, speed):
            one.register_hook(lambda gradient: gradient * factor.to(gradient))
    return value.mean()


def prior_of_ends(schedule: Schedule, x0: Tensor) -> Tensor:
    """KL(q(x_1 | x_0) || N(0, I)) of x0 (N, ...), nats, (N,)."""
    a, s = signal_noise(torch.tensor(schedule.log_snr_min, dtype=torch.float64))
    x0 = x0.double()
    return kl_to_standard(a * x0, s.log().expand_as(x0))


def decoder_of_ends(schedule: Schedule, levels: Tensor, eps: Tensor, count: int) -> Tensor:
    """-log p(x_0 | x) of images of `count` grey levels (N, ...) at x = a x_0 + s eps, t = 0: nats,
    (N,). It holds no network: p(k | x) is proportional to N(x; a c_k, s^2), c_k the centre of level
    k."""
    a, s = signal_noise(torch.tensor(schedule.log_snr_max, dtype=torch.float64))
    x = a * centres(levels, count).double() + s * eps.double()
    places = a * centres(torch.arange(count), count).double()
    far = -0.5 * ((x[..., None] - places) / s).square()
    return -total(torch.log_softmax(far, -1).gather(-1, levels[..., None])[..., 0])


def trained(
    own: Denoising, images: Tensor, count: int, schedule: Schedule, seed: int, stream: str
) -> Predictor:
    """A perceptron for images of `count` grey levels (N, C, H, W) by `loss`; a schedule that learns
    is trained with it. First weights, data, noise and t are functions of (seed, stream), whatever
    the schedule."""
    target = TARGETS[own.target]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(seed, f"{stream}/init"))
        net = Denoiser(images.shape[1:], 1, own.hidden, own.depth)

    def predictor(x_t: Tensor, log_snr: Tensor) -> Prediction:
        return predict(net, target, x_t, log_snr, NOBODY)

    def at(step: int) -> Tensor:
        source = generator(seed, f"{stream}/train", step)
        x0 = centres(small_images.batch(images, own.training.batch, source), count)
        eps = torch.randn(x0.shape, generator=source)
        return loss(predictor, schedule, x0, eps, stratified(len(x0), source))

    learns = [schedule] if isinstance(schedule, nn.Module) else []
    fit(nn.ModuleList([net, *learns]), at, own.training)
    return predictor
