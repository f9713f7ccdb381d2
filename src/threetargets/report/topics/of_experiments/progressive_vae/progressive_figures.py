"""Tables and the picture of the progressive VAE."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.experiments.progressive_vae.spec import (
    PARTS,
    WAYS,
    ProgressiveVae,
    entropy,
    middle,
)
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import Plot, band, canvas, legend, log_bands, svg
from threetargets.report.parts.of_experiments import Read, row_of
from threetargets.report.parts.palette import light
from threetargets.report.parts.wording import Table, Text
from threetargets.report.reading.collect import Results

NAME = "progressive_vae"
LABELS = {
    "apart": "two phases, layer by layer",
    "shared": "two phases, parameters shared",
    "joint": "the whole bound at once",
    "fixed": "fixed encoders, two phases",
}
COLOURS = {"apart": "x0", "shared": "v", "joint": "eps", "fixed": "score"}
PART_LABELS = dict(
    zip(PARTS, ("phase one", "phase two", "conditional entropies, taken off"), strict=True)
)


def bounds(results: Results, chosen: ProgressiveVae) -> Table:
    own, noises = Read(results, NAME), chosen.digits.noises
    names = {f"bound/{way}": (LABELS[way], f"trained/{way}") for way in WAYS}
    names |= {f"{part}/apart": (f"of the first: {PART_LABELS[part]}", "") for part in PARTS}
    rows = tuple(
        (
            Text(label),
            *(own.entry(f"{name}/t{t:g}") for t in noises),
            own.entry(size) if size else Text(""),
        )
        for name, (label, size) in names.items()
    )
    fit = chosen.digits.training
    caption = (
        f"Bits/dim of {chosen.split.test} test digits, one draw; {fit.steps} training steps of "
        f"{fit.batch} images for each layer, the prior, or all at once. {spread(results)}."
    )
    head = ("trained by", *(f"τ = {t:g}" for t in noises), "numbers trained")
    made, columns = commands(results, "experiment"), frozenset(range(1, len(head)))
    return Table("progressive-bounds", "Digits", head, rows, caption, made, columns)


def known(results: Results, chosen: ProgressiveVae) -> Table:
    own, linear = Read(results, NAME), chosen.linear
    names = {
        "law/full": "any Gaussian decoders and prior, the worst encoder",
        "law/isotropic": "decoders of covariance σ²I, any Gaussian prior",
        "law/standard": "any Gaussian decoders, prior N(0, I)",
    }
    names |= {f"gap/L{n}": f"{n} equal steps: bound less entropy" for n in linear.steps}
    rows = tuple((Text(label), own.entry(name)) for name, label in names.items())
    latents = ", ".join(map(str, linear.latents))
    caption = (
        f"Gaussian data of {linear.size} dimensions; above, divergence of the model's law, "
        f"{linear.encoders} random encoders to {latents} latents, τ = {linear.noise:g}; below, "
        f"closed forms with σ²I and N(0, I), fixed encoders to a² = {linear.end:g}. "
        f"{spread(results)}."
    )
    made = commands(results, "experiment")
    head = ("best of its kind", "nats")
    title = "Where the answer is known"
    return Table("progressive-known", title, head, rows, caption, made, frozenset({1}))


SHOWN = 5
"""Samples of each way that the picture has room for."""
SHEET = (*WAYS, "data")


def sheet(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Rows of images with a pixel between them, in [0, 1]; white where there is none."""
    made = np.ones((9 * len(SHEET) - 1, 9 * SHOWN - 1))
    for i, name in enumerate(SHEET):
        for j, image in enumerate(arrays.get(name, np.zeros((0, 8, 8)))[:SHOWN]):
            made[9 * i : 9 * i + 8, 9 * j : 9 * j + 8] = image / 16
    return made


CAPTION = (
    "Left: Gaussian data, a fixed encoder in {most} to {few} equal steps; middle: test digits over "
    "the entropy of a step; right: seed {seed}, samples at τ = {noise:g}. {spread}, shown as a "
    "band."
)


def plot(results: Results, chosen: ProgressiveVae) -> Plot:
    own, rows = Read(results, NAME), list[dict[str, Any]]()
    had, noises, steps = own.arrays(), chosen.digits.noises, chosen.linear.steps
    with canvas(NAME, 1, 3, 9.4, 3.2) as (figure, axes):
        left, middle_panel, right = axes[0]
        at = own.line([f"entropy/L{n}" for n in steps])[0]
        curves = own.line([f"gap/L{n}" for n in steps])
        look = {"color": light("score"), "marker": "o", "markersize": 3, "label": LABELS["fixed"]}
        log_bands([(left, at, curves, look)])
        points = zip(at, *curves, strict=True)
        rows += [row_of("gap", "fixed", *point) for point in points]
        left.set_title("best bound − entropy of y, nats")
        left.set_xlabel("H of a step, nats per dimension")
        places = [entropy(t) for t in noises]
        for way in WAYS:
            curves = own.line([f"bound/{way}/t{t:g}" for t in noises])
            look = {"color": light(COLOURS[way]), "marker": "o", "markersize": 3}
            band(middle_panel, places, curves, label=LABELS[way], **look)
            points = zip(places, *curves, strict=True)
            rows += [row_of("bound", way, *point) for point in points]
        middle_panel.set_title("bound of digits, bits/dim")
        middle_panel.set_xlabel("H of a step, nats per dimension")
        right.imshow(sheet(had[1] if had else {}), cmap="gray", vmin=0, vmax=1)
        right.set_yticks([9 * k + 3.5 for k in range(len(SHEET))], list(SHEET))
        right.set_xticks([])
        right.grid(visible=False)
        for side in right.spines.values():
            side.set_visible(False)
        right.tick_params(length=0)
        legend(figure, axes, 4)
        drawn = svg(figure)
    shown = {"seed": had[0] if had else "–", "noise": middle(chosen), "spread": spread(results)}
    shown |= {"most": steps[-1], "few": steps[0]}
    caption, made = CAPTION.format(**shown), commands(results, "experiment")
    return Plot(NAME, "Over the entropy of a step", drawn, rows, caption, made)
