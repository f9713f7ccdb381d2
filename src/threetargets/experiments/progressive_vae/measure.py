"""One seed of the progressive VAE experiment: Gaussian data, where the phases are known; digits in
two phases and jointly, over the conditional entropy of an encoder's step."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from threetargets.experiments import linear_chain, small_images
from threetargets.experiments.checked_figures import mean_figure
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.digit_sizes import PIXELS
from threetargets.experiments.linear_chain import Chain
from threetargets.experiments.progressive_vae import linear_phases, phases
from threetargets.experiments.progressive_vae.layers import Progressive
from threetargets.experiments.progressive_vae.spec import (
    WAYS,
    Linear,
    ProgressiveVae,
    entropy,
    middle,
)
from threetargets.levels import bits_per_dim
from threetargets.pipeline.records import Figure
from threetargets.streams import generator, key
from threetargets.study.values import Section

SHOWN = 8
"""Samples of each way that are kept for the picture."""


def equal_steps(steps: int, end: float) -> Chain:
    """z_l = sqrt(1 - tau^2) z_{l-1} + tau eps with (1 - tau^2)^L = end."""
    kept = torch.full((steps,), end ** (1 / steps), dtype=torch.float64)
    return Chain(kept.sqrt(), 1 - kept)


def _linear(chosen: Linear, seed: int) -> list[Figure]:
    """Divergences of the model's law from the data's, for encoders drawn at random: the largest of
    full decoders, the means of narrower families; and what a chain of equal steps lacks."""
    source = generator(seed, "progressive_vae/law")
    data, values = linear_chain.covariance(chosen.size, source), dict[str, list[float]]()
    for _ in range(chosen.encoders):
        encoders = linear_phases.drawn(chosen.size, chosen.latents, source)
        best = linear_phases.best(data, encoders, chosen.noise)
        families = {"full": best, "isotropic": best.isotropic(), "standard": best.standard()}
        for name, own in families.items():
            values.setdefault(name, []).append(linear_phases.divergence(data, own.law()))
    figures = [Figure("law/full", max(map(abs, values["full"])), n=chosen.encoders)]
    for name in ("isotropic", "standard"):
        figures.append(Figure(f"law/{name}", float(np.mean(values[name])), n=chosen.encoders))
    for steps in chosen.steps:
        chain = equal_steps(steps, chosen.end)
        gap = linear_chain.chain_gap(data, chain, standard=True)
        figures.append(Figure(f"gap/L{steps}", gap))
        figures.append(Figure(f"entropy/L{steps}", entropy(float(chain.variances[0].sqrt()))))
    return figures


def made(block: ProgressiveVae, way: str, noise: float, seed: int) -> Progressive:
    """Untrained. Seed and shapes alone decide the first weights."""
    chosen = block.digits
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(seed, "progressive_vae/init"))
        net = Progressive(
            chosen.latents,
            noise,
            chosen.width,
            chosen.components,
            fixed=way == "fixed",
            shared=way == "shared",
        )
    return net


def trained(
    block: ProgressiveVae, way: str, noise: float, images: Tensor, seed: int, at_once: bool = False
) -> Progressive:
    """In that way; `at_once`: by the whole bound, whichever it is."""
    chosen, net = block.digits.training, made(block, way, noise, seed)
    drawn = phases.draws(net, images, chosen.batch, seed)
    if at_once or way == "joint":
        phases.joint(net, drawn, chosen)
        return net
    first = phases.together if way == "shared" else phases.apart
    first(net, drawn, chosen)
    phases.phase_two(net, drawn, chosen)
    return net


@torch.no_grad()
def parts(net: Progressive, grey: Tensor, seed: int) -> dict[str, Tensor]:
    """Bits/dim of each image (N,): `phase_one`, `phase_two`, `entropy`, and the `bound`."""
    source = generator(seed, "progressive_vae/evaluation")
    noise = [torch.randn(len(grey), d, generator=source) for d in net.latents]
    nats = {name: value.double() for name, value in net.parts(grey, noise).items()}
    nats["entropy"] = torch.full_like(nats["phase_one"], net.entropy)
    nats["bound"] = nats["phase_one"] + nats["phase_two"] - nats["entropy"]
    return {name: bits_per_dim(value, PIXELS) for name, value in nats.items()}


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures law/<family> and gap/L<L> (nats, Gaussian data), entropy/L<L> (nats per dimension);
    bound/<way>/t<noise> and its parts (bits/dim of the test digits), excess/apart/t<noise> over
    joint and excess/shared/t<noise> over apart, trained/<way>, decoupled: by what fixed encoders'
    bound differs when decoders and prior are trained at once. Arrays: samples of each way."""
    assert isinstance(block, ProgressiveVae)
    figures, arrays = _linear(block.linear, seed), dict[str, np.ndarray]()
    train, test = (small_images.digits(block.split, p).flatten(1) for p in ("train", "test"))
    for noise in block.digits.noises:
        bounds = dict[str, Tensor]()
        for way in WAYS:
            start = time.monotonic()
            net = trained(block, way, noise, train, seed)
            values = parts(net, test, seed)
            bounds[way] = values["bound"]
            figures += [mean_figure(f"{name}/{way}/t{noise:g}", v) for name, v in values.items()]
            if noise == middle(block):
                with torch.no_grad():
                    drawn = net.sample(SHOWN, generator(seed, "progressive_vae/sample"))
                arrays[way] = drawn.view(-1, 8, 8).to(torch.uint8).numpy()
                figures.append(Figure(f"trained/{way}", net.size))
            mean, took = float(bounds[way].mean()), time.monotonic() - start
            tell(f"seed {seed}: tau {noise:g}, {way}: {mean:.3f} bits/dim ({took:.1f} s)")
        figures.append(mean_figure(f"excess/apart/t{noise:g}", bounds["apart"] - bounds["joint"]))
        figures.append(mean_figure(f"excess/shared/t{noise:g}", bounds["shared"] - bounds["apart"]))
        if noise == middle(block):
            other = parts(trained(block, "fixed", noise, train, seed, at_once=True), test, seed)
            figures.append(mean_figure("decoupled", (other["bound"] - bounds["fixed"]).abs()))
    arrays["data"] = test[:SHOWN].view(-1, 8, 8).to(torch.uint8).numpy()
    return Measured(figures, {}, arrays)
