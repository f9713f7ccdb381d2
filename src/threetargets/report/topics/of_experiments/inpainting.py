"""Filling holes: what the shortcuts of a sampler cost against the exact conditional law, and what
an encoder's q costs a VAE that fills its holes."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.experiments.inpainting.spec import LAWS, METHODS, Inpainting
from threetargets.metrics.statistics import tost
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    EDGE,
    INK,
    MUTED,
    Plot,
    canvas,
    legend,
    log_bands,
    plain_log,
    svg,
)
from threetargets.report.parts.of_experiments import Read, block_of
from threetargets.report.parts.palette import light
from threetargets.report.parts.topic import CHAPTER, Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    written,
)
from threetargets.report.parts.wording import Table, Text, number
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror

NAME = "inpainting"
LABELS = {
    "replacement": "replacement",
    "resampling": "resampling (RePaint)",
    "guided": "guided score",
    "known": "exact conditional denoiser",
}
COLOURS = {"replacement": "eps", "resampling": "x0", "guided": "v", "known": "score"}
TITLES = {"gaussian": "Gaussian", "mixture": "mixture"}
CHAINS = {
    "posterior": "q the posterior",
    "mean-field": "q a mean field",
    "metropolis": "mean field, Metropolis",
}
MARGIN = 0.01
"""nats within which an imputation by another q counts as the same."""
REPAINT = (
    "Song et al. 2021, arXiv:2011.13456; Lugmayr et al. 2022, arXiv:2201.09865 (beyond the "
    "lecture notes)"
)
LEAD = (
    "One of two numbers is seen, the other is to be drawn; the law of the rest is known, and so is "
    "the denoiser. Replacement puts the seen number, noised, into every step; resampling takes "
    "every step {times} times, so that it has as many calls with a fraction of the steps; a guided "
    "score adds the gradient of how well x̂₀ fits. A linear-Gaussian VAE fills its holes by "
    "encoder and decoder in turn."
)


def block(results: Results) -> Inpainting | None:
    return block_of(results, NAME, Inpainting)


def decide_replacement(results: Results) -> Finding:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    most = max(chosen.calls)
    rows = {}
    for law in LAWS:
        for other in ("known", "resampling"):
            first, second = f"{law}/replacement_{most}", f"{law}/{other}_{most}"
            rows[f"{law}, replacement less {LABELS[other]}"] = own.less(first, second)
    return own.decided(f"distance to the law of the rest, {most} calls", rows)


def decide_imputation(results: Results) -> Finding:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    last = max(chosen.vae.steps)
    mean_field, posterior = (f"vae/{name}_{last}" for name in ("mean-field", "posterior"))
    apart, floor = own.less(mean_field, posterior), own.less(posterior, "vae/floor")
    if apart.interval.mean is None or floor.interval.mean is None:
        return NOTHING
    alpha = results.study.comparison.alpha
    same, arrived = (tost(list(one.values), 0.0, MARGIN, alpha) for one in (apart, floor))
    low = apart.interval.low
    verdict = INCONCLUSIVE
    if arrived.equivalent and same.equivalent:
        verdict = REPRODUCED
    elif arrived.equivalent and low is not None and low > MARGIN:
        verdict = NOT_REPRODUCED
    return own.finding(
        verdict,
        f"divergence after {last} steps, nats; mean field less posterior: "
        f"{written(apart.interval)}; posterior: {own.words(posterior)}, "
        f"draws of the law {own.words('vae/floor')}",
        apart.whole and floor.whole,
    )


REPLACEMENT = Claim(
    "replacement-biased",
    "Replacing what is seen at every step does not draw from the conditional law, at the most "
    "steps taken here; taking each step several times comes nearer at equal cost.",
    REPAINT,
    "A correlated Gaussian and a mixture, exact denoiser: distance of samples to the law of the "
    "rest at the largest number of calls; replacement against the exact conditional denoiser, and "
    "against resampling.",
    "Reproduced: four differences, two a law, lie above 0 (paired t over seeds, at 1 − alpha). Not "
    "reproduced: one lies below 0 (Holm over the four). Inconclusive: else, or a seed is missing.",
    decide_replacement,
    "Holm's correction was added; after a trial of two seeds the most calls were halved, to 320, "
    "and there are fewer samples",
)
IMPUTATION = Claim(
    "fill-holes",
    "Approximate inference of z is enough to fill holes: encoder and decoder in turn draw from "
    "the law of the holes given the rest.",
    f"{CHAPTER}, 11.1.1, names the goal; the chain: Rezende et al. 2014, arXiv:1401.4082, appendix "
    "F",
    "A linear-Gaussian VAE with weights drawn at random: divergence of imputations from the exact "
    "conditional, after the largest number of steps, by a mean-field q and by the posterior.",
    "The posterior's chain has arrived: it is equal to draws of the law within 0.01 nats (two "
    "one-sided tests at alpha); else inconclusive. Reproduced: the two are equal within 0.01 nats "
    "(as before). Not reproduced: the interval of mean field less posterior lies above 0.01. "
    "Inconclusive: else, or a seed is missing.",
    decide_imputation,
    "after a trial of two seeds with one model in each there are ten, and four times the steps; "
    "then the posterior's chain was held against draws of the law too",
)


def distances(results: Results, chosen: Inpainting) -> Table:
    own, most = Read(results, NAME), max(chosen.calls)
    rows = [
        (Text(LABELS[method]), *(own.entry(f"{law}/{method}_{most}") for law in LAWS))
        for method in METHODS
    ]
    rows.append((Text("draws of the law"), *(own.entry(f"{law}/floor") for law in LAWS)))
    caption = (
        f"Wasserstein-1 distance of {chosen.samples} samples to the law of the second number given "
        f"the first, mean over {chosen.conditions} values of the first; {most} calls of the "
        f"denoiser. {spread(results)}."
    )
    made = commands(results, "experiment")
    head = ("method", "Gaussian", "mixture")
    return Table("inpainting", "Samplers", head, tuple(rows), caption, made, frozenset({1, 2}))


def imputations(results: Results, chosen: Inpainting) -> Table:
    own = Read(results, NAME)
    steps = sorted({min(chosen.vae.steps), max(chosen.vae.steps)})
    rows = [
        (Text(label), *(own.entry(f"vae/{name}_{k}") for k in steps))
        for name, label in CHAINS.items()
    ]
    blank = [Text("", "weak")] * (len(steps) - 1)
    rows.append((Text("draws of the law"), *blank, own.entry("vae/floor")))
    caption = (
        f"KL, nats, of a Gaussian with the moments of {chosen.vae.chains} imputations from the "
        f"exact conditional, mean of {chosen.vae.models} models; {chosen.vae.holes} of "
        f"{chosen.vae.visible + chosen.vae.holes} numbers missing, {chosen.vae.latent} latents, "
        f"weights drawn anew in each seed. {spread(results)}."
    )
    made = commands(results, "experiment")
    head = ("encoder", *(f"after {k}" for k in steps))
    numeric = frozenset(range(1, len(head)))
    return Table("imputation", "A VAE's holes", head, tuple(rows), caption, made, numeric)


CAPTION = (
    "Left and middle: distance to the law of the rest over the calls of the denoiser for one "
    "sample, W₁ of {samples} samples, mean over {conditions} x₁; dotted, draws of that law. Right: "
    "seed {seed}, mixture, densities of x₂ at one x₁, {shown} samples, {calls} calls. {spread}, "
    "shown as a band; {edge}."
)
BINS = 32


def plot(results: Results, chosen: Inpainting) -> Plot:
    own, rows = Read(results, NAME), list[dict[str, Any]]()
    calls, had = sorted(chosen.calls), own.arrays()
    with canvas("inpainting", 1, 3, 9.4, 3.0) as (figure, axes):
        for panel, law in zip(axes[0], LAWS, strict=False):
            every = [own.line([f"{law}/{method}_{c}" for c in calls]) for method in METHODS]
            looks = [
                {"color": light(COLOURS[m]), "marker": "o", "markersize": 3, "label": LABELS[m]}
                for m in METHODS
            ]
            log_bands([(panel, calls, *pair) for pair in zip(every, looks, strict=True)])
            rows += [
                {"law": law, "method": method, "calls": c, "mean": m, "low": lo, "high": hi}
                for method, curves in zip(METHODS, every, strict=True)
                for c, m, lo, hi in zip(calls, *curves, strict=True)
            ]
            floor = own.line([f"{law}/floor"])[0][0]
            panel.axhline(floor, color=INK, linestyle=(0, (1, 2)), linewidth=1)
            panel.set(title=TITLES[law], xlabel="calls")
            plain_log(panel)
            panel.set_xscale("log", base=2)
            panel.set_xticks(calls, [str(c) for c in calls])
        _densities(axes[0, 2], had[1] if had else {})
        legend(figure, axes)
        drawn = svg(figure)
    shown = len(had[1]["mixture_data"]) if had else 0
    caption = CAPTION.format(
        samples=chosen.samples,
        conditions=chosen.conditions,
        seed=had[0] if had else "–",
        shown=shown,
        calls=max(calls),
        spread=spread(results),
        edge=EDGE,
    )
    made = commands(results, "experiment")
    return Plot("inpainting", "Distances over calls", drawn, rows, caption, made)


def _densities(panel: Any, arrays: dict[str, np.ndarray]) -> None:
    edges = np.linspace(-2.2, 2.2, BINS + 1)
    for name, colour in {"data": MUTED, **{k: light(v) for k, v in COLOURS.items()}}.items():
        x = arrays.get(f"mixture_{name}")
        if x is None or name == "known":
            continue
        counts, _ = np.histogram(x, edges, density=True)
        filled = {"fill": True, "alpha": 0.3} if name == "data" else {"linewidth": 1.2}
        panel.stairs(counts, edges, color=colour, **filled)
    panel.set(title="mixture, x₂ given x₁", xlabel="x₂", yticks=[])


def sentences(results: Results) -> list[str]:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None or own.empty:
        return []
    most = max(chosen.calls)
    parts = ", ".join(f"{LABELS[m]} {own.words(f'mixture/{m}_{most}')}" for m in METHODS)
    return [
        f"Filling holes of a mixture with {number(most)} calls, distance to the exact law: {parts}."
    ]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    plots = () if Read(results, NAME).empty else (plot(results, chosen),)
    lead = LEAD.format(times=chosen.resampling)
    shown = (distances(results, chosen), imputations(results, chosen))
    return [Section(NAME, "Filling holes", lead, shown, plots)]


TOPIC = Topic(NAME, sections, (REPLACEMENT, IMPUTATION), sentences)
