"""One seed of the inpainting experiment: distances of samples and imputations to the known law."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from threetargets.diffusion.schedule import SCHEDULES, Table, table
from threetargets.experiments.checked_figures import figure
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.inpainting import filling, imputation, laws
from threetargets.experiments.inpainting.laws import Rest
from threetargets.experiments.inpainting.spec import LAWS, METHODS, Imputing, Inpainting
from threetargets.oracles.mixture import Mixture
from threetargets.pipeline.records import Figure
from threetargets.streams import generator
from threetargets.study.values import Section

CHAINS = {"posterior": (False, False), "mean-field": (True, False), "metropolis": (True, True)}
"""Whether q is a mean field, and whether its draws are accepted by Metropolis's rule."""
SHOWN = 400
"""Samples of one condition that are kept for the picture."""


def law_of(block: Inpainting, name: str) -> Mixture:
    if name == "gaussian":
        return laws.correlated(block.correlation)
    return laws.clusters(block.mixture.centres, block.mixture.spread)


def path(block: Inpainting, steps: int) -> Table:
    ends = block.schedule
    return table(SCHEDULES[ends.name](ends.log_snr_max, ends.log_snr_min), steps)


def drawn(block: Inpainting, law: Mixture, method: str, y: Tensor, calls: int, seed: int) -> Tensor:
    """x_2 (B,) by one method with so many calls of a denoiser."""
    source = generator(seed, f"inpainting/{method}", calls)

    def noise(like: Tensor) -> Tensor:
        return torch.randn(like.shape, dtype=torch.float64, generator=source)

    times = block.resampling
    if method == "replacement":
        return filling.replaced(law.predict, path(block, calls), y, noise)
    if method == "resampling":
        return filling.replaced(law.predict, path(block, calls // times), y, noise, times)
    if method == "guided":
        return filling.guided(law.predict, path(block, calls), y, noise)
    return filling.known(laws.rest(law, y), path(block, calls), noise)


def _distance(block: Inpainting, rest: Rest, x: Tensor) -> float:
    """Mean over the conditions of the distance to each one's law."""
    return float(rest.distance(x.view(block.conditions, block.samples)).mean())


def _of_law(block: Inpainting, name: str, seed: int) -> tuple[list[Figure], dict[str, Tensor]]:
    law = law_of(block, name)
    drawn_y = law.draw(block.conditions, generator(seed, f"inpainting/{name}"))[0][:, 0]
    y = drawn_y.repeat_interleave(block.samples)
    rest, count = laws.rest(law, drawn_y), len(y)
    exact = laws.rest(law, y).draw(generator(seed, "inpainting/exact"))
    figures = [Figure(f"{name}/floor", _distance(block, rest, exact), n=count)]
    kept = {f"{name}/data": exact}
    for method in METHODS:
        for calls in block.calls:
            x = drawn(block, law, method, y, calls, seed)
            figures.append(figure(f"{name}/{method}_{calls}", _distance(block, rest, x), count))
        kept[f"{name}/{method}"] = x
    return figures, kept


def _of_model(chosen: Imputing, seed: int, number: int) -> dict[str, float]:
    """Divergences of one model with weights drawn at random, by chain and number of steps."""
    source = generator(seed, "inpainting/vae", number)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    size, count = chosen.visible + chosen.holes, chosen.chains
    weight = normal(size, chosen.latent)
    x = normal(count, chosen.latent) @ weight.T + chosen.std * normal(count, size)
    seen, values = x[:, : chosen.visible], dict[str, float]()
    for name, (diagonal, metropolis) in CHAINS.items():
        vae = imputation.Vae(weight, chosen.std, chosen.holes, diagonal)
        stream = generator(seed, f"inpainting/{name}", number)
        steps = imputation.chain(vae, seen, max(chosen.steps), metropolis, stream)
        for step, holes in enumerate(steps, 1):
            if step in chosen.steps:
                values[f"vae/{name}_{step}"] = imputation.divergence(vae, holes, seen)
    values["vae/floor"] = imputation.divergence(vae, x[:, chosen.visible :], seen)
    return values


def _of_vae(chosen: Imputing, seed: int) -> list[Figure]:
    """Their means over the models; the floor is that of x itself."""
    each = [_of_model(chosen, seed, number) for number in range(chosen.models)]
    means = {name: sum(one[name] for one in each) / len(each) for name in each[0]}
    return [Figure(name, value, n=len(each)) for name, value in means.items()]


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures <law>/<method>_<calls> and <law>/floor, mean Wasserstein-1 distances to p(x_2 | x_1 =
    y) over some y of the law; vae/<chain>_<steps> and vae/floor, nats. Arrays: samples at the
    first y."""
    assert isinstance(block, Inpainting)
    figures, arrays = _of_vae(block.vae, seed), dict[str, np.ndarray]()
    for name in LAWS:
        start = time.monotonic()
        more, kept = _of_law(block, name, seed)
        figures += more
        first = min(SHOWN, block.samples)
        arrays |= {key.replace("/", "_"): x[:first].float().numpy() for key, x in kept.items()}
        tell(f"seed {seed}: {name} ({time.monotonic() - start:.1f} s)")
    return Measured(figures, {}, arrays)
