"""The diffusion cells of a study by their factors: output space, weighting, and three of the
network; and the largest crossed grids among them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.factors import Array
from threetargets.networks.parameters import NetworkBlock
from threetargets.report.reading.collect import Results
from threetargets.study.schema import Study
from threetargets.study.values import TARGETS, WEIGHTINGS

ONE_LOSS = tuple(w for w in WEIGHTINGS if w != "native")
"""Weightings that are one loss for all targets; the native one is another for each."""
FACTORS = ("output space", "weighting", "input skip", "width", "patch")


class Size(NamedTuple):
    """Of a network: its width, and the side of its patches where it has any, else 0."""

    width: int
    patch: int


class Levels(NamedTuple):
    """What a cell is in each factor."""

    target: str
    weighting: str
    input_skip: bool
    size: Size

    @property
    def factors(self) -> tuple[str | bool | int, ...]:
        """In the order of FACTORS."""
        return (*self[:3], *self.size)


def differs(study: Study, cell: Cell) -> frozenset[str]:
    """The blocks and keys in which a diffusion cell is not as the study has them: network,
    training, and those of the process, such as schedule."""
    one = diffusion.of(cell)
    plain = diffusion.cell_of(one.target, one.weighting)
    process, own = diffusion.process(study, cell), diffusion.process(study, plain)
    parts = {key for key in type(own).model_fields if getattr(process, key) != getattr(own, key)}
    if diffusion.network(study, cell) != diffusion.network(study, plain):
        parts.add("network")
    if diffusion.training(study, cell) != diffusion.training(study, plain):
        parts.add("training")
    return frozenset(parts)


def _size(network: NetworkBlock) -> Size:
    return Size(getattr(network, "width", 0), getattr(network, "patch", 0))


def own_size(study: Study) -> Size:
    """Of the network of cells without a variant."""
    return _size(getattr(study, diffusion.NETWORK))


def levels(results: Results, cell: Cell) -> Levels | None:
    """Of a diffusion cell that differs from the study's own in nothing but a network of the same
    kind; else None."""
    study = results.study
    if cell.kind != diffusion.KIND or not differs(study, cell) <= {"network"}:
        return None
    one, network = diffusion.of(cell), diffusion.network(study, cell)
    if network.name != getattr(study, diffusion.NETWORK).name:
        return None
    return Levels(one.target, one.weighting, network.input_skip, _size(network))


def cells(results: Results) -> dict[Levels, Cell]:
    """Those that the study shows, each in its place."""
    known = ((levels(results, cell), cell) for cell in sorted(results.shown))
    return {place: cell for place, cell in known if place is not None}


@dataclass(frozen=True)
class Grid:
    """A balanced crossed grid: the levels of each factor of which it has two or more, and its
    cells, an axis for each of these."""

    factors: tuple[str, ...]
    levels: tuple[tuple[str | bool | int, ...], ...]
    cells: np.ndarray

    def values(self, results: Results, metric: str, guidance: str, gamma: str) -> Array | None:
        """Of a metric, an axis for each factor and then seeds; None where a cell lacks a seed."""
        seen = [results.observe(c, metric, guidance, gamma).values for c in self.cells.flat]
        if any(set(one) != set(results.study.seeds) for one in seen):
            return None
        values = np.array([[one[s] for s in results.study.seeds] for one in seen])
        return values.reshape(*self.cells.shape, -1)


def _largest(of_target: dict[str, set[str]]) -> tuple[list[str], list[str]]:
    """The targets and weightings that are crossed without a gap in the most cells, and several of
    both where that can be: one weighting is no factor."""
    best: tuple[list[str], list[str]] = [], []
    for size in range(1, len(ONE_LOSS) + 1):
        for some in itertools.combinations(ONE_LOSS, size):
            targets = [t for t, has in of_target.items() if has.issuperset(some)]
            ranks = [
                (min(len(w), 2) * min(len(t), 2), len(w) * len(t))
                for t, w in (best, (targets, some))
            ]
            if ranks[1] > ranks[0]:
                best = targets, list(some)
    return best


def _grid(known: dict[Levels, Cell], sizes: Sequence[Size], skips: Sequence[bool]) -> Grid | None:
    """Of the targets and weightings that have a cell in each of these networks, whose sizes differ
    in one factor at the most."""

    def whole_in(target: str) -> set[str]:
        networks = list(itertools.product(skips, sizes))
        return {w for w in ONE_LOSS if all((target, w, *network) in known for network in networks)}

    targets, weightings = _largest({t: whole_in(t) for t in TARGETS})
    if not weightings or len(targets) < 2:
        return None
    of_sizes = (list(dict.fromkeys(some)) for some in zip(*sizes, strict=True))
    every: tuple[Sequence[str | bool | int], ...] = (targets, weightings, skips, *of_sizes)
    places = itertools.product(targets, weightings, skips, sizes)
    whole = np.array([known[Levels(*place)] for place in places], dtype=object)
    kept = [axis for axis, some in enumerate(every) if len(some) > 1]
    shape = tuple(len(every[axis]) for axis in kept)
    return Grid(
        tuple(FACTORS[axis] for axis in kept),
        tuple(tuple(every[axis]) for axis in kept),
        whole.reshape(shape),
    )


def _skips(known: dict[Levels, Cell], sizes: Sequence[Size]) -> list[bool]:
    """The levels of the input skip that some cell of each size has."""
    of_each = [{place.input_skip for place in known if place.size == size} for size in sizes]
    return sorted(set.intersection(*of_each)) if of_each else []


def grids(results: Results) -> list[Grid]:
    """In networks of the study's own size, and, where there are several, over the widths and over
    the sides of the patches."""
    known = {p: c for p, c in cells(results).items() if p.weighting in ONE_LOSS}
    known = {p: c for p, c in known.items() if p.target != "score"}  # the same as eps
    if not known:
        return []
    own = own_size(results.study)
    sizes = sorted({place.size for place in known}, reverse=True)
    along = ([s for s in sizes if s.patch == own.patch], [s for s in sizes if s.width == own.width])
    some = [_grid(known, [own], _skips(known, [own]))]
    some += [_grid(known, line, _skips(known, line)) for line in along if len(line) > 1]
    return [grid for grid in some if grid is not None and len(grid.factors) > 1]
