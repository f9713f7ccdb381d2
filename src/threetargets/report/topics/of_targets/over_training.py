"""Whether the order of the targets is that of an early moment: the bound over training, and the
images that each needs."""

from __future__ import annotations

from typing import Any

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.statistics import t_interval
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    Plot,
    band,
    canvas,
    colour,
    legend,
    over_seeds,
    plain_log,
    svg,
)
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.wording import (
    Table,
    Text,
    between,
    count,
    interval,
    labels,
    listing,
    of,
    signed,
    target,
)
from threetargets.report.parts.wording import cell as label
from threetargets.report.reading.collect import Results
from threetargets.report.reading.courses import (
    by_weighting,
    courses,
    half_point,
    left_out,
    needed,
    order,
    worst_end,
)
from threetargets.report.reading.tracked import Mirror


def plain(cells: list[Cell]) -> list[Cell]:
    """Those without a variant, whose order is asked about."""
    return [c for c in cells if not c.variant]


def _images(results: Results, cells: list[Cell]) -> list[float]:
    return [*next(iter(courses(results, cells[0]).values())).images]


CAPTION = (
    "The bound of {images} test images at {steps} noise levels with the averaged weights of that "
    "moment; the learning rate falls to 0 at the end alone. {spread}, shown as a band."
)


def curves(results: Results) -> Plot:
    """Bound over images seen, a panel for each weighting, a line for each cell."""
    known, rows = by_weighting(results), list[dict[str, Any]]()
    columns = len(known)
    width = min(9.4, 3.2 * columns + 0.6)
    with canvas("over-training", 1, columns, width, 3.0) as (figure, axes):
        for panel, (weighting, cells) in zip(axes[0], known.items(), strict=True):
            panel.set_title(weighting)
            panel.set_xlabel("training images")
            for cell in cells:
                x = _images(results, cells)
                seen = [course.bound for course in courses(results, cell).values()]
                mean, low, high = over_seeds(seen)
                one = diffusion.of(cell)
                style = {"color": colour(cell), "marker": ".", "markersize": 5}
                style |= {"linestyle": (0, (3, 1.5)) if cell.variant else "-"}
                name = " · ".join([target(one.target), *([cell.variant] * bool(cell.variant))])
                band(panel, x, (mean, low, high), label=name, **style)
                rows += [
                    {
                        "cell": cell,
                        "images": n,
                        "mean": m,
                        "low": lo,
                        "high": hi,
                        "seeds": len(seen),
                    }
                    for n, m, lo, hi in zip(x, mean, low, high, strict=True)
                ]
            plain_log(panel)
            plain_log(panel, "x")
        axes[0, 0].set_ylabel(f"bound, {results.unit.name}")
        legend(figure, axes)
        drawn = svg(figure)
    chosen = results.study.likelihood.curve
    assert chosen is not None
    caption = CAPTION.format(images=chosen.images, steps=chosen.steps, spread=spread(results))
    made = commands(results, "train", "likelihood")
    return Plot("over-training", "The bound over training", drawn, rows, caption, made)


def in_words(results: Results, cell: Cell, levels: dict[int, float]) -> str:
    """Images that a model needs to those bounds, to three digits, with their interval; the most
    that it may be, where the first point of every seed is below its bound already; and how many
    seeds have theirs, where some never do."""
    cost = needed(results, cell, levels)
    if cost.n < len(levels):
        some = f" by {len(levels) - cost.n} of {of(len(levels), 'seed')}" if cost.n else ""
        return f"not reached{some}"
    values = (cost.mean, cost.low, cost.high)
    mean, low, high = ("–" if v is None else count(float(f"{v:.3g}")) for v in values)
    if all(one.bound[0] <= levels[s] for s, one in courses(results, cell).items()):
        return f"at most {mean}"
    return mean if cost.low is None else f"{mean} [{low}, {high}]"


TABLE_CAPTION = (
    "Bound of the curve's {images} test images at {steps} noise levels, {unit}, which is not that "
    "of the other tables. Last column: images to the bound that the worst model of the weighting "
    "has in the end, geometric mean over seeds with its 95% t interval; “at most” where the first "
    "point is below it."
)


def table(results: Results) -> Table:
    """The bound at three points, and the cost."""
    known, rows = by_weighting(results), list[tuple[Text, ...]]()
    last = len(_images(results, next(iter(known.values())))) - 1
    at = sorted({0, last // 2, last})
    for weighting, cells in known.items():
        names, levels = labels(cells), worst_end(results, cells)
        for cell in order(results, cells, -1):
            course = courses(results, cell)
            values = [t_interval([one.bound[k] for one in course.values()]) for k in at]
            figures = [Text(interval(value)) for value in values]
            cost = Text(in_words(results, cell, levels))
            rows.append((Text(weighting), Text(names[cell]), *figures, cost))
    for cell in left_out(results):
        why = Text("no curve like the others' at every seed", "missing")
        dots = (Text("–") for _ in at)
        rows.append((Text(diffusion.of(cell).weighting), Text(label(cell)), *dots, why))
    seen = _images(results, next(iter(known.values())))
    head = ("weighting", "model", *(f"after {count(seen[k])}" for k in at), "images needed")
    chosen = results.study.likelihood.curve
    assert chosen is not None
    sizes = {"images": chosen.images, "steps": chosen.steps}
    caption = TABLE_CAPTION.format(unit=results.unit.name, **sizes)
    made = commands(results, "train", "likelihood")
    title = "What a bound costs"
    return Table(
        "over-training", title, head, tuple(rows), caption, made, frozenset(range(2, len(head)))
    )


def since(results: Results, cells: list[Cell]) -> float | None:
    """The number of images from which on the order is that of the end; None where it is that of the
    last point alone."""
    seen, final = _images(results, cells), order(results, cells, -1)
    same = [order(results, cells, k) == final for k in range(len(seen))]
    first = next(k for k in range(len(seen)) if all(same[k:]))
    return None if first == len(seen) - 1 else seen[first]


ORDER_CAPTION = (
    "From the lowest mean bound to the highest, models without a variant. The order of means, "
    "whether or not neighbours differ: their intervals are in the table above."
)


def orders(results: Results) -> Table:
    """The order of the targets early and in the end."""
    rows = []
    for weighting, cells in by_weighting(results).items():
        here = plain(cells)
        if len(here) < 2:
            continue
        texts = [
            " < ".join(target(diffusion.of(c).target) for c in order(results, here, k))
            for k in (0, -1)
        ]
        kept = since(results, here)
        stable = "the last point" if kept is None else f"{count(kept)} images"
        rows.append((Text(weighting), *map(Text, texts), Text(stable)))
    head = ("weighting", "order at the first point", "order in the end", "the same since")
    made = commands(results, "train", "likelihood")
    title = "Whether the order is that of an early moment"
    return Table("orders", title, head, tuple(rows), ORDER_CAPTION, made)


def sections(results: Results, mirror: Mirror) -> list[Section]:
    if not by_weighting(results):
        return []
    tables = tuple(one for one in (table(results), orders(results)) if one.rows)
    lead = " ".join(sentences(results)) or "Whether the order still changes."
    return [Section("over-training", "Over training", lead, tables, (curves(results),))]


def sentences(results: Results) -> list[str]:
    """Where the order of the targets still changes."""
    known = {w: plain(cells) for w, cells in by_weighting(results).items()}
    known = {w: cells for w, cells in known.items() if len(cells) > 1}
    if not known:
        return []
    changing = [w for w, cells in known.items() if since(results, cells) is None]
    settled = [
        f"{count(since(results, cells))} images on at {w}"
        for w, cells in known.items()
        if w not in changing
    ]
    parts = [f"is already that of the end from {listing(settled)}"] if settled else []
    parts += [f"still changes at the last point at {listing(changing)}"] if changing else []
    order_of = f"By the bound, the order of the targets {', and '.join(parts)} weighting"
    return [f"{order_of}{_trend(results, known)}."]


def _trend(results: Results, known: dict[str, list[Cell]]) -> str:
    """How far x0 is from eps at about half of the training and in the end, paired by seed, at each
    weighting; empty without the two."""
    parts, at = [], ""
    for weighting, cells in known.items():
        by_target = {diffusion.of(c).target: courses(results, c) for c in cells}
        if not {"x0", "eps"} <= {*by_target}:
            continue
        images = _images(results, cells)
        half = half_point(images)
        apart = [
            t_interval(
                [
                    by_target["x0"][s].bound[k] - by_target["eps"][s].bound[k]
                    for s in results.study.seeds
                ]
            )
            for k in (half, -1)
        ]
        at = count(images[half])
        words = [f"{signed(one)} {between(one)}" if one.n > 1 else signed(one) for one in apart]
        parts.append(f"{words[0]} and {words[1]} at {weighting}")
    if not parts:
        return ""
    pair = f"{target('x0')} − {target('eps')}"
    return f"; {pair} after {at} images and in the end: {'; '.join(parts)} ({results.unit.name})"


TOPIC = Topic("over-training", sections, (), sentences)
