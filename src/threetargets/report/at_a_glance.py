"""The first screen's picture: every target at each weighting."""

from __future__ import annotations

from typing import Any

from threetargets.families.autoencoder import spec as autoencoder
from threetargets.families.cell import Cell
from threetargets.report.parts import measures
from threetargets.report.parts.captions import commands, context, floor, spread
from threetargets.report.parts.drawing import INK, Plot, canvas, legend, plain_log, svg
from threetargets.report.parts.measures import BOUND, FID, Measure
from threetargets.report.parts.palette import light
from threetargets.report.parts.wording import cell as named
from threetargets.report.parts.wording import count, listing, target
from threetargets.report.reading.collect import Results
from threetargets.report.reading.crossed import Levels, own_size
from threetargets.report.reading.crossed import cells as placed
from threetargets.report.reading.one_model import twin
from threetargets.report.reading.setting import images_seen
from threetargets.report.topics.of_targets import endpoints
from threetargets.study.values import TARGETS, WEIGHTINGS


def picture(results: Results) -> Plot | None:
    """Bound and FID by target, a panel for each weighting; of a study of the schedule's end the
    bound over it. None without two targets to tell apart in one process."""
    if endpoints.ends(results):
        return endpoints.curves(results)
    if len({place.target for place in placed(results)}) < 2:
        return None
    return by_target(results)


BY_TARGET_CAPTION = "A column for each target{aside}. {spread}.{context}"


def _own(results: Results) -> dict[Levels, Cell]:
    """At the study's size, each model once at a weighting: score is eps at matched ones."""
    size = own_size(results.study)
    known = {place: cell for place, cell in placed(results).items() if place.size == size}
    return {place: c for place, c in known.items() if not twin(results, c)}


def _twins(results: Results) -> str:
    """Which targets are another one, and where."""
    where: dict[tuple[str, str], list[str]] = {}
    for place, cell in placed(results).items():
        if other := twin(results, cell):
            where.setdefault((place.target, other), []).append(place.weighting)
    return "; ".join(
        f"{target(name)} is {target(other)} at {listing([w for w in WEIGHTINGS if w in at])}"
        for (name, other), at in where.items()
    )


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
    seen = {images_seen(results.study, c) for c in _autoencoders(results)}
    parts += (
        [f"dotted: autoencoders, {listing([count(n) for n in sorted(seen)])} images seen"]
        if seen
        else []
    )
    parts += ["dashed: real images (floor)"] if fid else []
    parts += [twins] if (twins := _twins(results)) else []
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
