"""Langevin's chain on a continuous softmax: the density it is at rest in, the step as printed, and
modes far apart."""

from __future__ import annotations

from functools import partial

import numpy as np

from threetargets.experiments.langevin_density.spec import (
    ADJUSTED,
    CHAINS,
    STEPS,
    WALKS,
    LangevinDensity,
)
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.of_experiments import Read, block_of
from threetargets.report.parts.topic import MCALLESTER, Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    written,
)
from threetargets.report.parts.wording import Table, Text, interval, number
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_experiments.langevin_density.langevin_figures import (
    NAME,
    TITLES,
    plot,
)

VANISHES, STAYS = 0.5, 0.2
"""Orders in the step size at which a bias is called one that goes away, and one that does not."""


def block(results: Results) -> LangevinDensity | None:
    return block_of(results, NAME, LangevinDensity)


def order(results: Results, chosen: LangevinDensity, kind: str) -> tuple[float | None, bool]:
    """Of the bias in the step size, between the two smallest; and whether no seed lacks it."""
    own, pair = Read(results, NAME), chosen.walking.step_sizes[:2]
    names = [f"law/{kind}/dt{width:g}" for width in pair]
    means = [own.interval(name).mean for name in names]
    known = [m for m in means if m is not None and m > 0]
    if len(known) < 2:
        return None, False
    rate = float(np.log(known[1] / known[0]) / np.log(pair[1] / pair[0]))
    return rate, own.complete(*names)


def decide(kind: str, results: Results) -> Finding:
    """Whether the bias of this step goes away, and where its chains on the network end."""
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    rate, whole = order(results, chosen, kind)
    ratio = own.log_ratio(f"network/{kind}/sharp", f"network/{kind}/softmax")
    nearer = ratio.interval
    if rate is None or nearer.mean is None:
        return NOTHING
    held = rate > VANISHES and nearer.low is not None and nearer.low > 0
    refuted = rate < STAYS or (nearer.high is not None and nearer.high < 0)
    verdict = REPRODUCED if held else NOT_REPRODUCED if refuted else INCONCLUSIVE
    figure = f"order of the bias in Δt, exact: {number(rate)}; log of the distance from "
    figure += f"exp(4 score) over that from exp(score), learned score: {written(nearer)}"
    return own.finding(verdict, figure, whole and ratio.whole)


def decide_annealed(results: Results) -> Finding:
    own = Read(results, NAME)
    if block(results) is None:
        return NOTHING
    ratio = own.log_ratio("share_error/plain", "share_error/annealed")
    figure = f"share of the heavier mode, exact {number(_exact_share(results), 3)}"
    figure += "".join(f"; {kind}: {own.words(f'share/{kind}')}" for kind in WALKS)
    return own.decided(figure, {"log of their errors' ratio": ratio})


def _exact_share(results: Results) -> float:
    return Read(results, NAME).interval("share_exact").mean or float("nan")


def decide_unknown(results: Results) -> Finding:
    own, names = Read(results, NAME), ("shift/chains", "shift/trained", "network_kl", "log_z")
    if block(results) is None:
        return NOTHING
    moved, trained, kl, log_z = (list(own.figure(name).values.values()) for name in names)
    if not moved or not trained or not kl or len(log_z) < 2:
        return NOTHING
    wide, most = max(log_z) - min(log_z), max(*moved, *trained)
    verdict = INCONCLUSIVE if wide <= max(kl) else REPRODUCED
    verdict = NOT_REPRODUCED if most > 0 else verdict
    figure = "chains moved by a constant added to the score, before its training or after: "
    figure += f"{number(most)} at most; log Z over seeds: {own.words('log_z')}, range "
    figure += f"{number(wide)}; KL of the data to the learned density: {own.words('network_kl')} "
    figure += "nats"
    return own.finding(verdict, figure, own.complete(*names))


RULE = (
    "Reproduced: the bias is of order above 0.5 in Δt between the two smallest Δt, and chains on "
    "the learned score end nearer to exp(score)/Z than to exp(4 score)/Z, the log ratio's interval "
    "over seeds above 0. Not reproduced: the order is below 0.2, or that interval lies below 0. "
    "Inconclusive: else, or a seed is missing."
)
TEST = (
    "On a known mixture, Wasserstein-1 distance of the law in which the chain is at rest, exact on "
    "a grid, to exp(score)/Z, by Δt; on a score learned by a network, distance of its chains to "
    "its own density, by quadrature."
)
MOVED = (
    "the mixture's modes moved from ±1 to ±0.7 after a first run of one seed, in which chains of "
    "the printed step did not cross the barrier that exp(4 score) has between them"
)
CLAIMS = (
    Claim(
        "langevin-density",
        "As Δt → 0 and t → ∞ Langevin's chain has the density exp(score)/Z, with drift g and noise "
        "√(2Δt).",
        f"{MCALLESTER}, “The Stationary Density”, its step put right",
        TEST,
        RULE,
        partial(decide, "corrected"),
        MOVED,
    ),
    Claim(
        "langevin-density (as printed)",
        "The same of the step as printed, with drift 2g and noise √Δt.",
        f"{MCALLESTER}, “Langevin Dynamics”",
        TEST,
        RULE,
        partial(decide, "printed"),
        MOVED,
    ),
    Claim(
        "langevin-annealed",
        "Between modes far apart the chain does not find their weights in as many steps; led from "
        "coarse noise to fine it comes much nearer.",
        "Song & Ermon 2019, arXiv:1907.05600 (beyond the lecture notes)",
        "The share of chains at the heavier of two modes, begun evenly around both, exact scores: "
        "at the finest noise alone, and over noise levels with as many steps.",
        "Reproduced: the log of the plain share's error over the annealed one's has an interval "
        "over seeds above 0. Not reproduced: below. Inconclusive: else, or a seed is missing.",
        decide_annealed,
    ),
    Claim(
        "z-unknown",
        "Neither learning a score nor sampling by it tells Z.",
        f"{MCALLESTER}, “The Stationary Density”",
        "A constant is added to the network, once after its training and once before it, and the "
        "chains run again with the same noise; log Z by quadrature over seeds, beside the "
        "divergence of the data from what was learned.",
        "Reproduced: no chain moves, and log Z varies over seeds by more than "
        "the largest divergence. Not reproduced: a chain moves. Inconclusive: else, or a seed is "
        "missing. (The loss and the chain read the gradient alone: a chain that moves is a fault "
        "of the program.)",
        decide_unknown,
        f"{MOVED}; a training with the constant from its start was added",
    ),
)

LEAD = (
    "A density on a line is exp(score(y))/Z. Where the score is known, so is the law in which the "
    "chain of a given step size is at rest, and what it differs by from that density; where it is "
    "a network's, learned by score matching, the density is had by quadrature, which Langevin's "
    "chain does without."
)
LAW = (
    "Wasserstein-1 distance of the law in which the unadjusted chain is at rest, exact, on a "
    "mixture; below, variance of {n} chains on N(0, v), as a multiple of v = {v}, and how many "
    "steps Metropolis accepts. {spread}."
)
NETWORK = (
    "Wasserstein-1 distance of {n} chains after t = {time} in steps of {step}, on a score learned "
    "by score matching, to its exp(score)/Z and to exp(4 score)/Z. {spread}."
)


def laws(results: Results, chosen: LangevinDensity) -> Table:
    step_sizes = chosen.walking.step_sizes
    asked = [
        ("distance from exp(score)/Z", *STEPS, "law"),
        ("distance from exp(4 score)/Z", *STEPS, "sharp"),
        ("variance / v", *CHAINS, "variance"),
    ]
    rows = [
        (
            Text(what),
            Text(TITLES[kind]),
            *(Read(results, NAME).entry(f"{metric}/{kind}/dt{w:g}") for w in step_sizes),
        )
        for what, *kinds, metric in asked
        for kind in kinds
    ]
    taken = (Read(results, NAME).entry(f"accepted/dt{w:g}") for w in step_sizes)
    rows.append((Text("share accepted"), Text(TITLES[ADJUSTED]), *taken))
    caption = LAW.format(
        n=chosen.walking.chains, v=number(chosen.narrowest, 2), spread=spread(results)
    )
    head = ("what", "step", *(f"Δt = {w:g}" for w in step_sizes))
    numeric = frozenset(range(2, 2 + len(step_sizes)))
    made = commands(results, "experiment")
    return Table("langevin-laws", "By step size", head, tuple(rows), caption, made, numeric)


def network(results: Results, chosen: LangevinDensity) -> Table:
    rows = [
        (
            Text(TITLES[kind]),
            *(Read(results, NAME).entry(f"network/{kind}/{what}") for what in ("softmax", "sharp")),
        )
        for kind in CHAINS
    ]
    own = chosen.energy
    caption = NETWORK.format(
        n=chosen.walking.chains, time=f"{own.time:g}", step=f"{own.step:g}", spread=spread(results)
    )
    head = ("step", "from exp(score)/Z", "from exp(4 score)/Z")
    made = commands(results, "experiment")
    numeric = frozenset({1, 2})
    return Table("langevin-network", "A learned score", head, tuple(rows), caption, made, numeric)


def sentences(results: Results) -> list[str]:
    chosen = block(results)
    if chosen is None or Read(results, NAME).interval("share/plain").mean is None:
        return []
    least = chosen.walking.step_sizes[0]
    laws = [Read(results, NAME).interval(f"{m}/printed/dt{least:g}") for m in ("law", "sharp")]
    shares = [interval(Read(results, NAME).interval(f"share/{kind}")) for kind in WALKS]
    return [
        f"Langevin's step as printed rests {number(laws[0].mean)} from exp(score)/Z and "
        f"{number(laws[1].mean)} from exp(4 score)/Z at Δt = {least:g}; of a mode that has "
        f"{number(_exact_share(results), 2)}, chains at one noise level have {shares[0]}, led from "
        f"coarse to fine {shares[1]}."
    ]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    shown, folded = (network(results, chosen),), (laws(results, chosen),)
    drawn = () if Read(results, NAME).empty else (plot(results, chosen),)
    return [Section(NAME, "Langevin dynamics", LEAD, shown, drawn, folded)]


TOPIC = Topic(NAME, sections, CLAIMS, sentences)
