"""Every cell by its bound, and what the bound is made of."""

from __future__ import annotations

from typing import Any

from threetargets.families.autoencoder import spec as autoencoder
from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.catalogue import label, one_of
from threetargets.metrics.statistics import t_interval
from threetargets.report.parts.captions import (
    asked_for_a_class,
    commands,
    context,
    floor,
    floor_in_words,
    over_images,
    set_up,
    spread,
)
from threetargets.report.parts.drawing import MUTED, Plot, canvas, colour, svg
from threetargets.report.parts.entries import _mean, measured, parameters
from threetargets.report.parts.measures import BOUND, FID, Measure, lead
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.wording import Table, Text, cell, listing
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_models.ladder import CLAIMS

MODELS_CAPTION = (
    "The negative evidence lower bound on the test split, lower is better. "
    "{spread}.{over_images}{set_up}"
)
MODELS_FID = (
    " FID with the model's own sampling, no guidance: {context}; the floor, real training "
    "images at the same N, is {floor_in_words}."
)
MODELS_ODE = (
    " ODE: the likelihood by the probability-flow ODE behind the same decoder, {unit} "
    "(details under the table of reverse variances); {images} images, standard error over "
    "them in metrics.csv."
)
IWAE_ON = ", on the first {images} test images"
IWAE_CAPTION = (
    "IWAE k: the importance-weighted bound with k samples, {unit}{on}; a diffusion model has none. "
    "{spread}."
)


def also_known_as(results: Results, name: Cell) -> str:
    """The cells that are one model with this one."""
    others = [cell(shown) for shown, own in results.also.items() if own == name]
    return f"is also {listing(others)}" if others else ""


def _ranked(results: Results) -> list[Cell]:
    return sorted(results.study.cells, key=lambda c: _mean(results.observe(c, BOUND.metric)))


def models(results: Results) -> Table:
    """Every cell by its bound, best first."""
    ranked = _ranked(results)
    seen_by = bool(results.study.evaluation.extractors)
    flows = [c for c in ranked if c in diffusion.cells(results.study)]
    holes = not all(results.observe(c, BOUND.metric).complete for c in ranked)
    rows = []
    for name in ranked:
        seen = results.observe(name, BOUND.metric)
        ode = (
            [measured(results, name, "ode_decoder") if name in flows else Text("", "weak")]
            if flows
            else []
        )
        kind = "best" if name == ranked[0] and seen.values else ""
        rows.append(
            (
                Text(cell(name), kind, also_known_as(results, name)),
                measured(results, name, BOUND.metric),
                *ode,
                *([Text(str(len(seen.values)))] if holes else []),
                *(
                    [measured(results, name, FID.metric, FID.guidance, FID.gamma)]
                    if seen_by
                    else []
                ),
                parameters(results, name),
            )
        )
    flow = ("ODE",) if flows else ()
    fid = ("FID",) if seen_by else ()
    unit = results.unit.name
    head = (
        "model",
        f"bound, {unit}",
        *flow,
        *(("seeds",) if holes else ()),
        *fid,
        "parameters",
    )
    caption = MODELS_CAPTION.format(
        spread=spread(results),
        over_images=over_images(results, BOUND.metric),
        set_up=set_up(results),
    )
    if seen_by:
        caption += MODELS_FID.format(
            context=context(results, "fid"), floor_in_words=floor_in_words(results, "fid")
        )
        caption += asked_for_a_class(results)
    if flows:
        caption += MODELS_ODE.format(unit=unit, images=results.study.likelihood.ode.images)
    made = commands(results, "train", "likelihood", "sample", "evaluate")
    return Table(
        "models",
        "Models by their bound",
        head,
        tuple(rows),
        caption,
        made,
        frozenset(range(1, len(head))),
    )


def importance_weighted(results: Results) -> Table | None:
    """Autoencoders by the bound with more and more samples; None without any."""
    known = autoencoder.cells(results.study)
    rows = []
    ks = sorted(results.study.likelihood.iwae)
    for name in (c for c in _ranked(results) if c in known):
        figures = (measured(results, name, one_of("iwae_{}", k)) for k in ks)
        rows.append((Text(cell(name)), measured(results, name, BOUND.metric), *figures))
    if not rows or not ks:
        return None
    some, unit = results.study.likelihood.iwae_images, results.unit.name
    on = IWAE_ON.format(images=some) if some else ""
    caption = IWAE_CAPTION.format(unit=unit, on=on, spread=spread(results))
    head = ("model", "bound", *(label("iwae_{}", k) for k in ks))
    numeric = frozenset(range(1, len(head)))
    made = commands(results, "likelihood")
    return Table(
        "importance-weighted",
        "Importance-weighted bounds",
        head,
        tuple(rows),
        caption,
        made,
        numeric,
    )


PARTS_CAPTION = "In {unit}, on the test split; the parts add up to the bound. {spread}."


def parts(results: Results) -> Table:
    """What the bound is made of, cell by cell."""
    order = ["prior", "denoising", "decoder", "reconstruction"]
    depth = max(
        (
            len(autoencoder.parameters(results.study, c).latents)
            for c in autoencoder.cells(results.study)
        ),
        default=0,
    )
    labels = {m: label(m) for m in order}
    labels |= {one_of("kl_{}", n): label("kl_{}", n) for n in range(1, depth + 1)}
    measured_here = set[str]().union(*(results.metrics(c) for c in results.study.cells))
    present = {m: text for m, text in labels.items() if m in measured_here}
    rows = []
    for name in results.study.cells:
        has = results.metrics(name)
        row = [measured(results, name, m) if m in has else Text("", "weak") for m in present]
        rows.append((Text(cell(name)), *row, measured(results, name, BOUND.metric)))
    head = ("model", *present.values(), "bound")
    caption = PARTS_CAPTION.format(unit=results.unit.name, spread=spread(results))
    caption += over_images(results, *present, BOUND.metric)
    return Table(
        "parts",
        "The bound, part by part",
        head,
        tuple(rows),
        caption,
        commands(results, "likelihood"),
        frozenset(range(1, len(head))),
    )


def _dots(axes: Any, results: Results, measure: Measure, cells: list[Cell]) -> list[dict[str, Any]]:
    rows = []
    for height, name in enumerate(reversed(cells)):
        seen = results.observe(name, measure.metric, measure.guidance, measure.gamma)
        values = list(seen.values.values())
        interval = t_interval(values)
        if interval.half_width is not None:
            axes.plot(
                [interval.low, interval.high],
                [height, height],
                color=colour(name),
                linewidth=1.6,
                solid_capstyle="butt",
            )
        axes.plot(
            values,
            [height] * len(values),
            linestyle="",
            marker="|",
            markersize=7,
            color=colour(name),
            markeredgewidth=0.9,
        )
        if interval.mean is not None:
            axes.plot([interval.mean], [height], marker="o", markersize=4.2, color=colour(name))
        else:
            axes.text(
                0.02,
                height,
                "failed" if seen.failed else "missing",
                transform=axes.get_yaxis_transform(),
                va="center",
                color=MUTED,
            )
        for seed in results.study.seeds:
            status = (
                "failed" if seed in seen.failed else "missing" if seed in seen.missing else "ok"
            )
            rows.append(
                {
                    "measure": measure.label,
                    "cell": name,
                    "seed": seed,
                    "value": seen.values.get(seed),
                    "status": status,
                }
            )
    axes.set_yticks(range(len(cells)), [cell(c) for c in reversed(cells)])
    axes.set_ylim(-0.7, len(cells) - 0.3)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.06)
    return rows


BOUNDS_CAPTION = "Ticks are seeds, the dot is their mean, the bar its 95% t interval."
BOUNDS_FID = (
    " FID without guidance: {context}; the dashed line is the floor, real training images "
    "at the same N: {floor_in_words}.{asked_for_a_class}"
)


def bounds(results: Results) -> Plot:
    """Bound and FID of every cell, seed by seed."""
    cells = list(results.study.cells)
    height = 0.9 + 0.2 * len(cells)
    seen = bool(results.study.evaluation.extractors)
    with canvas("bounds", 1, 1 + seen, 4.7 * (1 + seen), height, sharey=True) as (figure, axes):
        rows = _dots(axes[0, 0], results, BOUND, cells) + (
            _dots(axes[0, 1], results, FID, cells) if seen else []
        )
        axes[0, 0].set_xlabel(f"bound, {results.unit.name} (lower is better)")
        if seen:
            axes[0, 1].set_xlabel("FID (lower is better)")
            values = [r["value"] for r in rows if r["measure"] == "FID" and r["value"]]
            if values and max(values) > 20 * min(values) > 0:
                axes[0, 1].set_xscale("log")
            real = floor(results, "fid")
            if real.mean is not None:
                axes[0, 1].axvline(real.mean, color=MUTED, linewidth=1, linestyle=(0, (3, 2)))
        drawn = svg(figure)
    caption = BOUNDS_CAPTION
    if seen:
        caption += BOUNDS_FID.format(
            context=context(results, "fid"),
            floor_in_words=floor_in_words(results, "fid"),
            asked_for_a_class=asked_for_a_class(results),
        )
    made = commands(results, "train", "likelihood", "sample", "evaluate")
    return Plot("bounds", "Every cell, every seed", drawn, rows, caption, made)


def sections(results: Results, mirror: Mirror) -> list[Section]:
    weighted = importance_weighted(results)
    tables = (models(results), *([weighted] if weighted else []))
    plots, folded = (bounds(results),), (parts(results),)
    return [Section("models", "Models", lead(results, results.study.cells), tables, plots, folded)]


TOPIC = Topic("models", sections, CLAIMS)
