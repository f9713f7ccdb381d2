"""One seed of the Langevin experiment: chains on what is known, on a learned score, and between
modes far apart."""

from __future__ import annotations

import copy
import time
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.fitting import fitted
from threetargets.experiments.langevin_density.chains import (
    Gradient,
    Values,
    adjusted,
    apart,
    counted,
    softmax,
    stationary_density,
    stepped,
)
from threetargets.experiments.langevin_density.energy import ScoreNetwork, hyvarinen
from threetargets.experiments.langevin_density.spec import (
    ADJUSTED,
    CHAINS,
    STEPS,
    WALKS,
    LangevinDensity,
)
from threetargets.experiments.line import Line, law
from threetargets.pipeline.records import Figure
from threetargets.streams import generator, key
from threetargets.study.values import Section

REACH, CELLS = 6.0, 1201
SHIFT = 3.0
"""What is added to the score to show that nothing else depends on it."""
SEEN = 40
"""Times at which the share of a mode is kept for the picture."""


def grid() -> Tensor:
    return torch.linspace(-REACH, REACH, CELLS, dtype=torch.float64)


def walked(
    kind: str,
    value: Values,
    gradient: Gradient,
    start: Tensor,
    width: float,
    steps: int,
    source: torch.Generator,
) -> tuple[Tensor, float]:
    """Where the chains are after so many steps, and the share of steps that was accepted."""
    y, taken = start, 0.0
    for _ in range(steps):
        noise = torch.randn(len(y), dtype=torch.float64, generator=source)
        if kind == ADJUSTED:
            coin = torch.rand(len(y), dtype=torch.float64, generator=source)
            y, accepted = adjusted(value, gradient, y, width, noise, coin)
            taken += float(accepted.double().mean()) / steps
        else:
            y = stepped(gradient, y, width, *STEPS[kind], noise)
    return y, taken if kind == ADJUSTED else 1.0


def of_gaussian(block: LangevinDensity, seed: int) -> list[Figure]:
    """Variances on score = -y^2 / (2 v), v the narrowest of the data, as multiples of v; begun at
    the density itself."""
    own, figures, v = block.walking, [], block.narrowest
    for kind in CHAINS:
        for width in own.step_sizes:
            source = generator(seed, "langevin/gaussian", round(1e6 * width))
            start = torch.randn(own.chains, dtype=torch.float64, generator=source) * v**0.5
            steps = round(own.time / width)
            y, taken = walked(
                kind, lambda x: -(x**2) / (2 * v), lambda x: -x / v, start, width, steps, source
            )
            figures.append(
                Figure(f"variance/{kind}/dt{width:g}", float((y**2).mean()) / v, n=len(y))
            )
            if kind == ADJUSTED:
                figures.append(Figure(f"accepted/dt{width:g}", taken))
    return figures


def of_mixture(block: LangevinDensity) -> list[Figure]:
    """Distance of the unadjusted chain's law, exact, to exp(score) / Z and to exp(4 score) / Z."""
    data, places, figures = law(**block.data.model_dump()), grid(), []

    def value(y: Tensor) -> Tensor:
        return data.mixture.log_density(y[:, None])

    sharp = softmax(value, places, 4.0)[0]
    for kind, step in STEPS.items():
        for width in block.walking.step_sizes:
            own = stationary_density(data.score, places, width, *step)
            figures.append(
                Figure(f"law/{kind}/dt{width:g}", apart(own, data.density(places), places))
            )
            figures.append(Figure(f"sharp/{kind}/dt{width:g}", apart(own, sharp, places)))
    return figures


def learned(block: LangevinDensity, seed: int, constant: float = 0.0) -> ScoreNetwork:
    """Trained by score matching, with a constant added to its score before the first step."""
    data, own = law(**block.data.model_dump()), block.energy

    def loss(net: nn.Module, step: int) -> Tensor:
        y = data.draw(own.training.batch, generator(seed, "langevin/train", step)).float()
        return hyvarinen(cast("ScoreNetwork", net), y)

    stream = f"langevin/init/{key(seed, 'langevin/init')}"
    net = fitted(lambda: ScoreNetwork(own.width).raised(constant), loss, own.training, stream)
    return cast("ScoreNetwork", net.double().requires_grad_(False))


def of_energy(block: LangevinDensity, seed: int) -> tuple[list[Figure], dict[str, np.ndarray]]:
    """The learned score's own density by quadrature, its log Z, and where its chains end."""
    net, own, places = learned(block, seed), block.energy, grid()
    data = law(**block.data.model_dump())
    density, log_z = softmax(net, places)
    sharp = softmax(net, places, 4.0)[0]
    true = data.density(places)
    kl = float((true * (true.clamp(min=1e-300) / density).log()).sum() * (places[1] - places[0]))
    figures = [Figure("network_kl", kl), Figure("log_z", log_z)]
    arrays = {"y": places.numpy(), "softmax": density.numpy(), "sharp": sharp.numpy()}
    count, steps = block.walking.chains, round(own.time / own.step)
    start = 2 * torch.randn(count, dtype=torch.float64, generator=generator(seed, "langevin/start"))
    ends = {}
    for kind in CHAINS:
        source = generator(seed, "langevin/network")
        y, _ = walked(kind, net, net.gradient, start, own.step, steps, source)
        ends[kind] = y
        here = counted(y, places)
        figures.append(Figure(f"network/{kind}/softmax", apart(here, density, places), n=count))
        figures.append(Figure(f"network/{kind}/sharp", apart(here, sharp, places), n=count))
        arrays[kind] = y.numpy()
    for name, other in (
        ("chains", copy.deepcopy(net).raised(SHIFT)),
        ("trained", learned(block, seed, SHIFT)),
    ):
        source = generator(seed, "langevin/network")
        y, _ = walked("corrected", other, other.gradient, start, own.step, steps, source)
        figures.append(Figure(f"shift/{name}", float((y - ends["corrected"]).abs().max())))
        figures.append(Figure(f"shift/{name}_log_z", softmax(other, places)[1] - log_z))
    kept = {name: array.astype(np.float32) for name, array in arrays.items()}
    return figures, kept


def noise_levels(block: LangevinDensity) -> list[float]:
    """Geometric, from the coarsest."""
    own = block.annealing
    ratio = (own.sigma_min / own.sigma_max) ** (1 / (own.levels - 1))
    return [own.sigma_max * ratio**k for k in range(own.levels)]


def of_annealing(block: LangevinDensity, seed: int) -> tuple[list[Figure], dict[str, list[float]]]:
    """The share of chains beyond the middle of the two modes, begun evenly around both: at one
    noise level, the last, and from coarse to fine, with as many steps (Song & Ermon 2019)."""
    own = block.annealing
    data, levels = law(**own.data.model_dump()), noise_levels(block)
    last = data.noised(1.0, own.sigma_min)
    middle = float(data.means.mean())
    right = 1 - float(last.below(torch.tensor([middle], dtype=torch.float64)))
    reach = 2 * float((data.means - middle).abs().max())
    every = max(1, own.levels * own.steps // SEEN)
    figures, curves = [Figure("share_exact", right)], {"steps": [], "exact": [right]}
    for kind in WALKS:
        source = generator(seed, "langevin/far")
        uniform = torch.rand(own.chains, dtype=torch.float64, generator=source)
        y, shares, done = middle + reach * (2 * uniform - 1), [], 0
        for sigma in levels if kind == "annealed" else [own.sigma_min] * own.levels:
            here: Line = data.noised(1.0, sigma)
            width = own.step * (sigma / own.sigma_min) ** 2
            for _ in range(own.steps):
                if done % every == 0:
                    shares.append(float((y > middle).double().mean()))
                noise = torch.randn(len(y), dtype=torch.float64, generator=source)
                y, done = stepped(here.score, y, width, *STEPS["corrected"], noise), done + 1
        share = float((y > middle).double().mean())
        figures.append(Figure(f"share/{kind}", share, n=len(y)))
        figures.append(Figure(f"share_error/{kind}", abs(share - right), n=len(y)))
        curves[kind] = [*shares, share]
    curves["steps"] = [*(float(every * k) for k in range(len(curves["plain"]) - 1)), float(done)]
    return figures, curves


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures variance/<chain>/dt<width>, accepted/dt<width>, law and sharp/<chain>/dt<width>,
    network_kl, log_z, network/<chain>/<softmax|sharp>, shift/<chains|trained> (how far
    chains end from the others, a constant added after or before training) and _log_z, share_exact,
    share/<walk> and share_error/<walk>. Distances are Wasserstein-1, in the data's units."""
    assert isinstance(block, LangevinDensity)
    start = time.monotonic()
    figures = [*of_gaussian(block, seed), *of_mixture(block)]
    tell(f"seed {seed}: step sizes ({time.monotonic() - start:.1f} s)")
    more, arrays = of_energy(block, seed)
    tell(f"seed {seed}: learned score ({time.monotonic() - start:.1f} s)")
    last, curves = of_annealing(block, seed)
    tell(f"seed {seed}: far modes ({time.monotonic() - start:.1f} s)")
    return Measured([*figures, *more, *last], {"share": curves}, arrays)
