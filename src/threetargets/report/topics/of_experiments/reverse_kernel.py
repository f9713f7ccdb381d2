"""How Gaussian the exact reverse step is, over the noise of the step; and learning it directly
against learning it through the clean data."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from threetargets.experiments.reverse_kernel.spec import KINDS, ReverseKernel
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    EDGE,
    INK,
    MUTED,
    Plot,
    canvas,
    legend,
    log_bands,
    logarithmic,
    svg,
    ticks,
)
from threetargets.report.parts.of_experiments import Read, block_of, row_of
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
from threetargets.report.parts.wording import Table, Text, interval, number
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror

NAME = "reverse_kernel"
DIRECT = KINDS[1:]
TITLES = {
    "denoising": "mean given clean data, output ε",
    "kernel-eps": "xᵢ₋₁ itself, output ε",
    "kernel": "xᵢ₋₁ itself, output its mean",
}
COLOURS = dict(zip(KINDS, ("eps", "v", "x0"), strict=True))


def block(results: Results) -> ReverseKernel | None:
    return block_of(results, NAME, ReverseKernel)


def decide_gaussian(results: Results) -> Finding:
    """Over beta, of every seed's law."""
    chosen = block(results)
    if chosen is None:
        return NOTHING
    own, betas = Read(results, NAME), chosen.step.betas
    names = [f"{what}/b{b:g}" for what in ("divergence", "several") for b in betas]
    far = [own.figure(f"divergence/b{b:g}").values for b in betas]
    several = [own.figure(f"several/b{b:g}").values for b in betas]
    order = own.interval("divergence_order")
    seeds = [s for s in results.study.seeds if all(s in v for v in (*far, *several))]
    if order.mean is None or not seeds:
        return NOTHING
    falls = all(low[s] < high[s] for low, high in pairwise(far) for s in seeds)
    multiple = own.interval(f"several/b{betas[-1]:g}")
    single = all(several[0][s] == 0 for s in seeds)
    fast = order.low is not None and order.low > 1
    held = falls and fast and single and multiple.low is not None and multiple.low > 0
    slow = order.high is not None and order.high < 1
    verdict = REPRODUCED if held else INCONCLUSIVE
    if slow or any(far[0][s] >= far[-1][s] for s in seeds):
        verdict = NOT_REPRODUCED
    ends = [own.interval(f"divergence/b{b:g}") for b in (betas[0], betas[-1])]
    figure = f"β = {betas[0]:g} to {betas[-1]:g}: divergence {number(ends[0].mean)} to "
    figure += f"{interval(ends[1])} nats; its order in β at the small end: {written(order)}; "
    figure += f"share of xᵢ with several modes: {'0' if single else 'some'} to {written(multiple)}"
    return own.finding(verdict, figure, own.complete("divergence_order", *names))


def decide_direct(results: Results) -> Finding:
    """At the last number of steps, as many for all."""
    chosen = block(results)
    if chosen is None:
        return NOTHING
    last = chosen.regression.steps[-1]
    ratios = {
        f"log of the excess, {TITLES[kind]}, over that of denoising": Read(results, NAME).log_ratio(
            f"excess/{kind}/n{last}", f"excess/denoising/n{last}"
        )
        for kind in DIRECT
    }
    return Read(results, NAME).decided(f"after {last} steps", ratios)


CLAIMS = (
    Claim(
        "reverse-gaussian",
        "Where the data are corrupted slowly the reverse steps are nearly Gaussian; where much "
        "noise is added at once they may have several modes.",
        f"{CHAPTER}, 11.2.2, last remark",
        "Exact p(xᵢ₋₁ | xᵢ) of a mixture, another for each seed, over β of the step: mean "
        "Kullback-Leibler divergence from the Gaussian of its mean and variance, share of xᵢ for "
        "which it has several maxima.",
        "Reproduced: for every seed the divergence falls with every smaller β; its order in β "
        "between the two smallest has an interval above 1, so that it vanishes over as many steps "
        "as 1/β; the share of several modes is 0 at the smallest β and has an interval above 0 at "
        "the largest. Not reproduced: the order's interval lies below 1, or in some seed the "
        "divergence does not fall from the largest to the smallest β. Inconclusive: else, or a "
        "seed is missing.",
        decide_gaussian,
        "a divergence that does not fall counts in any seed, not in the first alone",
    ),
    Claim(
        "direct-kernel",
        "Learning the reverse step as it is is not the most effective: learning it through the "
        "clean data is better.",
        f"{CHAPTER}, 11.2.3",
        "Networks of one size, the same draws and steps, the loss in the bound's units: regressed "
        "is xᵢ₋₁, or its mean given the clean data; by how many nats the bound of their means "
        "exceeds that of the exact ones. Once with the same output, once with the mean as output.",
        "Reproduced: the log of the direct network's excess over the other's has an interval over "
        "seeds above 0, for both outputs. Not reproduced: one lies below 0 (Holm over both). "
        "Inconclusive: else, or a seed is missing.",
        decide_direct,
        "Holm's correction was added",
    ),
)
LEAD = (
    "Data are a mixture of {parts} Gaussians on a line, another for each seed. The exact reverse "
    "step p(xᵢ₋₁ | xᵢ) is known, at log-SNR {level} and any β; so is its mean, which two "
    "regressions have in common: on xᵢ₋₁ itself, and on its mean given the clean data. The "
    "second has less variance to average away."
)
STEPS = (
    "Mean over xᵢ of the Kullback-Leibler divergence of the exact reverse step from the Gaussian "
    "of its mean and variance, and the share of xᵢ for which it has several maxima. The laws are "
    "exact; intervals are over the seeds' laws. {spread}."
)
LEARNED = (
    "Nats by which the bound of the learned means exceeds that of the exact ones, T = {T}, after "
    "so many steps of {batch}. Variance: that of what is regressed given xᵢ, over the posterior's "
    "Cᵢ, mean over i, exact. {spread}."
)


def over_betas(results: Results, chosen: ReverseKernel) -> Table:
    betas = chosen.step.betas
    rows = [
        (Text(title), *(Read(results, NAME).entry(f"{metric}/b{b:g}") for b in betas))
        for metric, title in (("divergence", "divergence, nats"), ("several", "several modes"))
    ]
    head = ("", *(f"β = {b:g}" for b in betas))
    made = commands(results, "experiment")
    caption = STEPS.format(spread=spread(results))
    numeric = frozenset(range(1, 1 + len(betas)))
    return Table("reverse-steps", "By the step's noise", head, tuple(rows), caption, made, numeric)


def regressed(results: Results, chosen: ReverseKernel) -> Table:
    own = chosen.regression
    rows = [
        (
            Text(TITLES[kind]),
            Read(results, NAME).entry(f"target_variance/{kind.split('-')[0]}"),
            *(Read(results, NAME).entry(f"excess/{kind}/n{n}") for n in own.steps),
        )
        for kind in KINDS
    ]
    caption = LEARNED.format(T=own.process.steps, batch=own.training.batch, spread=spread(results))
    head = ("regressed on", "variance / C", *(f"{n} steps" for n in own.steps))
    made = commands(results, "experiment")
    numeric = frozenset(range(1, 2 + len(own.steps)))
    return Table("reverse-learned", "Two regressions", head, tuple(rows), caption, made, numeric)


CAPTION = (
    "Left: mean divergence of the reverse step from a Gaussian over β. Middle: the exact step of "
    "seed {seed} at β = {betas}, each at the xᵢ of some weight where it is least Gaussian, as a "
    "share of its maximum. Right: excess of the bound over steps of training, nats, one network "
    "for each seed. {spread}, shown as a band; {edge}."
)


def plot(results: Results, chosen: ReverseKernel) -> Plot:
    rows: list[dict[str, Any]] = []
    own = Read(results, NAME)
    with canvas("reverse-kernel", 1, 3, 9.6, 3.4) as (figure, axes):
        left, middle, right = axes[0]
        betas = chosen.step.betas
        curves = own.line([f"divergence/b{b:g}" for b in betas])
        log_bands([(left, betas, curves, {"color": INK, "marker": "o", "markersize": 3})])
        rows += [row_of("divergence", "", *row) for row in zip(betas, *curves, strict=True)]
        logarithmic(left)
        left.set(xlabel="β", title="divergence from a Gaussian, nats")
        seed, some = _kernels(results, chosen, middle, rows)
        steps, lines = chosen.regression.steps, []
        for kind in KINDS:
            curves = own.line([f"excess/{kind}/n{n}" for n in steps])
            look = {"color": light(COLOURS[kind]), "label": TITLES[kind], "marker": "o"}
            lines.append((right, steps, curves, look | {"markersize": 3}))
            rows += [row_of("excess", kind, *row) for row in zip(steps, *curves, strict=True)]
        log_bands(lines)
        logarithmic(right)
        ticks(right, steps)
        right.set(xlabel="steps", title="excess of the bound, nats")
        legend(figure, axes, 3)
        drawn = svg(figure)
    listed = ", ".join(f"{b:g}" for b in some)
    caption = CAPTION.format(seed=seed, betas=listed, spread=spread(results), edge=EDGE)
    made = commands(results, "experiment")
    return Plot("reverse-kernel", "The reverse step", drawn, rows, caption, made)


def _kernels(
    results: Results, chosen: ReverseKernel, panel: Any, rows: list[dict[str, Any]]
) -> tuple[int, list[float]]:
    """The kernels of a small, a middle and the largest beta; the seed and these."""
    seed, arrays = Read(results, NAME).arrays() or (results.study.seeds[0], {})
    betas = chosen.step.betas
    some = sorted({betas[len(betas) // 3], betas[len(betas) // 2], betas[-1]})
    looks = ((MUTED, "-"), (light("flow"), "-"), (light("edm"), "-"))
    for beta, (colour, style) in zip(some, looks, strict=False):
        if f"kernel_{beta:g}" in arrays:
            density = arrays[f"kernel_{beta:g}"] / arrays[f"kernel_{beta:g}"].max()
            panel.plot(arrays["x"], density, color=colour, linestyle=style, label=f"β = {beta:g}")
            pairs = list(zip(arrays["x"], density, strict=True))[::6]
            rows += [row_of("kernel", f"{beta:g}", x, y) for x, y in pairs]
    panel.set(xlabel="x at the step before", title="exact reverse step", xlim=(-2, 2))
    return seed, some


def sentences(results: Results) -> list[str]:
    chosen = block(results)
    last = chosen.regression.steps[-1] if chosen else 0
    ends = {kind: Read(results, NAME).interval(f"excess/{kind}/n{last}") for kind in KINDS}
    if chosen is None or any(i.mean is None for i in ends.values()):
        return []
    return [
        "Regressing on xᵢ₋₁ itself leaves the bound "
        f"{interval(ends['kernel'])} nats above that of the exact means, with the output of "
        f"denoising {interval(ends['kernel-eps'])}, denoising {interval(ends['denoising'])}."
    ]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    lead = LEAD.format(parts=chosen.parts, level=f"{chosen.step.log_snr:g}".replace("-", "−"))
    shown, folded = (regressed(results, chosen),), (over_betas(results, chosen),)
    drawn = () if Read(results, NAME).empty else (plot(results, chosen),)
    return [Section(NAME, "The reverse step", lead, shown, drawn, folded)]


TOPIC = Topic(NAME, sections, CLAIMS, sentences)
