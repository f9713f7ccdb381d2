"""Denoising as gradient flow: the arrows of a density, exact and learned, and where three ways
along them end."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.experiments.gradient_flow.spec import FIELDS, WAYS, GradientFlow
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import INK, MUTED, Plot, canvas, svg
from threetargets.report.parts.of_experiments import Read, block_of
from threetargets.report.parts.palette import light
from threetargets.report.parts.topic import KASY, Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    NOTHING,
    Finding,
    all_above,
    written,
)
from threetargets.report.parts.wording import Table, Text, interval
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror

NAME = "gradient_flow"
ALONG, UPHILL = 0.9, 0.9
"""The cosine above which learned arrows are called the gradient's, and the share of steps."""
TITLES = {
    "flow": "probability flow",
    "langevin": "Langevin dynamics, annealed",
    "ascent": "ascent of the finest density",
}
LEVELS = ("-1", "3")
FEW = 4
"""Paths of Langevin dynamics, which cover one another."""
COLOURS = {"exact": INK, "learned": light("eps")}


def block(results: Results) -> GradientFlow | None:
    return block_of(results, NAME, GradientFlow)


def decide(results: Results) -> Finding:
    own = Read(results, NAME)
    if block(results) is None:
        return NOTHING
    some = (
        own.less("cosine", ALONG),
        own.less("uphill/flow/learned", UPHILL),
        own.log_ratio("distance/ascent/exact", "distance/flow/learned"),
    )
    if any(one.interval.mean is None for one in some):
        return NOTHING
    verdict = all_above([one.difference for one in some], results.study.comparison.alpha)
    figure = f"cosine of learned and exact score: {own.words('cosine')}; steps of the flow that go "
    figure += f"uphill: {own.words('uphill/flow/learned')}; log of the distance from the data "
    figure += "that ascent of the exact density ends at over the flow's: "
    figure += f"{written(some[-1].interval)}; draws of the data: {own.words('distance/data')} "
    figure += "standard deviations off, sliced Wasserstein"
    return own.finding(verdict, figure, all(one.whole for one in some))


CLAIM = Claim(
    "gradient-flow",
    "Denoising by a learned score is a gradient flow: while the noise falls points go uphill on "
    "the noisy densities, and they end nearer to the data than by ascent alone.",
    f"{KASY}, “Three equivalent prediction targets”",
    "In the plane, score learned by its noise: mean cosine with the exact score at every noise "
    "level; share of steps of the probability flow after which the exact density of that level is "
    "not lower; sliced Wasserstein distance of its ends to the data, beside that of plain ascent "
    "of the finest density, exact, from the same points.",
    "Reproduced: intervals over seeds of the cosine above 0.9, of the share above 0.9, of the log "
    "of ascent's distance over the flow's above 0. Not reproduced: one of them lies below (Holm "
    "over the three). Inconclusive: else, or a seed is missing.",
    decide,
    "after a first run of one seed noise levels end where the process does, and points at rest "
    "count as not lower; after a second, inconclusive, of 3 000 steps of training, whose networks "
    "differed so much that ascent along them ended anywhere, 6 000; then the share's border, "
    "which Langevin's noise passed at 0.5, was raised, ascent became the exact one, and Holm's "
    "correction was added",
)
LEAD = (
    "The score is the gradient of the log density, and the density is known here at every noise "
    "level: {modes} Gaussians on a circle. Following it while the noise falls is the probability "
    "flow; with noise of its own, Langevin dynamics; following it where it stands still is ascent, "
    "which ends at the modes and not as the data."
)
TABLE = (
    "Sliced Wasserstein-1 distance of {n} points to the data, in standard deviations of a "
    "coordinate (draws of the data, as many: {floor}), and the share of steps after which the "
    "exact log density of the step's noise level is not lower; along the exact and the learned "
    "score. {spread}."
)


def table(results: Results, chosen: GradientFlow) -> Table:
    rows = [
        (
            Text(TITLES[way]),
            *(
                Read(results, NAME).entry(f"{what}/{way}/{field}")
                for what in ("distance", "uphill")
                for field in FIELDS
            ),
        )
        for way in WAYS
    ]
    caption = TABLE.format(
        n=chosen.moves.samples,
        floor=interval(Read(results, NAME).interval("distance/data")),
        spread=spread(results),
    )
    head = ("way", "distance, exact", "distance, learned", "uphill, exact", "uphill, learned")
    made = commands(results, "experiment")
    numeric = frozenset({1, 2, 3, 4})
    return Table("gradient-flow", "Where they end", head, tuple(rows), caption, made, numeric)


CAPTION = (
    "Seed {seed}. Contours: the exact density, at the noise level of the arrows (log-SNR "
    "{levels}), beside paths at the finer of these. Above, the exact score; below, the learned "
    "one: arrows have the direction of the score and a length that grows as its root. Paths of the "
    "flow begin at the small dots, those of Langevin dynamics are {few} from log-SNR 1 on; both "
    "are drawn at the scale of the noise level that they have come to, and end at the large dots."
)


def plot(results: Results, chosen: GradientFlow) -> Plot:
    rows: list[dict[str, Any]] = []
    seed, arrays = Read(results, NAME).arrays() or (results.study.seeds[0], {})
    with canvas("gradient-flow", 2, 4, 9.6, 5.2) as (figure, axes):
        for k, field in enumerate(FIELDS):
            for panel, level in zip(axes[k, :2], LEVELS, strict=True):
                _contours(panel, arrays, level)
                _arrows(panel, arrays, field, level, rows)
                panel.set_title(f"{field}, log-SNR {level}".replace("-1", "−1"))
            for panel, way in zip(axes[k, 2:], WAYS[:2], strict=True):
                _contours(panel, arrays, LEVELS[-1])
                _paths(panel, arrays, way, field, rows)
                panel.set_title(f"{field}, {TITLES[way].split(',')[0]}")
        for panel in axes.ravel():
            panel.set(xticks=[], yticks=[], aspect="equal", xlim=(-2.5, 2.5), ylim=(-2.5, 2.5))
            panel.grid(False)
        drawn = svg(figure)
    caption = CAPTION.format(seed=seed, few=FEW, levels=" and ".join(LEVELS).replace("-", "−"))
    made = commands(results, "experiment")
    return Plot("gradient-flow", "Arrows and paths", drawn, rows, caption, made)


def _contours(panel: Any, arrays: dict[str, np.ndarray], level: str) -> None:
    density = arrays.get(f"density_{level}")
    if density is None:
        return
    side = round(len(density) ** 0.5)
    x = arrays["dense"].reshape(side, side, 2)
    field = density.reshape(side, side)
    bounds = np.linspace(0.08, 1, 6) * field.max()
    panel.contour(x[..., 0], x[..., 1], field, bounds, colors=[MUTED], linewidths=0.5, alpha=0.7)


def _arrows(
    panel: Any, arrays: dict[str, np.ndarray], field: str, level: str, rows: list[dict[str, Any]]
) -> None:
    own = arrays.get(f"arrows_{field}_{level}")
    if own is None:
        return
    at = arrays["at"]
    length = np.sqrt(np.linalg.norm(own, axis=1, keepdims=True)) + 1e-9
    u = own / length**2 * length
    look = {"color": COLOURS[field], "width": 0.006, "scale": 45, "headwidth": 4}
    panel.quiver(*at.T, *u.T, **look)
    rows += [
        _row(f"score at log-SNR {level}", field, k, *map(float, (*x, *g)))
        for k, (x, g) in enumerate(zip(at, own, strict=True))
    ]


def _paths(
    panel: Any, arrays: dict[str, np.ndarray], way: str, field: str, rows: list[dict[str, Any]]
) -> None:
    few = FEW if way == "langevin" else None
    for k, path in enumerate(arrays.get(f"path_{way}_{field}", ())[:few]):
        panel.plot(*path.T, color=COLOURS[field], linewidth=0.6, alpha=0.8)
        panel.plot(*path[0], ".", color=MUTED, markersize=2.5)
        panel.plot(*path[-1], "o", color=COLOURS[field], markersize=2.2)
        ends = (path[0], path[-1])
        rows.append(_row(way, field, k, *(float(v) for end in ends for v in end)))


def _row(what: str, field: str, k: int, *four: float) -> dict[str, Any]:
    """A place and an arrow, or the two ends of a path."""
    values = dict(zip(("x1", "x2", "u1", "u2"), (round(v, 4) for v in four), strict=True))
    return {"what": what, "field": field, "number": k, **values}


def sentences(results: Results) -> list[str]:
    own = Read(results, NAME)
    if block(results) is None or own.interval("cosine").mean is None:
        return []
    far = {way: own.words(f"distance/{way}/learned") for way in WAYS}
    return [
        f"Along a learned score (cosine {own.words('cosine')} with the exact one) points end "
        f"{far['flow']} standard deviations from the data, in sliced Wasserstein distance, by the "
        f"flow, {far['langevin']} by Langevin dynamics, {far['ascent']} by ascent (along the exact "
        f"score {own.words('distance/ascent/exact')}; draws of the data "
        f"{own.words('distance/data')})."
    ]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    lead = LEAD.format(modes=chosen.data.modes)
    shown, drawn = (
        (table(results, chosen),),
        () if Read(results, NAME).empty else (plot(results, chosen),),
    )
    return [Section(NAME, "Denoising as gradient flow", lead, shown, drawn)]


TOPIC = Topic(NAME, sections, (CLAIM,), sentences)
