"""Super-resolution: what guidance of an unconditional model costs against the exact law given the
means of 2x2 pixels, and against a model that is given them."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.experiments.digit_sizes import SIDE
from threetargets.experiments.super_resolution.spec import (
    FACTOR,
    LAWS,
    METHODS,
    TRAINED,
    UNCONDITIONAL,
    SuperResolution,
)
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import INK, Plot, band, canvas, legend, svg
from threetargets.report.parts.image_rows import draw_rows
from threetargets.report.parts.of_experiments import Read, block_of
from threetargets.report.parts.palette import light
from threetargets.report.parts.topic import POLYAKOV, Claim, Section, Topic
from threetargets.report.parts.verdicts import NOTHING, Finding
from threetargets.report.parts.wording import Table, Text
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror

NAME = "super_resolution"
LABELS = {
    "conditional": "conditional model",
    "guided": "guided score",
    "projection": "projection of x̂₀",
    "replacement": "replacement",
    "known": "exact conditional denoiser",
    "law": "draws of the law",
}
COLOURS = {"guided": "v", "projection": "x0", "replacement": "eps", "known": "score"}
TITLES = {"gaussian": "Gaussian", "mixture": "mixture"}
ERRORS = {"mean": "mean", "covariance": "covariance"}
MARGIN = 0.05
"""Of squared errors of mean and covariance, relative to their size, that count as none."""
LEAD = (
    "An image of {side}x{side} pixels is to be drawn given y, the means of 2x2 of them. An "
    "unconditional model is guided by the gradient of how well x̂₀ fits y, or the known means are "
    "put into x̂₀ (projection) or, noised, into every step (replacement). On a Gaussian and a "
    "mixture of ten, with the moments of the digits, the denoiser and the law given y are exact; "
    "on the digits a network is given y, and another of its size is not."
)


def block(results: Results) -> SuperResolution | None:
    return block_of(results, NAME, SuperResolution)


def decide_conditional(results: Results) -> Finding:
    if block(results) is None:
        return NOTHING
    own, base = Read(results, NAME), "digits/conditional"
    rows = {
        "another image less its own, squared": own.less(f"{base}/other_squared", f"{base}/squared"),
        "another y less its own": own.less(f"{base}/other_missed", f"{base}/missed"),
        "y enlarged less the mean of the samples, squared": own.less(
            "digits/enlarged/squared", f"{base}/mean_squared"
        ),
    }
    return own.decided("distances of a conditional model's samples", rows)


def decide_guided(results: Results) -> Finding:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    most = max(chosen.laws.calls)
    rows = {
        f"{TITLES[law]}, {what}": own.below(f"{law}/guided_{most}/{what}", MARGIN)
        for law in LAWS
        for what in ERRORS
    }
    return own.decided(f"{MARGIN:g} less the relative squared error, {most} calls", rows)


def decide_nearer(results: Results) -> Finding:
    if block(results) is None:
        return NOTHING
    own, score = Read(results, NAME), "digits/conditional/energy"
    rows = {
        f"{LABELS[method]} less conditional": own.less(f"digits/{method}/energy", score)
        for method in UNCONDITIONAL
    }
    return own.decided("energy score of test digits", rows)


CONDITIONAL = Claim(
    "super-resolution",
    "A network that is given a low-resolution image learns x̂₀(xₜ, t, y), and does not ignore y.",
    f"{POLYAKOV}, Guidance, “Conditioning”",
    "Test digits, drawn by a small conditional model: squared distance of samples from their own "
    "image and from another, of their means from their own y and from another, and of the mean of "
    "the samples from the image, against y enlarged.",
    "Reproduced: three differences, other less own twice and enlarged less mean, lie above 0 "
    "(paired t over seeds, at 1 − alpha). Not reproduced: one lies below 0 (Holm over the three). "
    "Inconclusive: else, or a seed is missing.",
    decide_conditional,
)
GUIDED = Claim(
    "guided-by-estimate",
    "An unconditional model guided by the gradient of log p(y | x̂₀(xₜ)), in the place of log p(y | "
    "xₜ), draws from the law given y.",
    f"{POLYAKOV}, “Classifier guidance”, states it for log p(y | xₜ); the estimate: Song et al. "
    "2023, Pseudoinverse-guided diffusion models (beyond the lecture notes)",
    "A Gaussian and a mixture of 64 pixels, exact denoisers, the most calls: squared error of mean "
    "and covariance of samples given y, relative to the size of the exact covariance.",
    f"Reproduced: four errors, two a law, lie below {MARGIN:g} (t over seeds, at 1 − alpha). Not "
    "reproduced: one lies above it (Holm over the four). Inconclusive: else, or a seed is missing.",
    decide_guided,
    "after a trial of two seeds, which differed by the few y of each, four times as many y have a "
    "quarter of the samples",
)
NEARER = Claim(
    "conditional-nearer",
    "At one size and one training a model that is given y is nearer to the law given y than an "
    "unconditional one by guidance, projection or replacement.",
    f"our question; {POLYAKOV}, “Conditioning” and “Classifier guidance”, names the ways and "
    "compares none",
    "Test digits, two small networks trained alike: energy score of the samples given y, which is "
    "least on average for the law given y.",
    "Reproduced: three differences, other less conditional, lie above 0 (paired t over seeds, at 1 "
    "− alpha). Not reproduced: one lies below 0 (Holm over the three). Inconclusive: else, or a "
    "seed is missing.",
    decide_nearer,
)


def of_laws(results: Results, chosen: SuperResolution) -> Table:
    own, most = Read(results, NAME), max(chosen.laws.calls)
    rows = tuple(
        (
            Text(LABELS[method]),
            *(
                own.entry(f"{law}/{method if method == 'law' else f'{method}_{most}'}/{what}")
                for law in LAWS
                for what in (*ERRORS, "spread")
            ),
        )
        for method in (*METHODS, "law")
    )
    caption = (
        f"Exact denoisers, {most} calls, {chosen.laws.samples} samples for each of "
        f"{chosen.laws.conditions} y: |Ex − m|²/tr C and |Cov x − C|²/|C|², without the error of a "
        "finite sample, and spread, tr Cov x/tr C; right are 0, 0 and 1, and what the steps alone "
        f"lose is the last row but one. {spread(results)}."
    )
    head = ("method", *(f"{TITLES[law]}: {w}" for law in LAWS for w in (*ERRORS, "spread")))
    made = commands(results, "experiment")
    numeric = frozenset(range(1, len(head)))
    return Table("super-resolution", "Known laws", head, rows, caption, made, numeric)


COLUMNS = {
    "squared": "sample",
    "mean_squared": "mean of samples",
    "ratio": "spread",
    "missed": "off y",
    "energy": "energy score",
}


def of_digits(results: Results, chosen: SuperResolution) -> Table:
    own = Read(results, NAME)
    labels = {m: LABELS[m] for m in TRAINED} | {"law": "draws of the mixture above"}
    rows = [
        (Text(label), *(own.entry(f"digits/{method}/{key}") for key in COLUMNS))
        for method, label in labels.items()
    ]
    blank = [Text("", "weak")] * (len(COLUMNS) - 1)
    rows.append((Text("y enlarged"), own.entry("digits/enlarged/squared"), *blank))
    caption = (
        f"{chosen.digits.images} test digits in [−1, 1], {chosen.digits.samples} samples of each, "
        f"{chosen.digits.calls} calls: mean square from the image, a pixel; spread, that between "
        "two samples over that from the image, 1 for the law given y; root mean square of the "
        f"means from y; energy score, least for that law. {spread(results)}."
    )
    head = ("drawn by", *COLUMNS.values())
    made = commands(results, "experiment")
    numeric = frozenset(range(1, len(head)))
    title = "Digits, 4x4 to 8x8"
    return Table("super-resolution-digits", title, head, tuple(rows), caption, made, numeric)


CAPTION = (
    "Left and middle: mixture, relative squared errors over the calls of the denoiser for one "
    "sample, 0 for the law. Right: seed {seed}, test digits, {calls} calls, one sample each. "
    "{spread}, shown as a band."
)
SHEET = {
    "truth": "image",
    "means": "y",
    "conditional": "conditional",
    "guided": "guided",
    "projection": "projection",
    "replacement": "replacement",
}


def images(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A row for each entry of SHEET, in [0, 1]."""
    none = np.zeros((0, SIDE**2))
    return {
        label: (arrays.get(name, none).reshape(-1, SIDE, SIDE) + 1) / 2
        for name, label in SHEET.items()
    }


def plot(results: Results, chosen: SuperResolution) -> Plot:
    own, rows = Read(results, NAME), list[dict[str, Any]]()
    calls, had = sorted(chosen.laws.calls), own.arrays()
    with canvas("super-resolution", 1, 3, 9.4, 3.0) as (figure, axes):
        for panel, what in zip(axes[0], ERRORS, strict=False):
            for method in METHODS:
                curves = own.line([f"mixture/{method}_{c}/{what}" for c in calls])
                look = {"color": light(COLOURS[method]), "marker": "o", "markersize": 3}
                band(panel, calls, curves, **look, label=LABELS[method])
                rows += [
                    {"error": what, "method": method, "calls": c, "mean": m, "low": lo, "high": hi}
                    for c, m, lo, hi in zip(calls, *curves, strict=True)
                ]
            panel.axhline(0, color=INK, linestyle=(0, (1, 2)), linewidth=1)
            panel.set(title=f"squared error of the {what}", xlabel="calls")
            panel.set_xscale("log", base=2)
            panel.set_xticks(calls, [str(c) for c in calls])
        rows_of = images(had[1] if had else {})
        draw_rows(axes[0, 2], rows_of, SIDE, max(1, *map(len, rows_of.values())))
        legend(figure, axes)
        drawn = svg(figure)
    caption = CAPTION.format(
        seed=had[0] if had else "–", calls=chosen.digits.calls, spread=spread(results)
    )
    made = commands(results, "experiment")
    return Plot("super-resolution", "Errors over calls, and digits", drawn, rows, caption, made)


def sentences(results: Results) -> list[str]:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None or own.empty:
        return []
    parts = ", ".join(f"{LABELS[m]} {own.words(f'digits/{m}/energy')}" for m in TRAINED)
    side = SIDE // FACTOR
    return [
        f"Super-resolution of digits, {side}x{side} to {SIDE}x{SIDE}, energy score (less is "
        f"nearer to the law given y): {parts}."
    ]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    plots = () if Read(results, NAME).empty else (plot(results, chosen),)
    shown = (of_laws(results, chosen), of_digits(results, chosen))
    return [Section(NAME, "Super-resolution", LEAD.format(side=SIDE), shown, plots)]


TOPIC = Topic(NAME, sections, (CONDITIONAL, GUIDED, NEARER), sentences)
