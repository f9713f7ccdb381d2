"""The first screen's picture and its small table: every target with its best cell."""

from __future__ import annotations

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.report.parts import comparing, measures
from threetargets.report.parts.captions import commands
from threetargets.report.parts.comparing import NO_DATA
from threetargets.report.parts.drawing import Plot
from threetargets.report.parts.measures import BOUND, FID, Measure
from threetargets.report.parts.wording import Table, Text, interval, target
from threetargets.report.reading import crossed
from threetargets.report.reading.collect import Results
from threetargets.report.topics import output_spaces
from threetargets.study.values import TARGETS


def picture(results: Results) -> Plot | None:
    """Bound and FID by target, a panel for each weighting; None without two targets to tell apart
    in one process."""
    if len({place.target for place in crossed.cells(results)}) < 2:
        return None
    return output_spaces.by_target(results)


def _targets(results: Results) -> list[str]:
    known = {c.target for c in diffusion.cells(results.study)}
    return [t for t in TARGETS if t in known]


def _best(results: Results, name: str, measure: Measure) -> Cell:
    cells = [c for c in diffusion.cells(results.study) if c.target == name]
    return comparing.lowest(results, measure, cells)


def _beside(results: Results, name: str, measure: Measure) -> Text:
    cell = _best(results, name, measure)
    if not cell:
        return Text("–")
    one = diffusion.of(cell)
    where = " · ".join([one.weighting, *([one.variant] * bool(one.variant))])
    return Text(interval(measures.summary(results, cell, measure)), "", where)


CAPTION = (
    "Each target's best cell by either measure, picked on these same figures; how sure: that "
    "cell's bound against the lowest of all, paired by seed, Holm over the targets."
)


def table(results: Results) -> Table | None:
    """Target, best bound, best FID, and how sure the order is."""
    names = _targets(results)
    best = {name: _best(results, name, BOUND) for name in names}
    known = [name for name in names if best[name]]
    if len(known) < 2:
        return None
    first = comparing.lowest(results, BOUND, [best[name] for name in known])
    others = [best[name] for name in known if best[name] != first]
    pairs = comparing.family(
        results, [comparing.pair(results, BOUND, first, c, "targets") for c in others]
    )
    verdicts = {c.b: c.verdict for c in pairs}
    seen = [BOUND, *([FID] if results.study.evaluation.extractors else [])]
    rows = []
    for name in known:
        cell = best[name]
        verdict = verdicts.get(cell, NO_DATA)
        sure = Text("lowest", "best") if cell == first else Text(verdict, verdict.replace(" ", "-"))
        figures = [_beside(results, name, measure) for measure in seen]
        rows.append((Text(target(name)), *figures, sure))
    heads = [f"best {measure.label}" for measure in seen]
    heads[0] += f", {results.unit.name}"
    head = ("target", *heads, "how sure")
    made = commands(results, "likelihood", "evaluate")
    numeric = frozenset(range(1, len(seen) + 1))
    return Table("first", "Every target at its best", head, tuple(rows), CAPTION, made, numeric)
