"""The autoencoders by what they are made of: latent widths, importance weighting, and training
images beside test images."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from threetargets.families import training_of
from threetargets.families.autoencoder import spec as autoencoder
from threetargets.families.autoencoder.spec import Autoencoder
from threetargets.families.cell import Cell
from threetargets.metrics.catalogue import label, one_of
from threetargets.metrics.statistics import Interval, t_interval
from threetargets.pipeline.cells import Run
from threetargets.report.parts.captions import commands, over_images, spread
from threetargets.report.parts.drawing import INK, Plot, band, canvas, legend, svg
from threetargets.report.parts.entries import measured, parameters
from threetargets.report.parts.measures import BOUND, lead
from threetargets.report.parts.palette import light
from threetargets.report.parts.topic import Section
from threetargets.report.parts.verdicts import (
    paired,
    written,
)
from threetargets.report.parts.wording import Table, Text, cell, interval, listing, number, observed
from threetargets.report.reading.collect import Results
from threetargets.report.reading.setting import images_seen
from threetargets.report.reading.tracked import Mirror

TRAIN = "train_bound"


MADE = ("train", "likelihood")


def tightest(results: Results) -> str:
    """The metric that estimates -log p best."""
    chosen = results.study.likelihood
    subset = chosen.iwae_images and chosen.iwae_images < (
        chosen.images or results.study.data.split.test
    )
    return "nll" if subset else one_of("iwae_{}", max(chosen.iwae))


def widths(results: Results) -> dict[int, Cell]:
    """Cells by the width of their one layer of latents, narrowest first: the largest set of at
    least three that differ in nothing else."""
    families: dict[str, dict[int, Cell]] = defaultdict(dict)
    for name in autoencoder.cells(results.study):
        model = autoencoder.parameters(results.study, name)
        if len(model.latents) == 1:
            rest = f"{model.model_dump(exclude={'latents'})} {training_of(results.study, name)}"
            families[rest][model.latents[0]] = name
    largest = max(families.values(), key=len, default={})
    return dict(sorted(largest.items())) if len(largest) >= 3 else {}


def weighted(results: Results) -> dict[int, Cell]:
    """Cells by the k of the bound that they were trained on: the largest set of at least two that
    differ in nothing else (a closed-form KL, which k = 1 may have, is the same bound)."""
    families: dict[str, dict[int, Cell]] = defaultdict(dict)
    for name in autoencoder.cells(results.study):
        model = autoencoder.parameters(results.study, name)
        rest = f"{model.model_dump(exclude={'samples', 'kl'})} {training_of(results.study, name)}"
        families[rest][model.samples] = name
    largest = max(families.values(), key=len, default={})
    return dict(sorted(largest.items())) if len(largest) >= 2 else {}


def layers(model: Autoencoder) -> str:
    """How many units of which activation lie between the image and the latents."""
    hidden = "-".join([str(model.width)] * model.depth)
    return f"{hidden} {model.activation}"


def epochs(results: Results, name: Cell) -> float:
    """How often the model saw each training image."""
    return images_seen(results.study, name) / results.study.data.split.train


def gap(results: Results, name: Cell) -> Interval:
    """The bound on test images less that on training images, paired by seed."""
    difference = paired(results, (name, BOUND.metric, "", ""), (name, TRAIN, "", ""))
    return difference.interval if difference else t_interval([])


APART = (
    " Test and training images are different ones: the standard error of test − training over them "
    "is {least} to {most}."
)


def _apart(results: Results) -> str:
    """What the interval over seeds leaves out of test - training: other seeds would have met the
    same images."""
    errors = []
    for run in (
        Run(name, seed) for name in autoencoder.cells(results.study) for seed in results.study.seeds
    ):
        pair = [results.figure(run, metric) for metric in (BOUND.metric, TRAIN)]
        known = [f.stderr for f in pair if f is not None and f.stderr is not None]
        errors += [math.hypot(*known)] if len(known) == 2 else []
    if not errors:
        return ""
    return APART.format(least=number(min(errors), 2), most=number(max(errors), 2))


TABLE_TIGHT = "−log p: the importance-weighted bound with {k} samples"
TABLE_CORRECTED = (
    "−log p: the bound on all test images less its gap to the importance-weighted bound with {k} "
    "samples on the first {images}"
)
TABLE_CAPTION = (
    "{spread}. k: samples of the bound that was trained; the bound here is the negative "
    "ELBO (k = 1) for every model, on as many training images as test "
    "images.{over_images}{_apart} "
)
TABLE_ACTIVE = (
    ", itself an upper bound. Active: the variance over test images of the posterior's "
    "mean is above 0.01 (arXiv:1509.00519); the first layer's."
)


def table(results: Results) -> Table:
    """Every autoencoder: what it is, its bound on test and on training images, and how many latents
    it uses."""
    unit, tight = results.unit.name, tightest(results)
    rows = []
    for name in autoencoder.cells(results.study):
        model = autoencoder.parameters(results.study, name)
        rows.append(
            (
                Text(cell(name)),
                Text(", ".join(map(str, model.latents))),
                Text(layers(model)),
                Text(str(model.samples)),
                Text(f"{epochs(results, name):.3g}"),
                measured(results, name, BOUND.metric),
                measured(results, name, TRAIN),
                observed(results.observe(name, TRAIN), gap(results, name)),
                measured(results, name, tight),
                measured(results, name, "active_units"),
                parameters(results, name),
            )
        )
    what = ("model", "latents", "hidden", "k", "epochs")
    head = (
        *what,
        f"bound, {unit}",
        label(TRAIN),
        "test − training",
        label("nll"),
        label("active_units"),
        label("parameters"),
    )
    chosen = results.study.likelihood
    caption = TABLE_CAPTION.format(
        spread=spread(results),
        over_images=over_images(results, BOUND.metric),
        _apart=_apart(results),
    )
    k = max(chosen.iwae)
    kind = TABLE_CORRECTED if tight == "nll" else TABLE_TIGHT
    caption += kind.format(k=k, images=chosen.iwae_images)
    caption += TABLE_ACTIVE
    return Table(
        "autoencoders",
        "Autoencoders",
        head,
        tuple(rows),
        caption,
        commands(results, *MADE),
        frozenset(range(3, 11)),
    )


WIDTHS_CAPTION = "{spread}, shown as a band; lower is better.{over_images}"


def over_widths(results: Results) -> Plot:
    """The bound over the width of the latent space, on test and on training images."""
    cells = widths(results)
    rows: list[dict[str, Any]] = []
    kinds = (
        (BOUND.metric, "test images", light("x0"), "-"),
        (TRAIN, "training images", light("eps"), (0, (4, 1.5))),
    )
    with canvas("widths", 1, 1, 6.0, 2.8) as (figure, axes):
        panel = axes[0, 0]
        for metric, label, colour, dash in kinds:
            intervals = [
                t_interval(list(results.observe(name, metric).values.values()))
                for name in cells.values()
            ]
            sides = [
                np.array([np.nan if v is None else v for v in side])
                for side in zip(*((f.mean, f.low, f.high) for f in intervals), strict=True)
            ]
            band(
                panel,
                list(cells),
                (sides[0], sides[1], sides[2]),
                color=colour,
                linestyle=dash,
                marker="o",
                markersize=3,
                label=label,
            )
            for (width, name), f in zip(cells.items(), intervals, strict=True):
                rows.append(
                    {
                        "cell": name,
                        "latents": width,
                        "images": label,
                        "mean": f.mean,
                        "low": f.low,
                        "high": f.high,
                    }
                )
        panel.set_xscale("log")
        panel.set_xticks(list(cells), [str(w) for w in cells])
        panel.set_xlabel("width of the latent space", color=INK)
        panel.set_ylabel(f"bound, {results.unit.name}")
        legend(figure, axes)
        drawn = svg(figure)
    caption = WIDTHS_CAPTION.format(
        spread=spread(results), over_images=over_images(results, BOUND.metric, TRAIN)
    )
    return Plot(
        "widths",
        "Bound over latent width",
        drawn,
        rows,
        caption,
        commands(results, *MADE),
        wide=False,
    )


def sentences(results: Results) -> list[str]:
    """For the first screen: what width and importance weighting do."""
    spoken, unit = [], results.unit.name
    cells = widths(results)
    means = {
        w: t_interval(list(results.observe(c, BOUND.metric).values.values()))
        for w, c in cells.items()
    }
    if cells and all(m.mean is not None for m in means.values()):
        parts = [f"{interval(m)} at {w}" for w, m in means.items()]
        spoken.append(f"Latent width: the bound is {listing(parts)}, in {unit}.")
    by_k = weighted(results)
    if by_k:
        first, tight = next(iter(by_k.values())), tightest(results)
        parts = []
        for k, name in list(by_k.items())[1:]:
            step = paired(results, (name, tight, "", ""), (first, tight, "", ""))
            if step is not None:
                parts.append(f"by {written(step.interval)} with k = {k}")
        if parts:
            spoken.append(
                f"Importance weighting: against training with k = {next(iter(by_k))}, −log p "
                f"changes {listing(parts)} ({unit}, negative is better)."
            )
    seen = sorted({epochs(results, name) for name in autoencoder.cells(results.study)})
    if len(seen) > 1:
        spoken.append(
            f"The autoencoders were trained for {seen[0]:.3g} to {seen[-1]:.3g} epochs: only "
            "models of one length are compared like for like."
        )
    return spoken


def sections(results: Results, mirror: Mirror) -> list[Section]:
    """What the autoencoders are made of, published figures of the same models, and what two latents
    look like."""
    from threetargets.report.topics.of_autoencoders import latent_plane
    from threetargets.report.topics.of_models import published

    if not autoencoder.cells(results.study):
        return []
    known = published.table(results)
    plots = (over_widths(results),) if widths(results) else ()
    tables = (table(results), *((known,) if known.rows else ()))
    plots = (*plots, *latent_plane.plots(results))
    best = lead(results, autoencoder.cells(results.study))
    return [Section("autoencoders", "Autoencoders", best, tables, plots)]
