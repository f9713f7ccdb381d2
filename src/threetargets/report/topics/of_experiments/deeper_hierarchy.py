"""From a hierarchical VAE to a diffusion by three restrictions, over the number of levels."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from threetargets.experiments.deeper_hierarchy.spec import PARTS, RUNGS, DeeperHierarchy
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    MUTED,
    Plot,
    band,
    canvas,
    legend,
    plain_log,
    svg,
    ticks,
)
from threetargets.report.parts.of_experiments import Compared, Read, block_of, row_of
from threetargets.report.parts.palette import light
from threetargets.report.parts.topic import CHAPTER, DAI, KASY, POLYAKOV, Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    written,
)
from threetargets.report.parts.wording import Table, Text, number
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror

NAME = "deeper_hierarchy"
LABELS = {
    "hvae": "HVAE: no restriction",
    "dimension": "+ latents of the data's dimension",
    "encoder": "+ encoder fixed, linear Gaussian",
    "ddpm": "+ last latent standard normal: DDPM",
}
SWITCHES = {"dimension": "dimension", "encoder": "encoder", "ddpm": "last latent"}
COLOURS = {"hvae": "hvae", "dimension": "v", "encoder": "eps", "ddpm": "x0"}
PART_COLOURS = dict(zip(PARTS, ("x0", "eps", "score"), strict=True))
SAME, FAR = 1e-6, 4.0
"""nats by which two ways to one number may differ; standard errors by which two estimates may."""
OURS = "Ours (beyond the lecture notes)"
UNIT = "test digits, bits/dim"


def block(results: Results) -> DeeperHierarchy | None:
    return block_of(results, NAME, DeeperHierarchy)


def decide_same(results: Results) -> Finding:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    names = [f"{what}/L{levels}" for what in ("identity", "walked") for levels in chosen.levels]
    values = [list(own.figure(name).values.values()) for name in names]
    if not all(values):
        return NOTHING
    half = len(chosen.levels)
    apart = max(max(one) for one in values[:half])
    far = max(abs(v) for one in values[half:] for v in one)
    verdict = REPRODUCED if apart < SAME and far < FAR else NOT_REPRODUCED
    images = f"{chosen.split.test} test digits, {half} depths"
    figure = f"largest difference of one image's bound, {images}: {number(apart, 2)} nats; "
    figure += f"along the chain: at most {number(far, 2)} standard errors off"
    return own.finding(verdict, figure, own.complete(*names))


def decide_fixed(results: Results) -> Finding:
    return _deeper(results, ("ddpm",), every=True)


def decide_learned(results: Results) -> Finding:
    return _deeper(results, ("hvae", "dimension"), every=False)


def _deeper(results: Results, rungs: tuple[str, ...], every: bool) -> Finding:
    """By how much the bound falls from each depth to the next, or from the least to the most."""
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    ends = (chosen.levels[0], chosen.levels[-1])
    steps = list(pairwise(chosen.levels)) if every else [ends]
    rows = {
        f"{rung}, L = {few} less {many}": own.less(f"bound/{rung}/L{few}", f"bound/{rung}/L{many}")
        for rung in rungs
        for few, many in steps
    }
    return own.decided(f"{chosen.split.test} {UNIT}", rows)


def switched(results: Results, chosen: DeeperHierarchy) -> dict[str, Compared]:
    """By what each restriction lowers the bound of the deepest hierarchy."""
    own, deepest = Read(results, NAME), chosen.levels[-1]
    return {
        SWITCHES[after]: own.less(f"bound/{before}/L{deepest}", f"bound/{after}/L{deepest}")
        for before, after in pairwise(RUNGS)
    }


def decide_free(results: Results) -> Finding:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    deepest = chosen.levels[-1]
    whole = own.less(f"bound/{RUNGS[0]}/L{deepest}", f"bound/{RUNGS[-1]}/L{deepest}")
    decided = own.decided(f"{chosen.split.test} {UNIT}, L = {deepest}", {"HVAE − DDPM": whole})
    if decided is NOTHING:
        return NOTHING
    each = switched(results, chosen)
    parts = [f"of this {name}: {written(one.interval)}" for name, one in each.items()]
    complete = all(one.whole for one in each.values())
    return own.finding(decided.verdict, "; ".join([decided.figure, *parts]), complete)


HIERARCHY = f"{KASY}, “Hierarchical autoencoders”; {POLYAKOV}, “Hierarchical VAE”"
ALIKE = f"{POLYAKOV}, “Similarities with HVAE”; {KASY}, “Diffusion models”; {DAI}, 12.2.6"
TRIAL = (
    "fixed encoders share a network since a trial of seed 0, in which each depth had its own for "
    "400 steps and the deepest was the worst"
)
BY_T = "(paired t over seeds, at 1 − alpha)"
CLAIMS = (
    Claim(
        "ddpm-is-hvae",
        "A diffusion is a Markovian hierarchical VAE with three restrictions: latents of the "
        "data's dimension, an encoder that is fixed and linear Gaussian, and a last latent that is "
        "standard normal.",
        ALIKE,
        "Trained on digits at every L: the hierarchy's bound with all three, by recursions over "
        "its encoder's weights and variances, against the diffusion bound of the studies (by "
        "log-SNR) of the same network, reverse variances and noise; and against the hierarchy's "
        "own log ratios along drawn chains, as the bound of an HVAE is written.",
        f"Reproduced: in every seed and at every L no image's bound differs by {SAME:g} nats from "
        f"the diffusion's, and the mean along chains lies within {FAR:g} standard errors (an "
        "identity: a check of the program). Not reproduced: else. Inconclusive: a seed is missing.",
        decide_same,
    ),
    Claim(
        "deeper-fixed",
        "With a fixed encoder more and smaller steps give a better bound.",
        f"{CHAPTER}, 11.2.2 (slower corruption, reverse steps nearly Gaussian)",
        "All three restrictions, one noise range, one network for all L: the bound at each L less "
        "that at the next.",
        f"Reproduced: every difference lies above 0 {BY_T}. Not reproduced: one lies below 0 "
        "(Holm). Inconclusive: else, or a seed is missing.",
        decide_fixed,
        TRIAL,
    ),
    Claim(
        "deeper-learned",
        "With a learned encoder, too, a deeper hierarchy gives a better bound.",
        f"{OURS}; the hierarchy: {HIERARCHY}",
        "Without a restriction, and with latents of the data's dimension: the bound at the least L "
        "less that at the largest; trained for as many steps.",
        f"Reproduced: both differences lie above 0 {BY_T}. Not reproduced: one lies below 0 "
        "(Holm). Inconclusive: else, or a seed is missing.",
        decide_learned,
    ),
    Claim(
        "restrictions-free",
        "Where the hierarchy is deep the three restrictions cost nothing.",
        f"{OURS}; the restrictions: {POLYAKOV}, “Similarities with HVAE”",
        "At the largest L: the bound of the HVAE less that of the DDPM; and what each restriction "
        "adds to it, in the order of the notes.",
        f"Reproduced: the whole difference lies above 0 {BY_T}. Not reproduced: below 0. "
        "Inconclusive: else, or a seed is missing. (Its three parts do not count.)",
        decide_free,
        TRIAL,
    ),
)
LEAD = (
    "A network says the mean of each level given the next; the variance is one number for each "
    "level, whatever the rung, so that the restrictions on latents and encoder are all that "
    "differs. Without the first restriction the latents have {latent} dimensions; without the "
    "third the encoder ends at log-SNR {early:g} and a diagonal Gaussian prior is learned. A "
    "learned encoder begins where the fixed one is, and each has a network of its own; with a "
    "fixed one any level is drawn at once, and one network serves all depths."
)


def bounds(results: Results, chosen: DeeperHierarchy) -> Table:
    read = Read(results, NAME)
    rows = tuple(
        (
            Text(LABELS[rung]),
            *(read.entry(f"bound/{rung}/L{levels}") for levels in chosen.levels),
            read.entry(f"train/{rung}"),
            read.entry(f"trained/{rung}"),
        )
        for rung in RUNGS
    )
    own, shared = chosen.digits.training, chosen.digits.denoising
    schedule, deepest = chosen.schedule, chosen.levels[-1]
    caption = (
        f"Bits/dim of {chosen.split.test} test digits (train: as many training digits), one draw, "
        f"{schedule.name} schedule, log-SNR {schedule.log_snr_max:g} to {schedule.log_snr_min:g}; "
        f"trained by {own.steps} steps of {own.batch} images for each learned encoder and by "
        f"{shared.steps} of {shared.batch} noised images for all fixed ones. {spread(results)}."
    )
    depths = [f"L = {levels}" for levels in chosen.levels]
    head = ("restrictions", *depths, f"train, L = {deepest}", f"numbers trained, L = {deepest}")
    made, columns = commands(results, "experiment"), frozenset(range(1, len(head)))
    return Table("deeper-bounds", "Bounds", head, rows, caption, made, columns)


def known(results: Results, chosen: DeeperHierarchy) -> Table:
    own = Read(results, NAME)
    names = {f"gap/{rung}": LABELS[rung] for rung in RUNGS} | {"drawn": "the last, by draws"}
    rows = tuple(
        (Text(label), *(own.entry(f"{name}/L{levels}") for levels in chosen.levels))
        for name, label in names.items()
    )
    caption = (
        f"Gaussian data of {chosen.known.size} dimensions, covariance drawn by the seed, "
        f"{chosen.known.latent} latents without the first restriction: nats by which the best "
        f"bound exceeds −E log p(x), in closed form. {spread(results)}."
    )
    head = ("restrictions", *(f"L = {levels}" for levels in chosen.levels))
    made, columns = commands(results, "experiment"), frozenset(range(1, len(head)))
    return Table("deeper-known", "Where the answer is known", head, rows, caption, made, columns)


CAPTION = (
    "{images} test digits, bits/dim; middle: −E log p(x | z₁), the levels below the last, and the "
    "last given the one before (with a fixed encoder given x); right: the best of each rung on "
    "Gaussian data (the second: 0). {spread}, shown as a band or bar."
)


def plot(results: Results, chosen: DeeperHierarchy) -> Plot:
    own, rows = Read(results, NAME), list[dict[str, Any]]()
    levels, deepest = chosen.levels, chosen.levels[-1]
    with canvas(NAME, 1, 3, 9.4, 3.2) as (figure, axes):
        left, middle, right = axes[0]
        for panel, what in ((left, "bound"), (right, "gap")):
            for rung in RUNGS:
                curves = own.line([f"{what}/{rung}/L{n}" for n in levels])
                if not (curves[0] > 0).any():
                    continue
                look = {"color": light(COLOURS[rung]), "marker": "o", "markersize": 3}
                band(panel, levels, curves, label=LABELS[rung], **look)
                points = zip(levels, *curves, strict=True)
                rows += [row_of(what, rung, *point) for point in points]
            panel.set_xscale("log", base=2)
            ticks(panel, levels)
            panel.set_xlabel("levels L")
        if any(row["what"] == "gap" for row in rows):
            plain_log(right)
        left.set_title("bound, bits/dim")
        right.set_title("Gaussian data: best bound − entropy, nats")
        for k, part in enumerate(PARTS):
            mean, low, high = own.line([f"{part}/{rung}" for rung in RUNGS])
            error = np.nan_to_num(np.stack([mean - low, high - mean]))
            style = {"yerr": error, "error_kw": {"linewidth": 1}, "ecolor": MUTED}
            places = np.arange(len(RUNGS)) + 0.27 * (k - 1)
            look = {"color": light(PART_COLOURS[part]), "label": part, "alpha": 0.75}
            middle.bar(places, mean, 0.25, **look, **style)
            values = zip(RUNGS, mean, low, high, strict=True)
            rows += [row_of(part, rung, deepest, *one) for rung, *one in values]
        middle.set_xticks(range(len(RUNGS)), list(RUNGS))
        middle.set_title(f"its parts at L = {deepest}")
        middle.grid(visible=False, axis="x")
        legend(figure, axes, 4)
        drawn = svg(figure)
    caption = CAPTION.format(images=chosen.split.test, spread=spread(results))
    return Plot(NAME, "Over the depth", drawn, rows, caption, commands(results, "experiment"))


def sentences(results: Results) -> list[str]:
    own, chosen = Read(results, NAME), block(results)
    if own.empty or chosen is None:
        return []
    deepest = chosen.levels[-1]
    parts = [f"{name} {own.words(f'bound/{name}/L{deepest}')}" for name in RUNGS]
    listed = ", ".join(parts)
    return [f"From HVAE to DDPM, restriction by restriction, {deepest} levels: {listed} bits/dim."]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    lead = LEAD.format(latent=chosen.digits.latent, early=chosen.early)
    plots = () if Read(results, NAME).empty else (plot(results, chosen),)
    shown = (bounds(results, chosen), known(results, chosen))
    return [Section(NAME, "From a hierarchy to a diffusion", lead, shown, plots)]


TOPIC = Topic(NAME, sections, CLAIMS, sentences)
