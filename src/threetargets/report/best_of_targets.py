"""Every target at its best: in a sentence, and as the first screen's small table."""

from __future__ import annotations

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.statistics import Interval
from threetargets.report.parts import comparing, measures
from threetargets.report.parts.captions import commands
from threetargets.report.parts.comparing import (
    DIFFERENT,
    EQUAL,
    INCONCLUSIVE,
    NO_DATA,
    WITHIN,
    Comparison,
)
from threetargets.report.parts.measures import BOUND, FID, Measure
from threetargets.report.parts.wording import (
    Table,
    Text,
    between,
    count,
    interval,
    listing,
    number,
    ratio,
    signed,
    target,
)
from threetargets.report.reading.collect import Results
from threetargets.report.reading.courses import courses, half_way
from threetargets.report.reading.one_model import shown
from threetargets.report.topics.of_targets.over_training import in_words
from threetargets.study.values import TARGETS


def _seen(results: Results) -> list[Measure]:
    return [BOUND, *([FID] if results.study.evaluation.extractors else [])]


def _bests(results: Results, measure: Measure) -> dict[str, Cell]:
    """Each target's lowest cell, also one that is another target's by construction; without those
    that have no figure."""
    known, cells = {c.target for c in diffusion.cells(results.study)}, shown(results)
    lows = {
        name: measures.lowest(results, measure, [c for c in cells if c.target == name])
        for name in TARGETS
        if name in known
    }
    return {name: cell for name, cell in lows.items() if cell}


def _trained(results: Results, measure: Measure) -> dict[str, Cell]:
    """The same as the cells that were trained: of a target whose best is another one's by
    construction that of the other."""
    return {name: results.also.get(c, c) for name, c in _bests(results, measure).items()}


def _standing(results: Results, measure: Measure) -> tuple[Cell, dict[Cell, Comparison]]:
    """The lowest of the targets' best cells, and every other against it; of a target whose best
    cell is another one's by construction only the other."""
    bests = _trained(results, measure)
    known = [cell for name, cell in bests.items() if diffusion.of(cell).target == name]
    first = measures.lowest(results, measure, known)
    pairs = [comparing.pair(results, measure, c, first, "targets") for c in known if c != first]
    return first, {c.a: c for c in comparing.family(results, pairs)}


def which(results: Results) -> str:
    """Which target is lowest at its best loss, by the bound and by FID, and how the others stand to
    it. Empty with fewer than two."""
    sentences = []
    for measure, head in zip(_seen(results), ("Likelihood", "Samples"), strict=False):
        first, others = _standing(results, measure)
        if not others:
            continue
        bests = _trained(results, measure)
        names = _names(bests)
        figure = interval(measures.summary(results, first, measure))
        unit = measures.in_unit(results, measure).unit
        figure = f"{figure} {unit}" if unit else f"{measure.label} {figure}"
        parts = [f"{names[first]} has the lowest mean ({_loss(first)}, {figure})"]
        for words in OF_IT:
            here = [
                names[c] if _loss(c) == _loss(first) else f"{names[c]} ({_loss(c)})"
                for c, other in others.items()
                if _stands(other) == words
            ]
            if here:
                verb = "is" if len(here) == 1 else "are"
                parts.append(f"{listing(here)} {verb} {words}{OF_IT[words]}")
        parts += _elsewhere(bests)
        sentences.append(f"{head}: {'; '.join(parts)}.")
    return f"Each target at its best. {' '.join(sentences)}" if sentences else ""


def _names(bests: dict[str, Cell]) -> dict[Cell, str]:
    """What a target's best cell is called: the target, and others that have it as their best by
    construction."""
    return {
        cell: " = ".join(
            [target(name), *(target(b) for b in bests if b != name and bests[b] == cell)]
        )
        for name, cell in bests.items()
        if diffusion.of(cell).target == name
    }


def _elsewhere(bests: dict[str, Cell]) -> list[str]:
    """The targets whose best is another target's by construction, but not that one's best."""
    return [
        f"{target(name)} ({_loss(cell)}) is {target(other)}"
        for name, cell in bests.items()
        if (other := diffusion.of(cell).target) != name and bests.get(other) != cell
    ]


MARGIN, UNDECIDED, UNJUDGED = "within the margin", "undecided", "not judged"
HIGHER, LOWER = "higher", "lower"
STANDS = {EQUAL: MARGIN, WITHIN: MARGIN, INCONCLUSIVE: UNDECIDED, NO_DATA: UNJUDGED}
OF_IT = {
    MARGIN: " of it",
    UNDECIDED: " against it",
    HIGHER: "",
    LOWER: " at the seeds that it has",
    UNJUDGED: "",
}
"""How a target stands to the lowest one, and what is said behind it."""


def _stands(other: Comparison) -> str:
    """By the verdict of the two. One that lacks a seed may be lower than the lowest of those that
    lack none."""
    if other.verdict == DIFFERENT:
        return LOWER if other.better == other.a else HIGHER
    return STANDS[other.verdict]


def _loss(cell: Cell) -> str:
    one = diffusion.of(cell)
    return " · ".join([one.weighting, *([one.variant] * bool(one.variant))])


def _figure(results: Results, measure: Measure, cell: Cell | None) -> Text:
    if cell is None:
        return Text("–")
    return Text(interval(measures.summary(results, cell, measure)), "", _loss(cell))


def _sure(
    results: Results,
    measure: Measure,
    name: str,
    cell: Cell | None,
    standing: tuple[Cell, dict[Cell, Comparison]],
) -> Text:
    """How a target stands to the lowest: by how much, over seeds and for all targets at once."""
    first, others = standing
    if cell is None:
        return Text(NO_DATA, "no-data")
    own = results.also.get(cell, cell)
    if diffusion.of(own).target != name:
        return Text(
            f"is {target(diffusion.of(own).target)}", "no-data", _alone(results, measure, name)
        )
    if own == first:
        return Text("lowest", "best")
    other = others[own]
    note = _by(measure, other.difference.interval)
    if other.verdict == NO_DATA:
        note = AT_THE_FLOOR if measure == FID else "no seed has both"
    return Text(_stands(other), other.verdict.replace(" ", "-"), note)


def _alone(results: Results, measure: Measure, name: str) -> str:
    """Of a target whose best is another one's: the lowest of those that are its own."""
    own = [c for c in diffusion.cells(results.study) if c.target == name]
    cell = measures.lowest(results, measure, own)
    if not cell:
        return ""
    return f"{_loss(cell)}: {interval(measures.summary(results, cell, measure))}"


def _by(measure: Measure, apart: Interval) -> str:
    """A difference of bounds; of logarithms of FID's excess the ratio."""
    if apart.mean is None:
        return ""
    if measure == BOUND:
        return f"{signed(apart)} {between(apart)}" if apart.low is not None else signed(apart)
    ends = [apart.mean, *(v for v in (apart.low, apart.high) if v is not None)]
    mean, *both = map(ratio, ends)
    return f"×{mean} [{', '.join(both)}]" if both else f"×{mean}"


AT_THE_FLOOR = "a FID is no larger than that of real images"
CAPTION = (
    "Each target's best cell by either measure, picked on these same figures. How sure: against "
    "the lowest of all, paired by seed, bound by difference and FID by the ratio of its excess "
    "over the floor. Verdicts are Holm's over the targets; the intervals of “how sure” hold for "
    "all targets at once, the others are 95% t intervals, each for itself.{needed}"
)
NEEDED = (
    " Images: to the bound that {first} has after {half}, on the curve's test images and noise "
    "levels; geometric mean over seeds."
)


def table(results: Results) -> Table | None:
    """Target, best bound, best FID, what it costs, and how sure the order is."""
    bests = _bests(results, BOUND)
    if len(bests) < 2:
        return None
    seen = _seen(results)
    standing = {m: _standing(results, m) for m in seen}
    lows = {m: _bests(results, m) for m in seen}
    images, head_of_images, caption = _images(results, bests, standing[BOUND][0])
    rows = []
    for name in bests:
        row = [Text(target(name))]
        for m in seen:
            cell = lows[m].get(name)
            row += [_figure(results, m, cell), _sure(results, m, name, cell, standing[m])]
        rows.append((*row, *([Text(images[name])] if images else [])))
    units = {BOUND: f", {results.unit.name}"}
    head = ["target"]
    for m in seen:
        head += [f"best {m.label}{units.get(m, '')}", f"{m.label}, how sure"]
    head += [head_of_images] if images else []
    made = commands(results, "likelihood", "evaluate")
    numeric = frozenset({*range(1, 2 * len(seen), 2), *([2 * len(seen) + 1] if images else [])})
    caption = CAPTION.format(needed=caption)
    return Table(
        "first", "Every target at its best", tuple(head), tuple(rows), caption, made, numeric
    )


def _images(
    results: Results, bests: dict[str, Cell], first: Cell
) -> tuple[dict[str, str], str, str]:
    """The images that each target's best needs to a useful bound, in words, what the column is
    called, and what stands in the caption; empty without the bound over training of each."""
    if not all(set(courses(results, c)) == set(results.study.seeds) for c in bests.values()):
        return {}, "", ""
    half, levels = half_way(results, first)
    mean = sum(levels.values()) / len(levels)
    words = {name: in_words(results, cell, levels) for name, cell in bests.items()}
    words |= {n: count(half) for n, cell in bests.items() if results.also.get(cell, cell) == first}
    label = f"{target(diffusion.of(first).target)} ({_loss(first)})"
    head = f"images to {number(mean, 3)} {results.unit.name}"
    return words, head, NEEDED.format(first=label, half=count(half))
