"""Is the noise the easier target because it is normally distributed? x_0 made normal in two ways as
targets, between x_0 and eps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from threetargets.experiments.normal_targets.spec import (
    CASES,
    DRAWN,
    EPS,
    MADE_NORMAL,
    OWN,
    SAME,
    TARGETS,
    X0,
    NormalTargets,
)
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    INK,
    Plot,
    band,
    canvas,
    legend,
    log_bands,
    over_seeds,
    svg,
)
from threetargets.report.parts.of_experiments import Compared, Read, block_of, row_of
from threetargets.report.parts.palette import light
from threetargets.report.parts.topic import CHAPTER, Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOTHING,
    Finding,
    all_above,
    written,
)
from threetargets.report.parts.wording import Table, Text
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "normal_targets"
WHITENED, GAUSSIANISED = MADE_NORMAL
TITLES = {
    X0: "x₀",
    WHITENED: "x₀ whitened",
    GAUSSIANISED: "x₀ Gaussianised",
    DRAWN: "the same, ties drawn",
    EPS: "ε",
}
SHORT = TITLES | {WHITENED: "whitened", GAUSSIANISED: "Gaussian-\nised", DRAWN: "ties\ndrawn"}
COLOURS = {X0: "x0", WHITENED: "v", GAUSSIANISED: "flow", DRAWN: "edm", EPS: "eps"}
LOSSES = {SAME: "loss of ε̂", OWN: "own loss"}


def block(results: Results) -> NormalTargets | None:
    return block_of(results, NAME, NormalTargets)


def metric(target: str, loss: str) -> str:
    """The figure of a bound; ε has one loss, which is its own and that of all."""
    return f"bound/{target}/{SAME if target == EPS else loss}"


def gap(results: Results, target: str, loss: str = SAME) -> Compared:
    """The target's bound less that of ε."""
    return Read(results, NAME).less(metric(target, loss), metric(EPS, loss))


def left(results: Results, target: str, loss: str = SAME) -> Compared:
    """Half of the gap of x₀ less that of the target: (x₀ + ε) / 2 less the target's bound."""
    ends = {metric(X0, loss): 0.5, metric(EPS, loss): 0.5}
    return Read(results, NAME).combined(ends | {metric(target, loss): -1.0})


def decide(results: Results, target: str) -> Finding:
    if block(results) is None:
        return NOTHING
    whole, half = gap(results, X0), left(results, target)
    if whole.interval.mean is None or half.interval.mean is None:
        return NOTHING
    there = whole.interval.low is not None and whole.interval.low > 0
    alpha = results.study.comparison.alpha
    verdict = all_above([half.difference], alpha) if there else INCONCLUSIVE
    own = {loss: gap(results, target, loss) for loss in LOSSES}
    parts = [
        f"half of x₀'s gap less that of {TITLES[target]}, bits/dim: {written(half.interval)}",
        f"gap of x₀ {written(whole.interval)}",
        *(f"of {TITLES[target]}, {LOSSES[k]} {written(v.interval)}" for k, v in own.items()),
    ]
    return Read(results, NAME).finding(verdict, "; ".join(parts), whole.whole and half.whole)


STATEMENT = (
    "Predicting the noise is easier than predicting x₀ because a network learns a target more "
    "easily whose law is normal."
)
RULE = (
    "Reproduced: the gap of x₀ to ε lies above 0, and so does half of it less the gap of the "
    "other target: at least half of the gap is gone (paired t over seeds, at 1 − alpha). Not "
    "reproduced: the latter lies below 0. Inconclusive: else, where x₀ has no gap, or a seed is "
    "missing."
)
TEST = (
    "Digits, networks of one size, draws and loss of ε̂ the same; bounds with a fitted reverse "
    "variance. Beside x₀ and ε the target is x₀ {made}."
)
CLAIMS = (
    Claim(
        "gaussian-target",
        STATEMENT,
        f"{CHAPTER}, 11.2.3, last remark",
        TEST.format(made="Gaussianised pixel by pixel (normal scores)"),
        RULE,
        partial(decide, target=GAUSSIANISED),
    ),
    Claim(
        "gaussian-target (whitened)",
        f"{STATEMENT[:-1]}: of the normal law's moments, unit variance without correlation "
        "suffices.",
        f"{CHAPTER}, 11.2.3, last remark; whitening is our reading",
        TEST.format(made="whitened by the covariance of the training images"),
        RULE,
        partial(decide, target=WHITENED),
    ),
)
LEAD = (
    "Networks of one size say x₀, x₀ in coordinates that are nearer to normal, or ε. Whitened: "
    "unit variance, no correlation. Gaussianised: each pixel's levels become the quantiles of a "
    "normal law that their ranks have, ties averaged; with ties drawn the law of every pixel is "
    "normal. The way back is linear for the first alone: a network that learned the mean of "
    "normal scores is decoded to something else than the mean of x₀."
)
CAPTION = (
    "{test} test digits, bits/dim, T = {T}, log-SNR {ends}; every network is trained on |ε − ε̂|², "
    "or in its own coordinates. From normal: Wasserstein-1 distance of a coordinate of the "
    "training images, standardised, mean over those that vary; decoding a mean: what decode(E[z | "
    "xₜ]) adds to the bound of independent pixels, exact, which the first loss does not pay. "
    "{spread}."
)


def table(results: Results, chosen: NormalTargets) -> Table:
    own = Read(results, NAME)
    exact = own.entry("decoded_mean")
    rows = []
    for target in TARGETS:
        bounds = []
        for loss in LOSSES:
            has = target == EPS or any((c.target, c.loss) == (target, loss) for c in CASES)
            bounds.append(own.entry(metric(target, loss)) if has else Text("·"))
            bounds.append(_difference(results, target, loss) if has else Text("·"))
        paid = exact if target in (GAUSSIANISED, DRAWN) else Text("0")
        rows.append((Text(TITLES[target]), own.entry(f"from_normal/{target}"), *bounds, paid))
    head = ("target", "from normal", *_heads(), "decoding a mean")
    ends = chosen.process.schedule
    caption = CAPTION.format(
        test=chosen.split.test,
        T=chosen.process.steps,
        ends=f"{ends.log_snr_max:g} to {ends.log_snr_min:g}".replace("-", "−"),
        spread=spread(results),
    )
    made, numeric = commands(results, "experiment"), frozenset(range(1, len(head)))
    return Table("normal-targets", "Made normal", head, tuple(rows), caption, made, numeric)


def _heads() -> list[str]:
    return [f"{what}, {loss}" for loss in LOSSES.values() for what in ("bound", "less ε")]


def _difference(results: Results, target: str, loss: str) -> Text:
    """Nothing beside ε itself."""
    one = gap(results, target, loss).interval
    return Text("–" if target == EPS or one.mean is None else written(one))


PLOT = (
    "Left: bounds of the test digits, filled by the loss of ε̂, hollow by each one's own. Middle: "
    "error of ε̂ over log-SNR, of networks with the loss of ε̂, as a multiple of that of ε. Right: "
    "error of the decoded mean of normal scores as a multiple of the least one, exact for "
    "independent pixels. {spread}, shown as a bar or band."
)


def _bounds(panel: Axes, own: Read, rows: list[dict[str, Any]]) -> None:
    place = {target: k for k, target in enumerate(TARGETS)}
    cases = [(c.target, c.loss) for c in CASES]
    mean, low, high = own.line([metric(*case) for case in cases])
    for (target, loss), m, lo, hi in zip(cases, mean, low, high, strict=True):
        at, colour = place[target] + (0.15 if loss == OWN else -0.15), light(COLOURS[target])
        error = np.nan_to_num([[m - lo], [hi - m]])
        face = colour if loss == SAME else "none"
        panel.errorbar([at], [m], error, color=colour, marker="o", markerfacecolor=face)
        rows.append(row_of(f"bound, {LOSSES[loss]}", target, place[target], m, lo, hi))
    panel.set_xticks(range(len(TARGETS)), [SHORT[target] for target in TARGETS], fontsize=7)
    panel.set(title="bound, bits/dim")
    panel.grid(visible=False, axis="x")


def _errors(panel: Axes, own: Read, rows: list[dict[str, Any]]) -> None:
    curves, lines = own.curves("eps_error"), []
    at = curves[0]["log_snr"]
    for target in (X0, *MADE_NORMAL):
        ratios = [np.divide(c[f"{target}/{SAME}"], c[f"{EPS}/{SAME}"]).tolist() for c in curves]
        drawn = over_seeds(ratios)
        look = {"color": light(COLOURS[target]), "label": TITLES[target]}
        lines.append((panel, at, drawn, look))
        rows += [row_of("error", target, *row) for row in zip(at, *drawn, strict=True)]
    log_bands(lines)
    panel.axhline(1, color=light(COLOURS[EPS]), label=TITLES[EPS])
    panel.set(xlabel="log-SNR", title="error of ε̂, over ε's")


def plot(results: Results, chosen: NormalTargets) -> Plot:
    own, rows = Read(results, NAME), list[dict[str, Any]]()
    with canvas("normal-targets", 1, 3, 9.6, 3.2) as (figure, axes):
        one, other, last = axes[0]
        _bounds(one, own, rows)
        _errors(other, own, rows)
        exact = own.curves("decoded_mean")[0]
        values = np.array(exact["ratio"])
        band(last, exact["log_snr"], (values, values, values), color=INK)
        pairs = zip(exact["log_snr"], exact["ratio"], strict=True)
        rows += [row_of("decoded mean", GAUSSIANISED, *pair) for pair in pairs]
        last.set(xlabel="log-SNR", title="error of decode(E[z | xₜ]), over the least")
        legend(figure, axes)
        drawn = svg(figure)
    caption, made = PLOT.format(spread=spread(results)), commands(results, "experiment")
    return Plot("normal-targets", "Between x₀ and ε", drawn, rows, caption, made)


def sentences(results: Results) -> list[str]:
    gaps = {target: gap(results, target).interval for target in (X0, *MADE_NORMAL)}
    if block(results) is None or any(one.mean is None for one in gaps.values()):
        return []
    parts = ", ".join(f"{TITLES[target]} {written(one)}" for target, one in gaps.items())
    return [f"Targets made normal, bits/dim above ε under one loss: {parts}."]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    plots = () if Read(results, NAME).empty else (plot(results, chosen),)
    title = "Is ε easier because it is normal?"
    return [Section(NAME, title, LEAD, (table(results, chosen),), plots)]


TOPIC = Topic(NAME, sections, CLAIMS, sentences)
