"""One seed of the density_ladder experiment: digits, a plane, and a biased gradient."""

from __future__ import annotations

import functools
import math
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from threetargets.calibration.quadrature import slope
from threetargets.experiments import score_matching
from threetargets.experiments.checked_figures import figure
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.density_ladder import mixtures, plane, ratio, rungs
from threetargets.experiments.density_ladder.mixtures import GaussianMixture
from threetargets.experiments.density_ladder.plane import CELL, FAR, FINE, REACH, Energy
from threetargets.experiments.density_ladder.spec import ENERGIES, SIZES, DensityLadder
from threetargets.experiments.fitting import fitted
from threetargets.experiments.small_images import batch
from threetargets.pipeline.records import Figure
from threetargets.streams import generator
from threetargets.study.values import Section

RIDGE = 1e-6
"""On the diagonals of covariances, as scikit-learn has it."""
WINDOW, PICTURE = 2.4, 61
"""Half the width of the picture of the plane, and its points along a side."""


def gaussians(x: Tensor, components: int, block: DensityLadder, seed: int) -> GaussianMixture:
    """By expectation-maximisation, the best of some starts; x (N, 2), float64."""

    def start(k: int) -> GaussianMixture:
        source = generator(seed, "density_ladder/gaussians", components, k)
        return mixtures.gaussian_start(x, components, source)

    own = block.mixture
    maximised = functools.partial(mixtures.gaussian_maximised, ridge=RIDGE)
    return mixtures.best_of(own.starts, start, x, maximised, own.iterations)


def energy(block: DensityLadder, x: Tensor, how: str, seed: int) -> Energy:
    """Trained on batches of x (N, 2), float32, by one of ENERGIES."""
    own = block.plane
    points = plane.grid(REACH, CELL).float()

    def loss(net: nn.Module, step: int) -> Tensor:
        source = generator(seed, "density_ladder/plane", step)
        some = batch(x, own.training.batch, source)
        if how == "likelihood":
            return plane.log_integral(net(points), CELL) - net(some).mean()
        if how == "sliced":
            signs = 2.0 * torch.randint(2, some.shape, generator=source) - 1
            return score_matching.sliced(net, some, signs)
        return score_matching.hyvarinen(net, some)

    stream = f"density_ladder/energy/{seed}"
    net = fitted(lambda: Energy(own.width, own.depth), loss, own.training, stream)
    assert isinstance(net, Energy)
    return net.requires_grad_(False)


def _window() -> Tensor:
    line = torch.linspace(-WINDOW, WINDOW, PICTURE, dtype=torch.float64)
    return torch.cartesian_prod(line, line)


def _plane(
    block: DensityLadder, seed: int, tell: Tell
) -> tuple[list[Figure], dict[str, np.ndarray]]:
    """Excess of -E log q over the entropy of the known density, nats, and shares of the Gaussian's
    excess."""
    start, own = time.monotonic(), block.plane
    law, far, window = plane.law(own), plane.grid(FAR, FINE), _window()
    x, _ = law.draw(own.points, generator(seed, "density_ladder/points"))
    log_p = law.log_density(far)
    entropy = -float((log_p.exp() * log_p).sum()) * FINE**2
    excess = {}
    for name, components in (("gaussian", 1), ("mixture", len(own.weights))):
        model = gaussians(x, components, block, seed)
        excess[name] = plane.divergence(log_p, mixtures.log_density(model, far), FINE)
    arrays = {"plane/law": law.log_density(window).float().numpy()}
    for how in ENERGIES:
        net = energy(block, x.float(), how, seed).double()
        log_f = net(far)
        excess[how] = plane.divergence(log_p, log_f, FINE)
        log_z = plane.log_integral(log_f, FINE)
        arrays[f"plane/{how}"] = (net(window) - log_z).float().numpy()
    figures = [Figure("plane/entropy", entropy)]
    for name, value in excess.items():
        figures.append(figure(f"plane/{name}/excess", value))
        if name != "gaussian":
            figures.append(figure(f"plane/{name}/share", value / excess["gaussian"]))
    tell(f"seed {seed}: the plane ({time.monotonic() - start:.1f} s)")
    return figures, arrays


def _ratio(block: DensityLadder, seed: int) -> list[Figure]:
    """Bias and standard deviation of the gradient by k draws, over the length of the exact one, and
    the order in 1/k of the bias, by a line and between the two largest k."""
    own, source = block.ratio, generator(seed, "density_ladder/ratio")
    model = ratio.drawn(own.states, own.pixels, source)
    x = (torch.rand(own.images, own.pixels, generator=source) < 0.5).double()
    exact = model.exact(x)
    size, biases, figures = float(exact.norm()), {}, []
    for k in own.draws:
        mean, variance = model.by_draws(x, k)
        biases[k] = float((mean - exact).norm()) / size
        figures += [
            Figure(f"ratio/bias_k{k}", biases[k]),
            Figure(f"ratio/std_k{k}", math.sqrt(variance) / size),
        ]
    for name, some in (("order", own.fitted), ("last-order", sorted(own.draws)[-2:])):
        figures.append(figure(f"ratio/{name}", slope({k: biases[k] for k in some})))
    return figures


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures pixels/test and train (nats, independent pixels), those of `rungs.measured` for each
    size, plane/entropy, plane/<model>/excess and share, ratio/bias_k<k>, std_k<k>, order and
    last-order."""
    assert isinstance(block, DensityLadder)
    own = rungs.digits(block)
    plain = rungs.Made()
    single = rungs.mixture(block, own.train, 1, seed)
    plain.nats("pixels", own, lambda v: -mixtures.log_density(single, v.double()))
    plain.samples("data", own.test)
    sizes = [plain, *(rungs.measured(block, own, size, seed, tell) for size in SIZES)]
    figures, arrays = _plane(block, seed, tell)
    curves = dict[str, Any]()
    for made in sizes:
        curves |= made.curves
        arrays |= made.arrays
    figures += [figure for made in sizes for figure in made.figures]
    return Measured([*figures, *_ratio(block, seed)], curves, arrays)
