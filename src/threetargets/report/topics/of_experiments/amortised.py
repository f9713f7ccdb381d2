"""What a shared encoder costs against q optimised for each image, and what a mean field costs
against the posterior."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.experiments.amortised.spec import PARTS, Amortised
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    MUTED,
    Plot,
    band,
    canvas,
    legend,
    over_seeds,
    svg,
)
from threetargets.report.parts.of_experiments import Read, block_of
from threetargets.report.parts.palette import light
from threetargets.report.parts.topic import CHAPTER, Claim, Section, Topic
from threetargets.report.parts.verdicts import NOTHING, Finding
from threetargets.report.parts.wording import Table, Text
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror

NAME = "amortised"
CREMER = "Cremer, Li & Duvenaud 2018, arXiv:1801.03558 (beyond the lecture notes)"
LABELS = {"mean-field": "mean field for each image", "full": "full covariance for each image"}
COLOURS = {"mean-field": "eps", "full": "x0"}
GAPS = {
    "amortisation": ("amortisation gap", "eps"),
    "approximation": ("approximation gap, mean field", "v"),
    "full-gap": ("approximation gap, full covariance", "x0"),
}
LEAD = (
    "A VAE of the binarised digits, {latent} latents. Its encoder gives each image a q at once; "
    "mean and deviations of q are then optimised for each image alone, decoder fixed, and so is a "
    "q of full covariance. What is gained is the amortisation gap; what is still lacking to "
    "log p(x), by importance sampling, the approximation gap."
)


def block(results: Results) -> Amortised | None:
    return block_of(results, NAME, Amortised)


def decide_gap(results: Results) -> Finding:
    if block(results) is None:
        return NOTHING
    rows = {"amortisation gap": Read(results, NAME).less("test/amortisation")}
    return Read(results, NAME).decided("test digits, nats an image", rows)


def decide_larger(results: Results) -> Finding:
    if block(results) is None:
        return NOTHING
    own = Read(results, NAME)
    rows = {
        "amortisation less approximation gap": own.less("test/amortisation", "test/approximation")
    }
    return own.decided("test digits, nats an image", rows)


GAP = Claim(
    "amortisation-gap",
    "Parameters of q that all data share spare the optimisation for each new point, at the price "
    "of some of the bound.",
    f"{CHAPTER}, 11.1.2, remark (sharing); the price: Cremer, Li & Duvenaud 2018, arXiv:1801.03558",
    "Test digits: the bound of a mean-field q optimised for each image, less that of the encoder's "
    "q, the decoder fixed.",
    "Reproduced: the difference lies above 0 (paired t over seeds, at 1 − alpha). Not reproduced: "
    "below 0. Inconclusive: else, or a seed is missing. (The search begins at the encoder's q: "
    "below 0 is a search that failed.)",
    decide_gap,
)
LARGER = Claim(
    "amortisation-dominates",
    "More of the bound is lost by amortisation than by the family of q.",
    CREMER,
    "The same images: amortisation gap less approximation gap of the mean field.",
    "Reproduced: the difference lies above 0 (paired t over seeds, at 1 − alpha). Not reproduced: "
    "below 0. Inconclusive: else, or a seed is missing.",
    decide_larger,
)


def gaps(results: Results, chosen: Amortised) -> Table:
    own = Read(results, NAME)
    labels = {"encoder": "encoder's q", **LABELS, "log-p": "log p(x), importance sampling"}
    rows = [
        (Text(label), *(own.entry(f"{part}/{name}") for part in PARTS))
        for name, label in labels.items()
    ]
    rows += [
        (Text(label), *(own.entry(f"{part}/{name}") for part in PARTS))
        for name, (label, _) in GAPS.items()
    ]
    search = chosen.inference
    caption = (
        f"{search.images} images of each split, nats an image. {search.steps} steps of "
        f"{search.draws} draws for each image, bounds by {search.evaluation} draws, log p(x) by "
        f"{search.importance} of the widened full covariance. {spread(results)}."
    )
    made = commands(results, "experiment")
    head = ("", *PARTS)
    return Table(
        "amortised", "Bounds and gaps", head, tuple(rows), caption, made, frozenset({1, 2})
    )


def known(results: Results, chosen: Amortised) -> Table:
    own = Read(results, NAME)
    rows = tuple(
        (Text(label), own.entry(f"linear/{name}"), exact)
        for name, label, exact in (
            ("mean-field", "mean field for each x", own.entry("linear/exact")),
            ("full", "full covariance for each x", Text("0")),
            ("log-p", "importance sampling", Text("0")),
        )
    )
    caption = (
        "The same search on a linear-Gaussian decoder with weights drawn at random, from a q of "
        "half the deviations: nats below the exact log p(x), beside the closed form, which is also "
        f"that of the best linear encoder. {spread(results)}."
    )
    made = commands(results, "experiment")
    head = ("", "below log p(x)", "closed form")
    title = "Where the answer is known"
    return Table("amortised-linear", title, head, rows, caption, made, frozenset({1, 2}))


CAPTION = (
    "Left: mean of {images} test digits over the steps of the optimisation, which begins at the "
    "encoder's q. Middle: what is lost, nats an image (log p(x) is estimated from "
    "below, so that approximation gaps are too small). Right: seed {seed}, test digits by what "
    "they gain from a q of their own. {spread}, shown as a band or bar."
)


def plot(results: Results, chosen: Amortised) -> Plot:
    own, rows = Read(results, NAME), list[dict[str, Any]]()
    had = own.arrays()
    with canvas("amortised", 1, 3, 9.4, 3.0) as (figure, axes):
        left, middle, right = axes[0]
        curves = own.curves("test")
        at = curves[0]["step"]
        for name, label in LABELS.items():
            drawn_curves = over_seeds([curve[name] for curve in curves])
            band(left, at, drawn_curves, color=light(COLOURS[name]), label=label)
            rows += [
                {"panel": "below log p", "of": name, "step": k, "mean": m, "low": lo, "high": hi}
                for k, m, lo, hi in zip(at, *drawn_curves, strict=True)
            ]
        left.set(title="log p(x) − bound, test digits, nats", xlabel="step")
        left.set_ylim(bottom=0)
        for k, (name, (label, colour)) in enumerate(GAPS.items()):
            mean, low, high = own.line([f"{part}/{name}" for part in PARTS])
            places = np.arange(len(PARTS)) + 0.27 * (k - 1)
            error = np.nan_to_num(np.stack([mean - low, high - mean]))
            style = {"ecolor": MUTED, "error_kw": {"linewidth": 1}}
            middle.bar(places, mean, 0.25, color=light(colour), yerr=error, label=label, **style)
            rows += [
                {"panel": "gap", "of": f"{part} {name}", "step": "", "mean": m}
                | {"low": lo, "high": hi}
                for part, m, lo, hi in zip(PARTS, mean, low, high, strict=True)
            ]
        middle.set(title="gaps, nats")
        middle.set_xticks(range(len(PARTS)), list(PARTS))
        middle.grid(visible=False, axis="x")
        right.hist(had[1]["test"] if had else [], bins=20, color=light(COLOURS["mean-field"]))
        right.set(title="amortisation gap of each image", xlabel="nats", ylabel="images")
        legend(figure, axes, 3)
        drawn = svg(figure)
    made = commands(results, "experiment")
    caption = CAPTION.format(
        images=chosen.inference.images, seed=had[0] if had else "–", spread=spread(results)
    )
    return Plot(NAME, "Gaps", drawn, rows, caption, made)


def sentences(results: Results) -> list[str]:
    own = Read(results, NAME)
    if own.empty:
        return []
    parts = ", ".join(f"{label} {own.words(f'test/{name}')}" for name, (label, _) in GAPS.items())
    return [f"What inference loses on binarised test digits, nats an image: {parts}."]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    plots = () if Read(results, NAME).empty else (plot(results, chosen),)
    lead = LEAD.format(latent=chosen.digits.latent)
    shown = (gaps(results, chosen), known(results, chosen))
    return [Section(NAME, "Amortised against per-image inference", lead, shown, plots)]


TOPIC = Topic(NAME, sections, (GAP, LARGER), sentences)
