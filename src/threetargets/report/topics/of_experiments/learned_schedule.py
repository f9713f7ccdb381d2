"""A forward process that is learned by the variance of the bound: what it changes, and what not."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.experiments.learned_schedule.spec import FIXED, LEARNED, LearnedSchedule
from threetargets.metrics.statistics import paired_t, tost
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    EDGE,
    INK,
    Plot,
    canvas,
    legend,
    log_bands,
    svg,
)
from threetargets.report.parts.of_experiments import Compared, Read, block_of
from threetargets.report.parts.palette import light
from threetargets.report.parts.topic import CHAPTER, Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    below,
    written,
)
from threetargets.report.parts.wording import Table, Text
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror

NAME = "learned_schedule"
EVERY = (*FIXED, LEARNED)
OPTIMAL = "optimal"
LABELS = {
    "cosine": "cosine",
    "linear": "linear",
    "log-linear": "linear in log-SNR",
    LEARNED: "learned",
    OPTIMAL: "of least variance",
}
COLOURS = {"cosine": "eps", "linear": "v", "log-linear": "score", LEARNED: "x0"}
PARTS = {"gaussian": "Gaussian", "digits": "digits"}
KINDS = ("bound", "variance", "batch")
MARGIN = 0.02
"""Of the bound, within which two count as one."""
SHARE = 0.1
VDM = "Kingma et al. 2021 (VDM), arXiv:2107.00630 (beyond the lecture notes)"
LEAD = (
    "log-SNR as a function of t is learned between fixed ends, by the variance of one draw of the "
    "bound in continuous time, in {pieces} straight pieces: for {size} Gaussian numbers, whose "
    "denoiser is exact, and for the digits together with a network."
)


def block(results: Results) -> LearnedSchedule | None:
    return block_of(results, NAME, LearnedSchedule)


def _against(own: Read, kind: str) -> dict[str, Compared]:
    """Log ratios of the fixed schedules' figures over the learned one's."""
    return {
        f"{label}, {LABELS[name]}": own.log_ratio(f"{of}/{kind}/{name}", f"{of}/{kind}/{LEARNED}")
        for of, label in PARTS.items()
        for name in FIXED
    }


def decide_invariant(results: Results) -> Finding:
    if block(results) is None:
        return NOTHING
    own = Read(results, NAME)
    rows = {
        f"Gaussian, {LABELS[name]}": own.log_ratio(f"gaussian/bound/{name}", "gaussian/bound/exact")
        for name in EVERY
    }
    rows |= {k: v for k, v in _against(own, "bound").items() if k.startswith(PARTS["digits"])}
    if any(row.interval.mean is None for row in rows.values()):
        return NOTHING
    alpha = results.study.comparison.alpha
    within = [
        paired_t([MARGIN - sign * v for v in row.values], [0.0] * len(row.values))
        for row in rows.values()
        for sign in (1, -1)
    ]
    same = all(tost(list(row.values), 0.0, MARGIN, alpha).equivalent for row in rows.values())
    verdict = REPRODUCED if same else INCONCLUSIVE
    if below(within, alpha):
        verdict = NOT_REPRODUCED
    parts = [f"{name}: {written(row.interval)}" for name, row in rows.items()]
    what = "log of the ratio to the closed form, and to the learned schedule"
    return own.finding(verdict, "; ".join([what, *parts]), all(row.whole for row in rows.values()))


def decide_variance(results: Results) -> Finding:
    if block(results) is None:
        return NOTHING
    own = Read(results, NAME)
    return own.decided("log of the ratio to the learned schedule's", _against(own, "variance"))


def decide_optimal(results: Results) -> Finding:
    if block(results) is None:
        return NOTHING
    rows = {f"{SHARE:g} less the share left": Read(results, NAME).below("gaussian/left", SHARE)}
    return Read(results, NAME).decided("Gaussian", rows)


def decide_faster(results: Results) -> Finding:
    if block(results) is None:
        return NOTHING
    own = Read(results, NAME)
    best = f"digits/trained/{LEARNED}"
    rows = {
        f"{LABELS[name]} less learned": own.less(f"digits/trained/{name}", best) for name in FIXED
    }
    return own.decided("bound of the test digits, bits/dim", rows)


TRIAL = (
    "when bounds of seed 0 under the fixed schedules had been seen, networks were changed to "
    "predict the noise, not x₀, log-SNR to end at 6, not 8, and trainings became shorter; the rule "
    "is as it was"
)
ALL_ABOVE = (
    "Reproduced: {all} lie above 0 (paired t over seeds, at 1 − alpha). Not reproduced: one lies "
    "below 0 (Holm over the {number}). Inconclusive: else, or a seed is missing."
)
INVARIANT = Claim(
    "schedule-invariant",
    "Parameters of the forward process can be learned: in continuous time the bound depends on "
    "the ends of log-SNR alone.",
    f"{CHAPTER}, 11.2.2, remark (learning them); the ends: {VDM}",
    "The bound's integral for Gaussian numbers under each schedule, by draws, over the closed "
    "form; the bound of the test digits by one network under each fixed schedule, over that under "
    "the learned one.",
    "Reproduced: each of seven log ratios is equal to 0 within 0.02 (two one-sided tests at alpha, "
    "over seeds). Not reproduced: one lies beyond 0.02 (Holm over both sides of the seven). "
    "Inconclusive: else, or a seed is missing.",
    decide_invariant,
    TRIAL,
)
VARIANCE = Claim(
    "schedule-variance",
    "A schedule that is learned by it has less variance of the bound than fixed ones.",
    f"{VDM}; there CIFAR-10, at equal ends: learned .53, linear in log-SNR 6.35, cosine 31.1, "
    "linear 31.6 bits/dim squared",
    "The variance of one draw (of x₀, t and noise) under each fixed schedule over that under the "
    "learned one: Gaussian numbers, and the test digits by one network.",
    ALL_ABOVE.format(all="six log ratios", number="six"),
    decide_variance,
    TRIAL,
)
BEST = Claim(
    "schedule-optimal",
    "What is learned comes near the schedule of least variance, whose density of log-SNR is "
    "proportional to the root of the integrand's second moment.",
    "Cauchy and Schwarz (beyond the lecture notes)",
    "Gaussian numbers, all by quadrature: variance under the learned schedule less the least, over "
    "that of log-SNR linear in t, where the learning begins, less the least.",
    "Reproduced: the share left lies below 0.1 (t over seeds, at 1 − alpha). Not reproduced: above "
    "0.1. Inconclusive: else, or a seed is missing.",
    decide_optimal,
)
FASTER = Claim(
    "schedule-faster",
    "Less variance makes the optimisation faster.",
    VDM,
    "Networks for digits trained alike under each schedule, for equal steps: bound of the test "
    "digits under a fixed schedule less that under the one learned meanwhile.",
    ALL_ABOVE.format(all="three differences", number="three"),
    decide_faster,
    TRIAL,
)


def of_one(results: Results, chosen: LearnedSchedule) -> Table:
    own = Read(results, NAME)
    rows = [
        (
            Text(LABELS[name]),
            *(own.entry(f"{part}/{kind}/{name}") for part in PARTS for kind in KINDS),
        )
        for name in EVERY
    ]
    blank = Text("", "weak")
    least = [own.entry(f"{part}/variance/{OPTIMAL}") for part in PARTS]
    exact = own.entry("gaussian/bound/exact")
    rows.append((Text("closed form, least"), exact, least[0], blank, blank, least[1], blank))
    taken = chosen.measuring
    caption = (
        f"Bound, variance of one draw, and of a batch of {taken.batch} with t spread evenly, times "
        f"{taken.batch}: {taken.gaussian} Gaussian draws, nats, and {chosen.split.test} test "
        f"digits {taken.digits} times, bits/dim (the least variance there is an estimate). "
        f"{spread(results)}."
    )
    made = commands(results, "experiment")
    title = "One denoiser, every schedule"
    kinds = ("bound", "variance", "variance, even t")
    head = ("schedule", *(f"{label}: {kind}" for label in PARTS.values() for kind in kinds))
    numeric = frozenset(range(1, len(head)))
    return Table("schedules", title, head, tuple(rows), caption, made, numeric)


def of_each(results: Results, chosen: LearnedSchedule) -> Table:
    own, fit = Read(results, NAME), chosen.digits.training
    rows = tuple((Text(LABELS[name]), own.entry(f"digits/trained/{name}")) for name in EVERY)
    caption = (
        f"A network for digits under each, {fit.steps} steps of {fit.batch}, t spread evenly over "
        f"the batch; test digits, all measured alike. {spread(results)}."
    )
    made = commands(results, "experiment")
    title = "Trained under each schedule"
    head = ("schedule", "bound, bits/dim")
    return Table("schedules-trained", title, head, rows, caption, made, frozenset({1}))


CAPTION = (
    "log-SNR over t, the learned one of each seed and that of least variance of the first; right, "
    "variance of one draw, nats² and (bits/dim)². {spread}, shown as a band; {edge}."
)


def plot(results: Results) -> Plot:
    own, rows = Read(results, NAME), list[dict[str, Any]]()
    with canvas(NAME, 1, 3, 9.4, 3.0) as (figure, axes):
        for panel, (part, label) in zip(axes[0], PARTS.items(), strict=False):
            _schedules(panel, own.curves(part), rows, part)
            panel.set(title=f"log-SNR, {label}", xlabel="t")
        _variances(axes[0, 2], own, rows)
        legend(figure, axes)
        drawn = svg(figure)
    caption = CAPTION.format(spread=spread(results), edge=EDGE)
    made = commands(results, "experiment")
    return Plot(NAME, "Schedules and variances", drawn, rows, caption, made)


def _schedules(panel: Any, curves: list[Any], rows: list[dict[str, Any]], part: str) -> None:
    if not curves:
        return
    times = np.linspace(0, 1, len(curves[0][LEARNED]))
    for name in FIXED:
        look = {"color": light(COLOURS[name]), "linewidth": 1.0, "label": LABELS[name]}
        panel.plot(times, curves[0][name], **look)
    for k, curve in enumerate(curves):
        label = LABELS[LEARNED] if k == 0 else None
        panel.plot(times, curve[LEARNED], color=light(COLOURS[LEARNED]), alpha=0.8, label=label)
    look = {"color": INK, "linewidth": 1.2, "linestyle": (0, (1, 2)), "label": LABELS[OPTIMAL]}
    panel.plot(times, curves[0][OPTIMAL], **look)
    shown = {name: curves[0][name] for name in (*FIXED, OPTIMAL)}
    shown |= {f"{LEARNED} {k + 1}": curve[LEARNED] for k, curve in enumerate(curves)}
    for name, values in shown.items():
        rows += [
            {"panel": part, "of": name, "x": float(t), "mean": v, "low": "", "high": ""}
            for t, v in zip(times, values, strict=True)
        ]


def _variances(panel: Any, own: Read, rows: list[dict[str, Any]]) -> None:
    names, lines = (*EVERY, OPTIMAL), []
    for part, dash in zip(PARTS, ((0, ()), (0, (4, 2))), strict=True):
        curves = own.line([f"{part}/variance/{name}" for name in names])
        look = {"color": INK, "marker": "o", "markersize": 3, "linestyle": dash, "linewidth": 1}
        lines.append((panel, range(len(names)), curves, look | {"label": PARTS[part]}))
        rows += [
            {"panel": f"variance, {part}", "of": name, "x": "", "mean": m, "low": lo, "high": hi}
            for name, m, lo, hi in zip(names, *curves, strict=True)
        ]
    log_bands(lines)
    short = ["cosine", "linear", "log-lin.", "learned", "least"]
    panel.set_xticks(range(len(names)), short, rotation=25)
    panel.set_title("variance of one draw")


def sentences(results: Results) -> list[str]:
    own = Read(results, NAME)
    if own.empty:
        return []
    parts = ", ".join(f"{LABELS[n]} {own.words(f'digits/variance/{n}')}" for n in EVERY)
    return [f"Variance of one draw of the digits' bound, (bits/dim)², by the schedule: {parts}."]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    plots = () if Read(results, NAME).empty else (plot(results),)
    lead = LEAD.format(pieces=chosen.pieces, size=chosen.gaussian.size)
    shown = (of_one(results, chosen), of_each(results, chosen))
    return [Section(NAME, "A learned forward process", lead, shown, plots)]


TOPIC = Topic(NAME, sections, (INVARIANT, VARIANCE, BEST, FASTER), sentences)
