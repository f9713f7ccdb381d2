"""A restricted Boltzmann machine: its likelihood, and its gradient by sampling and by sums.

p(v, h) = exp(b v + c h + h W v) / Z, v (D,) and h (H,) of 0 and 1. The gradient of log p(v) is what
(h v, v, h) are on average over p(h | v) at the data, less what they are on average over the model;
contrastive divergence takes k sweeps from the data in the place of the model (001, 12.1; Hinton
2002), its persistent form one sweep of chains that go on from step to step (Tieleman 2008).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from threetargets.experiments import small_images
from threetargets.experiments.density_ladder.spec import EXACT, Boltzmann
from threetargets.streams import generator

START = 0.01
"""Standard deviation of the first weights."""


def coins(p: Tensor, source: torch.Generator) -> Tensor:
    """1 with probability p, else 0, in the dtype of p."""
    return (torch.rand(p.shape, generator=source, dtype=p.dtype) < p).to(p)


class Averages(NamedTuple):
    """Of h v (H, D), v (D,), h (H,)."""

    both: Tensor
    visible: Tensor
    hidden: Tensor

    def less(self, other: Averages) -> Averages:
        return Averages(*(a - b for a, b in zip(self, other, strict=True)))

    @property
    def flat(self) -> Tensor:
        return torch.cat([part.flatten() for part in self])


@dataclass(frozen=True)
class Machine:
    """weight W (H, D), visible b (D,), hidden c (H,)."""

    weight: Tensor
    visible: Tensor
    hidden: Tensor

    def double(self) -> Machine:
        return Machine(self.weight.double(), self.visible.double(), self.hidden.double())

    def free_energy(self, v: Tensor) -> Tensor:
        """-log sum_h exp(..) = -log p(v) - log Z, nats, v (N, D): (N,)."""
        return -(v @ self.visible) - softplus(self.hidden + v @ self.weight.T).sum(1)

    def given(self, v: Tensor) -> Tensor:
        """p(h = 1 | v), (N, H)."""
        return torch.sigmoid(self.hidden + v @ self.weight.T)

    def back(self, h: Tensor) -> Tensor:
        """p(v = 1 | h), (N, D)."""
        return torch.sigmoid(self.visible + h @ self.weight)

    def sweep(self, v: Tensor, source: torch.Generator) -> Tensor:
        """All hidden units drawn given v, then all visible ones given them."""
        return coins(self.back(coins(self.given(v), source)), source)

    def states(self) -> tuple[Tensor, Tensor]:
        """All h (2^H, H), and log sum_v exp(..) of each, (2^H,)."""
        count = len(self.hidden)
        place = torch.arange(2**count)
        h = (place[:, None] >> torch.arange(count) & 1).to(self.hidden)
        return h, h @ self.hidden + softplus(self.visible + h @ self.weight).sum(1)

    def log_partition(self) -> float:
        """log Z, by a sum over all h."""
        return float(torch.logsumexp(self.states()[1], 0))

    def at(self, v: Tensor) -> Averages:
        """The averages over v (N, D) and p(h | v)."""
        h = self.given(v)
        return Averages(h.T @ v / len(v), v.mean(0), h.mean(0))

    def model(self) -> Averages:
        """The averages over the model, by a sum over all h."""
        h, log_weight = self.states()
        p = torch.softmax(log_weight, 0)
        v = self.back(h)
        return Averages((p[:, None] * h).T @ v, p @ v, p @ h)

    def moved(self, gradient: Averages, rate: float, decay: float) -> Machine:
        """One step uphill; the weights shrink by rate x decay."""
        weight = self.weight + rate * (gradient.both - decay * self.weight)
        return Machine(
            weight, self.visible + rate * gradient.visible, self.hidden + rate * gradient.hidden
        )


def begun(images: Tensor, hidden: int, source: torch.Generator) -> Machine:
    """Next to nothing between the layers: pixels are independent, each with its own mean (one count
    added to each side)."""
    mean = (images.sum(0) + 1) / (len(images) + 2)
    weight = START * torch.randn(hidden, images.shape[1], generator=source)
    return Machine(weight, torch.logit(mean), torch.zeros(hidden))


def sweeps_of(how: str) -> int:
    """k of cd-k."""
    return int(how.removeprefix("cd-")) if how.startswith("cd-") else 1


def drawn(machine: Machine, v: Tensor, how: str, source: torch.Generator) -> Averages:
    """The model's side of the gradient by sweeps from v, or exact."""
    if how == EXACT:
        return machine.model()
    for _ in range(sweeps_of(how)):
        v = machine.sweep(v, source)
    return machine.at(v)


def trained(
    start: Machine,
    images: Tensor,
    how: str,
    loop: Boltzmann,
    seed: int,
    seen: Callable[[int, Machine], None] = lambda step, machine: None,
) -> Machine:
    """Uphill by one of CHAINS or EXACT, batches drawn with replacement; seen(k, machine) is called
    before step k, and after the last. All are shown the same batches."""
    machine = start
    chains = small_images.batch(images, loop.batch, generator(seed, "density_ladder/chains"))
    for step in range(loop.steps):
        seen(step, machine)
        source = generator(seed, "density_ladder/machine", step)
        v = small_images.batch(images, loop.batch, source)
        if how == "pcd":
            chains = machine.sweep(chains, source)
            model = machine.at(chains)
        else:
            model = drawn(machine, v, how, source)
        rate = loop.learning_rate * (1 - step / loop.steps)
        machine = machine.moved(machine.at(v).less(model), rate, loop.decay)
    seen(loop.steps, machine)
    return machine


def cosine(
    machine: Machine, images: Tensor, how: str, repeats: int, source: torch.Generator
) -> float:
    """Between the gradient of all images by sampling, averaged over some draws, and the exact
    one."""
    data, total = machine.at(images), torch.zeros(())
    for _ in range(repeats):
        total = total + data.less(drawn(machine, images, how, source)).flat
    exact = data.less(machine.model()).flat
    return float(torch.nn.functional.cosine_similarity(total, exact, dim=0))
