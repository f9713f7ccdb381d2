"""The first screen's picture and its small table: every target with its best cell."""

from __future__ import annotations

from typing import Any

from threetargets.families.autoencoder import spec as autoencoder
from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.report.parts import comparing, measures
from threetargets.report.parts.captions import commands, context, floor, spread
from threetargets.report.parts.comparing import (
    DIFFERENT,
    EQUAL,
    INCONCLUSIVE,
    NO_DATA,
    WITHIN,
    Comparison,
)
from threetargets.report.parts.drawing import INK, Plot, canvas, legend, plain_log, svg
from threetargets.report.parts.measures import BOUND, FID, Measure
from threetargets.report.parts.palette import light
from threetargets.report.parts.wording import Table, Text, interval, listing, p_value, target
from threetargets.report.parts.wording import cell as named
from threetargets.report.reading.collect import Results
from threetargets.report.reading.courses import courses, worst_end
from threetargets.report.reading.crossed import Levels, own_size
from threetargets.report.reading.crossed import cells as placed
from threetargets.report.topics.of_targets import endpoints
from threetargets.report.topics.of_targets.over_training import in_words
from threetargets.study.values import TARGETS, WEIGHTINGS


def picture(results: Results) -> Plot | None:
    """Bound and FID by target, a panel for each weighting; of a study of the schedule's end the
    bound over it. None without two targets to tell apart in one process."""
    if endpoints.ends(results):
        return endpoints.curves(results)
    if len({place.target for place in placed(results)}) < 2:
        return None
    return by_target(results)


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
    return Text(interval(measures.summary(results, cell, measure)), "", _loss(cell))


CAPTION = (
    "Each target's best cell by either measure, picked on these same figures; how sure: that "
    "cell's bound against the lowest of all, paired by seed, p by Holm over the targets.{needed}"
)
NEEDED = " Images needed: to the bound that the worst of them has in the end, by its curve."


def _standing(results: Results, measure: Measure) -> tuple[Cell, dict[Cell, Comparison]]:
    """The lowest of the targets' best cells, and every other against it; of a target whose best
    cell is another one by construction only the other."""
    bests = [_best(results, name, measure) for name in _targets(results)]
    known = [*dict.fromkeys(results.also.get(cell, cell) for cell in bests if cell)]
    first = comparing.lowest(results, measure, known)
    pairs = [comparing.pair(results, measure, first, c, "targets") for c in known if c != first]
    return first, {c.b: c for c in comparing.family(results, pairs)}


def which(results: Results) -> str:
    """Which target is lowest at its best loss, by the bound and by FID, and how the others stand to
    it. Empty with fewer than two."""
    sentences = []
    seen = [BOUND, *([FID] if results.study.evaluation.extractors else [])]
    for measure, head in zip(seen, ("Likelihood", "Samples"), strict=False):
        first, others = _standing(results, measure)
        if not others:
            continue
        figure = interval(measures.summary(results, first, measure))
        unit = measures.in_unit(results, measure).unit
        figure = f"{figure} {unit}" if unit else f"{measure.label} {figure}"
        parts = [f"{_target(first)} is lowest ({_loss(first)}, {figure})"]
        for words in dict.fromkeys(STANDS.values()):
            names = [_beside_first(c, first) for c, o in others.items() if _stands(o) == words]
            if names:
                of_it = " of it" if words == MARGIN else ""
                parts.append(
                    f"{listing(names)} {'is' if len(names) == 1 else 'are'} {words}{of_it}"
                )
        sentences.append(f"{head}: {'; '.join(parts)}.")
    return f"Each target at its best. {' '.join(sentences)}" if sentences else ""


def _beside_first(cell: Cell, first: Cell) -> str:
    """Its target, with its loss where that is another one."""
    return _target(cell) if _loss(cell) == _loss(first) else f"{_target(cell)} ({_loss(cell)})"


MARGIN = "within the margin"
STANDS = {EQUAL: MARGIN, WITHIN: MARGIN, INCONCLUSIVE: "undecided", DIFFERENT: "higher"}
"""How a target stands to the lowest one, by the verdict of the two."""


def _stands(other: Comparison) -> str:
    return STANDS.get(other.verdict, "")


def _sure(other: Comparison | None) -> Text:
    """How it stands to the lowest, and the p value that this rests on."""
    if other is None or other.verdict == NO_DATA:
        return Text(NO_DATA, "no-data")
    words = _stands(other)
    p = other.p_equal_holm if words == MARGIN else other.p_holm
    note = f"p {p_value(p)}" if p is not None else ""
    return Text(words, other.verdict.replace(" ", "-"), note)


def _target(cell: Cell) -> str:
    return target(diffusion.of(cell).target)


def _loss(cell: Cell) -> str:
    one = diffusion.of(cell)
    return " · ".join([one.weighting, *([one.variant] * bool(one.variant))])


def table(results: Results) -> Table | None:
    """Target, best bound, best FID, and how sure the order is."""
    names = _targets(results)
    best = {name: _best(results, name, BOUND) for name in names}
    known = [name for name in names if best[name]]
    if len(known) < 2:
        return None
    first, others = _standing(results, BOUND)
    seen = [BOUND, *([FID] if results.study.evaluation.extractors else [])]
    cost = _needed(results, [best[name] for name in known])
    rows = []
    for name in known:
        cell = best[name]
        own = results.also.get(cell, cell)
        sure = Text("lowest", "best") if own == first else _sure(others.get(own))
        figures = [_beside(results, name, measure) for measure in seen]
        images = [Text(cost[cell])] if cost else []
        rows.append((Text(target(name)), *figures, *images, sure))
    heads = [f"best {measure.label}" for measure in seen]
    heads[0] += f", {results.unit.name}"
    more = ["images needed"] if cost else []
    head = ("target", *heads, *more, "how sure")
    made = commands(results, "likelihood", "evaluate")
    caption = CAPTION.format(needed=NEEDED if cost else "")
    numeric = frozenset(range(1, len(head) - 1))
    return Table("first", "Every target at its best", head, tuple(rows), caption, made, numeric)


def _needed(results: Results, cells: list[Cell]) -> dict[Cell, str]:
    """The images that each needs to the bound that the worst of them has in the end; empty without
    the bound over training of each."""
    if not all(set(courses(results, c)) == set(results.study.seeds) for c in cells):
        return {}
    levels = worst_end(results, cells)
    return {c: in_words(results, c, levels) for c in cells}


BY_TARGET_CAPTION = "A column for each target{aside}. {spread}.{context}"


def _own(results: Results) -> dict[Levels, Cell]:
    """At the study's size, each model once at a weighting: score is eps at matched ones."""
    size = own_size(results.study)
    known = {place: cell for place, cell in placed(results).items() if place.size == size}
    twin = {c: diffusion.of(own).weighting for c, own in results.also.items()}
    return {place: c for place, c in known.items() if twin.get(c) != place.weighting}


def by_target(results: Results) -> Plot:
    """Bound, and FID where it is measured, by target, a panel for each weighting, as wide as it has
    targets."""
    known = _own(results)
    panels = [w for w in WEIGHTINGS if any(p.weighting == w for p in known)]
    columns = {
        w: [t for t in TARGETS if any((p.target, p.weighting) == (t, w) for p in known)]
        for w in panels
    }
    seen = [BOUND, *([FID] if results.study.evaluation.extractors else [])]
    rows: list[dict[str, Any]] = []
    size = (max(1, len(seen)), max(1, len(panels)))
    wide = {"width_ratios": [len(names) + 0.6 for names in columns.values()] or [1]}
    skips = len({place.input_skip for place in known}) > 1
    shape = (*size, 9.4, 2.3 * size[0] + 0.3)
    with canvas("by-target", *shape, sharey="row", gridspec_kw=wide) as (figure, axes):
        for row, measure in zip(axes, seen, strict=True):
            for panel, (weighting, names) in zip(row, columns.items(), strict=False):
                for place, cell in known.items():
                    if place.weighting == weighting:
                        aside = (0.16 if place.input_skip else -0.16) if skips else 0.0
                        x = names.index(place.target) + aside
                        rows += _mark(results, panel, place, cell, measure, x)
                panel.set_xticks(range(len(names)), [target(t) for t in names])
                panel.set_xlim(-0.6, len(names) - 0.4)
                panel.grid(axis="x", visible=False)
                _lines(results, panel, measure)
            plain_log(row[0])
        for panel, weighting in zip(axes[0], panels, strict=False):
            panel.set_title(weighting)
        for row, measure in zip(axes, seen, strict=True):
            unit = measures.in_unit(results, measure).unit
            row[0].set_ylabel(f"{measure.label}, {unit}" if unit else measure.label)
        legend(figure, axes)
        drawn = svg(figure)
    of_fid = f" FID: {context(results, 'fid')}." if len(seen) > 1 else ""
    caption = BY_TARGET_CAPTION.format(
        aside=_aside(results, skips, len(seen) > 1),
        spread=spread(results),
        context=of_fid,
    )
    made = commands(results, "train", "likelihood", "sample", "evaluate")
    return Plot("by-target", "By target, at each weighting", drawn, rows, caption, made)


def _aside(results: Results, skips: bool, fid: bool) -> str:
    parts = ["filled without, open with an input skip"] if skips else []
    parts += ["dotted: autoencoders"] if _autoencoders(results) else []
    parts += ["dashed: real images (floor)"] if fid else []
    return "".join(f"; {part}" for part in parts)


def _autoencoders(results: Results) -> list[Cell]:
    return [c for c in autoencoder.cells(results.study) if not c.variant]


def _lines(results: Results, panel: Any, measure: Measure) -> None:
    """What the models stand beside: the bounds of autoencoders, the FID of real images."""
    if measure.metric == FID.metric:
        real = floor(results, FID.metric).mean
        if real is not None and real > 0:
            panel.axhline(real, color=INK, linewidth=0.8, linestyle=(0, (4, 2)))
        return
    for cell in _autoencoders(results):
        mean = measures.summary(results, cell, measure).mean
        if mean is not None:
            style = {"color": light(cell.kind), "linewidth": 1.1, "linestyle": (0, (1, 1.4))}
            panel.axhline(mean, label=named(cell), **style)


def _mark(
    results: Results, panel: Any, place: Levels, cell: Any, measure: Measure, x: float
) -> list[dict[str, Any]]:
    """A cell's mean and interval."""
    interval = measures.summary(results, cell, measure)
    if interval.mean is None:
        return []
    colour = light(place.target)
    if interval.low is not None and interval.high is not None:
        panel.plot([x, x], [interval.low, interval.high], color=colour, linewidth=1.2)
    values = results.observe(cell, measure.metric, measure.guidance, measure.gamma).values
    panel.plot([x] * len(values), [*values.values()], ".", color=INK, markersize=2, alpha=0.6)
    face = "none" if place.input_skip else colour
    panel.plot([x], [interval.mean], "o", color=colour, markerfacecolor=face, markersize=5)
    return [
        {
            "measure": measure.label,
            "cell": cell,
            "target": place.target,
            "weighting": place.weighting,
            "input_skip": place.input_skip,
            **place.size._asdict(),
            "mean": interval.mean,
            "low": interval.low,
            "high": interval.high,
            "seeds": interval.n,
        }
    ]
