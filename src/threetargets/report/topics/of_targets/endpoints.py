"""The end of the schedule as a factor: how fine the finest noise is, and where two targets change
places."""

from __future__ import annotations

import itertools
from typing import Any

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.statistics import Interval, t_interval
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import Plot, band, canvas, legend, over_seeds, svg
from threetargets.report.parts.measures import BOUND
from threetargets.report.parts.palette import light
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.wording import Table, Text, between, interval, listing, of, target
from threetargets.report.reading.collect import Results
from threetargets.report.reading.crossed import differs
from threetargets.report.reading.tracked import Mirror
from threetargets.study.values import TARGETS, WEIGHTINGS

PAIR = ("x0", "eps")
"""Whose crossing is asked about."""
Ends = dict[tuple[str, str], dict[float, Cell]]
"""By target and weighting: the cell of each log_snr_max."""


def ends(results: Results) -> Ends:
    """Cells that differ from the study's own process in log_snr_max alone, where a target has three
    or more of them."""
    study, known = results.study, Ends()
    for cell in sorted(c for c in results.shown if c.kind == diffusion.KIND):
        one, schedule = diffusion.of(cell), diffusion.process(study, cell).schedule
        own = diffusion.block(study).schedule
        same = differs(study, cell) <= {"schedule"}
        same &= (schedule.name, schedule.log_snr_min) == (own.name, own.log_snr_min)
        if same and one.target != "score":
            known.setdefault((one.target, one.weighting), {})[schedule.log_snr_max] = cell
    return {key: dict(sorted(some.items())) for key, some in known.items() if len(some) > 2}


def crossings(x: list[float], difference: list[float]) -> list[float]:
    """Where a line through the points (x, difference) changes its sign, x rising; the middle of a
    part of it that is 0."""
    roots = []
    points = list(zip(x, difference, strict=True))
    signed = [i for i, (_, d) in enumerate(points) if d]
    for i, j in itertools.pairwise(signed):
        (left, a), (right, b) = points[i], points[j]
        if a * b < 0:
            zeros = x[i + 1 : j]
            roots.append(
                (zeros[0] + zeros[-1]) / 2 if zeros else left + (right - left) * a / (a - b)
            )
    return roots


def crossing(results: Results, weighting: str) -> tuple[Interval, list[int]] | None:
    """log_snr_max at which the bounds of x0 and eps change places, over the seeds that have exactly
    one such place, and the seeds that have none or several. None without both targets."""
    known = ends(results)
    first, second = (known.get((name, weighting)) for name in PAIR)
    if first is None or second is None:
        return None
    x = sorted({*first} & {*second})
    roots, others = [], []
    for seed in results.study.seeds:
        values = [
            [results.observe(some[at], BOUND.metric).values.get(seed) for at in x]
            for some in (first, second)
        ]
        pairs = [(a, b) for a, b in zip(*values, strict=True) if a is not None and b is not None]
        where = crossings(x, [a - b for a, b in pairs]) if len(pairs) == len(x) else []
        if len(where) == 1:
            roots += where
        else:
            others.append(seed)
    return t_interval(roots), others


CAPTION = (
    "A model for each end: the log-SNR of the finest noise, which is exp(−log-SNR/2) of the "
    "signal. {spread}, shown as a band."
)


def curves(results: Results) -> Plot:
    """The bound over log_snr_max, a panel for each weighting, a line for each target: the first
    picture of a study that has such."""
    known = ends(results)
    panels = [w for w in WEIGHTINGS if any(key[1] == w for key in known)]
    rows: list[dict[str, Any]] = []
    with canvas("endpoints", 1, len(panels), 4.4 * len(panels) + 0.6, 3.0, sharey=True) as (
        figure,
        axes,
    ):
        for panel, weighting in zip(axes[0], panels, strict=True):
            panel.set_title(weighting)
            panel.set_xlabel("log-SNR at the clean end")
            for name in (t for t in TARGETS if (t, weighting) in known):
                some = known[name, weighting]
                seen = [results.observe(c, BOUND.metric).values for c in some.values()]
                whole = [s for s in results.study.seeds if all(s in v for v in seen)]
                if not whole:
                    continue
                mean, low, high = over_seeds([[v[s] for v in seen] for s in whole])
                line = {"color": light(name), "marker": "o", "markersize": 3.5}
                band(panel, [*some], (mean, low, high), label=target(name), **line)
                rows += [
                    {
                        "target": name,
                        "weighting": weighting,
                        "log_snr_max": at,
                        "mean": m,
                        "low": lo,
                        "high": hi,
                        "seeds": len(whole),
                    }
                    for at, m, lo, hi in zip(some, mean, low, high, strict=True)
                ]
        axes[0, 0].set_ylabel(f"bound, {results.unit.name}")
        legend(figure, axes)
        drawn = svg(figure)
    made = commands(results, "train", "likelihood")
    title = "The bound against the end of the schedule"
    return Plot("endpoints", title, drawn, rows, CAPTION.format(spread=spread(results)), made)


TABLE_CAPTION = (
    "Bound of x₀ less that of ε, {unit}, paired by seed, with its 95% t interval; negative favours "
    "x₀. Crossing: where a line through a seed's differences is 0, over the seeds that cross once."
)


def table(results: Results) -> Table:
    """x0 - eps at each end, and where it is 0."""
    known, rows = ends(results), []
    for weighting in WEIGHTINGS:
        first, second = (known.get((name, weighting)) for name in PAIR)
        if first is None or second is None:
            continue
        for at in sorted({*first} & {*second}):
            a, b = (results.observe(some[at], BOUND.metric).values for some in (first, second))
            both = [a[s] - b[s] for s in results.study.seeds if s in a and s in b]
            rows.append((Text(weighting), Text(f"{at:g}"), Text(interval(t_interval(both)))))
        rows.append((Text(weighting), Text("crossing"), Text(_crossing(results, weighting))))
    head = ("weighting", "log-SNR at the clean end", "x₀ − ε")
    made = commands(results, "train", "likelihood")
    caption = TABLE_CAPTION.format(unit=results.unit.name)
    title = "Where x₀ and ε change places"
    return Table("endpoints", title, head, tuple(rows), caption, made, frozenset({1, 2}))


def _crossing(results: Results, weighting: str) -> str:
    where = crossing(results, weighting)
    if where is None or where[0].mean is None:
        return "none"
    text = f"{where[0].mean:.2f} {between(where[0])}"
    return text + (f"; no single one in {of(len(where[1]), 'seed')}" if where[1] else "")


def sections(results: Results, mirror: Mirror) -> list[Section]:
    if not ends(results):
        return []
    lead = "How fine the finest noise is decides which target has the lower bound."
    return [Section("endpoints", "The end of the schedule", lead, (table(results),))]


def sentences(results: Results) -> list[str]:
    """Where x0 and eps change places."""
    parts = []
    for weighting in WEIGHTINGS:
        where = crossing(results, weighting)
        if where is not None:
            place = _crossing(results, weighting)
            parts.append(f"{place} at {weighting} weighting")
    if not parts:
        return []
    return [f"By the bound x₀ and ε change places at log-SNR {listing(parts)}."]


TOPIC = Topic("endpoints", sections, (), sentences)
