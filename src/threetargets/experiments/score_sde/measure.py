"""One seed of the score SDE experiment: the chain beside its limit, both losses, and the reversed
equations."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from threetargets.calibration.quadrature import slope
from threetargets.diffusion.kernel import signal_noise
from threetargets.experiments.checked_figures import figure
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.fitting import fitted
from threetargets.experiments.line import Line, distance, law, wasserstein
from threetargets.experiments.manifold.perceptron import Narrow
from threetargets.experiments.no_label import NOBODY
from threetargets.experiments.score_sde import norms
from threetargets.experiments.score_sde.equations import MADE, chain
from threetargets.experiments.score_sde.solvers import SOLVERS, flow_heun, normal
from threetargets.experiments.score_sde.spec import LOSSES, ScoreSde
from threetargets.pipeline.records import Figure
from threetargets.streams import generator, key
from threetargets.study.values import Section

Field = Callable[[Tensor, float], Tensor]
"""(x (N,), t) -> the noise eps^ in it (N,)."""
FIELDS = ("exact", "median")
SEEN = 400
"""Points of the picture of the fields."""


def data_of(block: ScoreSde) -> Line:
    return law(block.data.weights, block.data.means, block.data.spreads)


def chained(block: ScoreSde, data: Line, steps: int) -> tuple[float, float, float]:
    """The largest over the times of: Wasserstein-1 distance of the chain's law to the equation's,
    difference of means, difference of variances."""
    process, (a, s) = MADE["vp"](block.process), chain(block.process, steps)
    worst = [0.0, 0.0, 0.0]
    for k in range(1, block.chain.times + 1):
        t, i = k / block.chain.times, k * steps // block.chain.times
        one = data.noised(float(a[i]), float(s[i]))
        limit = data.noised(process.a(t), process.s(t))
        gaps = [abs(u - v) for u, v in zip(one.moments, limit.moments, strict=True)]
        worst = [max(w, g) for w, g in zip(worst, [wasserstein(one, limit), *gaps], strict=True)]
    return worst[0], worst[1], worst[2]


def of_chain(block: ScoreSde) -> list[Figure]:
    figures = []
    mixture = data_of(block)
    for name, data in (("mixture", mixture), ("gaussian", mixture.matched())):
        values = {steps: chained(block, data, steps) for steps in block.chain.steps}
        for steps, (far, mean, variance) in values.items():
            figures.append(Figure(f"chain_distance/{name}/T{steps}", far))
            figures.append(Figure(f"chain_mean/{name}/T{steps}", mean))
            figures.append(Figure(f"chain_variance/{name}/T{steps}", variance))
        last = block.chain.steps[-2:]
        figures.append(Figure(f"chain_order/{name}", slope({t: values[t][0] for t in last})))
    return figures


def of_solvers(block: ScoreSde, seed: int) -> list[Figure]:
    """Distance of the samples to the law that the process has at its end, in standard deviations of
    the data; start and noise are those of the process's prior N(0, s(1)^2), whose start is even."""
    data, solving, figures = data_of(block), block.solving, []
    deviation = math.sqrt(data.moments[1])
    for name, made in MADE.items():
        process = made(block.process)
        end = data.noised(process.a(block.process.end), process.s(block.process.end))
        prior = law([1.0], [0.0], [process.s(1.0)]).spread_evenly(solving.samples)

        def score(x: Tensor, t: float, process: object = process) -> Tensor:
            return data.noised(process.a(t), process.s(t)).score(x)  # type: ignore[attr-defined]

        for method, solve in SOLVERS.items():
            for count in solving.evaluations:
                source = generator(seed, "score-sde/noise", count)
                noise = normal(solving.samples, source)
                start = prior[torch.randperm(solving.samples, generator=source)]
                x = solve(process, score, start, count, block.process.end, solving.snr, noise)
                far = distance(x, end) / deviation
                figures.append(figure(f"solved/{name}/{method}/n{count}", far, len(x)))
    drawn = data.draw(solving.samples, generator(seed, "score-sde/data"))
    figures.append(Figure("solved_floor", distance(drawn, data) / deviation, n=len(drawn)))
    return figures


def learned(block: ScoreSde, name: str, seed: int) -> nn.Module:
    """Batches and initial weights are the same for both losses."""
    own, data, first = block.matching, data_of(block), block.process.end
    equation = block.process

    def log_snr(t: Tensor) -> Tensor:
        gathered = equation.beta_start * t
        gathered = gathered + (equation.beta_end - equation.beta_start) * t**2 / 2
        return -torch.log(torch.expm1(gathered))

    def loss(net: nn.Module, step: int) -> Tensor:
        source = generator(seed, "score-sde/train", step)
        x0 = data.draw(own.training.batch, source)
        t = first + (1 - first) * torch.rand(len(x0), generator=source, dtype=torch.float64)
        a, s = signal_noise(log_snr(t))
        eps = torch.randn(len(x0), generator=source, dtype=torch.float64)
        out = net((a * x0 + s * eps)[:, None].float(), log_snr(t).float(), NOBODY)
        return norms.matching(out, eps[:, None].float(), name == "squared")

    return fitted(
        lambda: Narrow(1, own.width, own.depth),
        loss,
        own.training,
        f"score-sde/init/{key(seed, 'score-sde/init')}",
    )


def fields(block: ScoreSde, nets: dict[str, nn.Module]) -> dict[str, Field]:
    """The exact mean and median of eps, and what each network says of it."""
    data, process = data_of(block), MADE["vp"](block.process)

    def exact(x: Tensor, t: float) -> Tensor:
        return norms.mean_noise(data, x, process.a(t), process.s(t))

    def median(x: Tensor, t: float) -> Tensor:
        return norms.median_noise(data, x, process.a(t), process.s(t))

    def of(net: nn.Module) -> Field:
        @torch.no_grad()
        def field(x: Tensor, t: float) -> Tensor:
            level = norms.log_snr(process.a(t), process.s(t)).float().view(1)
            out: Tensor = net(x[:, None].float(), level, NOBODY)[:, 0].double()
            return out

        return field

    return {"exact": exact, "median": median, **{name: of(net) for name, net in nets.items()}}


def levels(block: ScoreSde) -> list[float]:
    """Times at the middles of even parts of the training's."""
    first, count = block.process.end, block.matching.levels
    return [first + (1 - first) * (k + 0.5) / count for k in range(count)]


def apart(block: ScoreSde, some: dict[str, Field], one: str, other: str) -> list[float]:
    """E |one - other|^2 at each level, x_t at even quantiles of its law."""
    data, process, gaps = data_of(block), MADE["vp"](block.process), []
    for t in levels(block):
        x = data.noised(process.a(t), process.s(t)).spread_evenly(block.matching.points)
        gaps.append(float((some[one](x, t) - some[other](x, t)).square().mean()))
    return gaps


def root(values: list[float]) -> float:
    return math.sqrt(sum(values) / len(values))


def generated(block: ScoreSde, field: Field) -> float:
    """Distance to the law at the end of what the probability flow makes by this field."""
    data, process = data_of(block), MADE["vp"](block.process)
    end = data.noised(process.a(block.process.end), process.s(block.process.end))
    start = law([1.0], [0.0], [process.s(1.0)]).spread_evenly(block.matching.points)

    def score(x: Tensor, t: float) -> Tensor:
        return -field(x, t) / process.s(t)

    noise = normal(len(start), torch.Generator())
    count = block.solving.evaluations[-1]
    x = flow_heun(process, score, start, count, block.process.end, 0.0, noise)
    return distance(x, end) / math.sqrt(data.moments[1])


def of_matching(block: ScoreSde, seed: int) -> tuple[list[Figure], dict[str, np.ndarray]]:
    """How far each network is from the mean and from the median; what the flow makes by each; and
    the four fields at the level where mean and median are furthest apart."""
    some = fields(block, {name: learned(block, name, seed) for name in LOSSES})
    gaps = apart(block, some, *FIELDS)
    figures = [Figure("field_gap", root(gaps))]
    for name in LOSSES:
        for centre, what in zip(FIELDS, ("score", "median"), strict=True):
            value = root(apart(block, some, name, centre))
            figures.append(Figure(f"field_error/{name}/{what}", value))
    figures += [
        Figure(f"generated/{name}", generated(block, field)) for name, field in some.items()
    ]
    t = levels(block)[gaps.index(max(gaps))]
    process = MADE["vp"](block.process)
    here = data_of(block).noised(process.a(t), process.s(t))
    low, high = map(float, here.spread_evenly(2000)[[100, -101]])
    x = torch.linspace(low, high, SEEN, dtype=torch.float64)
    arrays = {name: (-field(x, t) / process.s(t)).float().numpy() for name, field in some.items()}
    at = torch.tensor([t, process.a(t), process.s(t)])
    return figures, {"x": x.float().numpy(), "at": at.numpy(), **arrays}


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures chain_<distance|mean|variance>/<law>/T<T>, chain_order/<law>, solved/<process>/
    <method>/n<evaluations>, solved_floor, field_gap, field_error/<loss>/<score|median> and
    generated/<field>. Distances are Wasserstein-1: of chains in the data's units, else in standard
    deviations of the data; fields are compared as eps."""
    assert isinstance(block, ScoreSde)
    start = time.monotonic()
    figures = of_chain(block)
    tell(f"seed {seed}: chains ({time.monotonic() - start:.1f} s)")
    figures += of_solvers(block, seed)
    tell(f"seed {seed}: solvers ({time.monotonic() - start:.1f} s)")
    more, arrays = of_matching(block, seed)
    tell(f"seed {seed}: score matching ({time.monotonic() - start:.1f} s)")
    return Measured([*figures, *more], {}, arrays)
