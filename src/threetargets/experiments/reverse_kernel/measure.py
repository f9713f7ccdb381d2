"""One seed of the reverse kernel experiment: a law, its reverse steps over beta, and networks that
learn them."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from torch import Tensor, nn

from threetargets.calibration.reverse_steps import GRID, Reverse, divergences, missed_by, reverse
from threetargets.diffusion.schedule import SCHEDULES, Table, table
from threetargets.experiments.checked_figures import figure
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.fitting import fitted
from threetargets.experiments.line import Line, law
from threetargets.experiments.manifold.perceptron import Narrow
from threetargets.experiments.no_label import NOBODY
from threetargets.experiments.reverse_kernel.regressions import (
    Mean,
    constants,
    drawn,
    excess,
    read,
)
from threetargets.experiments.reverse_kernel.spec import KINDS, ReverseKernel
from threetargets.pipeline.records import Figure
from threetargets.streams import generator, key
from threetargets.study.values import Section

FAINT = 1e-3
"""A maximum below so much of the highest is not counted as a mode."""


def data_of(block: ReverseKernel, seed: int) -> Line:
    """Weights from 0.2 to 1 before they are normed, means within 1.2, deviations from 0.08 to
    0.25."""
    source = generator(seed, "reverse-kernel/law")
    u = torch.rand(3, block.parts, dtype=torch.float64, generator=source)
    weights, means, spreads = 0.2 + 0.8 * u[0], 2.4 * u[1] - 1.2, 0.08 + 0.17 * u[2]
    return law(weights.tolist(), means.sort().values.tolist(), spreads.tolist())


def stepped(log_snr: float, beta: float) -> tuple[Tensor, Tensor]:
    """log-SNR of x_{i-1} and of x_i = sqrt(1 - beta) x_{i-1} + sqrt(beta) eps: abar falls by 1 -
    beta."""
    near = torch.tensor(log_snr, dtype=torch.float64)
    return near, torch.logit(torch.sigmoid(near) * (1 - beta))


def modes(own: Reverse) -> np.ndarray:
    """Maxima of each density on the grid, (n,)."""
    p = own.p
    top = (p[1:-1] > p[:-2]) & (p[1:-1] >= p[2:]) & (p[1:-1] > FAINT * p.max(0))
    count: np.ndarray = top.sum(0)
    return count


def of_steps(block: ReverseKernel, data: Line) -> tuple[list[Figure], dict[str, np.ndarray]]:
    """Mean divergence from the Gaussian of the same moments, share of x_i with several modes, and
    the least Gaussian kernel of each beta for the picture."""
    figures, arrays, far = [], {"x": GRID.astype(np.float32)}, {}
    for beta in block.step.betas:
        own = reverse(*stepped(block.step.log_snr, beta), data.mixture)
        each = divergences(own)
        far[beta] = float(own.weight @ each)
        several = float(own.weight @ (modes(own) > 1))
        figures.append(Figure(f"divergence/b{beta:g}", far[beta]))
        figures.append(Figure(f"several/b{beta:g}", several))
        usual = np.where(own.weight > own.weight.max() / 20, each, -1)
        arrays[f"kernel_{beta:g}"] = np.exp(own.log_p[:, int(usual.argmax())]).astype(np.float32)
    low, high = block.step.betas[:2]
    order = math.log(far[high] / far[low]) / math.log(high / low)
    return [*figures, Figure("divergence_order", order)], arrays


def levels(block: ReverseKernel) -> Table:
    ends = block.regression.process.schedule
    schedule = SCHEDULES[ends.name](ends.log_snr_max, ends.log_snr_min)
    return table(schedule, block.regression.process.steps)


def learned(block: ReverseKernel, data: Line, kind: str, steps: int, seed: int) -> Mean:
    """A network of this kind after so many steps; draws and first weights are the same for all."""
    own, path = block.regression, levels(block)

    def output(net: nn.Module, x: Tensor, i: Tensor) -> Tensor:
        out: Tensor = net(x[:, None].float(), path.log_snr[i].float(), NOBODY)[:, 0]
        return read(kind, out.double(), path, x, i)

    def loss(net: nn.Module, step: int) -> Tensor:
        source = generator(seed, "reverse-kernel/train", step)
        i, x, before, mean = drawn(data, path, own.training.batch, source)
        target = mean if kind == "denoising" else before
        squared = (output(net, x, i) - target).square()
        return (squared / (2 * constants(path, i).C)).mean()

    stream = f"reverse-kernel/init/{key(seed, 'reverse-kernel/init')}"
    fit = own.training.model_copy(update={"steps": steps})
    net = fitted(lambda: Narrow(1, own.width, own.depth), loss, fit, stream)
    return lambda x, i: output(net, x, i)


def of_targets(block: ReverseKernel, data: Line) -> list[Figure]:
    """Variance of what is regressed given x_i, over C_i, the mean over i = 2..T: A^2 Var(x_0 | x_i)
    for the mean given clean data, C more for x_{i-1} itself."""
    path = levels(block)
    i = torch.arange(2, path.steps + 1)
    q = constants(path, i)
    own = float((q.A**2 * missed_by(path, data.mixture)[1:] / q.C).mean())
    return [
        Figure("target_variance/denoising", own),
        Figure("target_variance/kernel", own + 1.0),
    ]


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures divergence/b<beta> (nats), several/b<beta> (share of x_i), divergence_order,
    target_variance/<denoising|kernel> and excess/<kind>/n<steps> (nats)."""
    assert isinstance(block, ReverseKernel)
    begun, data = time.monotonic(), data_of(block, seed)
    figures, arrays = of_steps(block, data)
    figures += of_targets(block, data)
    tell(f"seed {seed}: reverse steps ({time.monotonic() - begun:.1f} s)")
    for steps in block.regression.steps:
        for kind in KINDS:
            mean = learned(block, data, kind, steps, seed)
            value = excess(data, levels(block), mean, block.regression.points)
            figures.append(figure(f"excess/{kind}/n{steps}", value, block.regression.points))
        tell(f"seed {seed}: {steps} steps ({time.monotonic() - begun:.1f} s)")
    return Measured(figures, {}, arrays)
