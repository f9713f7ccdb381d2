"""Two dimensions in many: which target a narrow perceptron learns, and whether a path past its
narrowest layer changes that."""

from __future__ import annotations

from threetargets.experiments.manifold.spec import PLANE, Case, Manifold, beside, main
from threetargets.metrics.statistics import Difference, paired_t, t_interval
from threetargets.report.parts.of_experiments import Read, block_of
from threetargets.report.parts.topic import Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    incomplete,
    written,
)
from threetargets.report.parts.wording import interval, target
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_experiments.manifold import figures
from threetargets.report.topics.of_experiments.manifold.tables import tables

NAME = "manifold"
OTHERS, WINNER = ("eps", "v"), "x0"
JIT = "Li & He 2025, arXiv:2511.13720 (beyond the lecture notes)"

LEAD = (
    "Data of two dimensions, {modes} Gaussians on a circle, lie in D dimensions by a fixed "
    "orthonormal map; a perceptron of {depth} hidden layers of {width} learns to denoise them, its "
    "output read as one of the targets, its loss in one space for all. ε and v ask the output for "
    "noise of D dimensions, x₀ for two. Distances are in standard deviations of a coordinate of "
    "the data. (The other way round, images of fine grey levels whose bound asks x₀ for a copy of "
    "its input, is what the claims eps-over-x0 of studies with cells are about.)"
)


def block(results: Results) -> Manifold | None:
    """The experiment's parameters, where the study names it."""
    return block_of(results, NAME, Manifold)


def ends(chosen: Manifold) -> tuple[int, int] | None:
    """The two dimensions that the claim compares: the smallest in which the plane is not the whole
    space, and the largest; None unless the width lies between them."""
    some = [d for d in chosen.dimensions if d > PLANE]
    if not some or not min(some) <= chosen.width < max(some):
        return None
    return min(some), max(some)


def _case(chosen: Manifold, name: str, dimension: int) -> Case | None:
    wanted = (name, dimension)
    return next((c for c in main(chosen) if (c.target, c.dimension) == wanted), None)


def rises(results: Results, chosen: Manifold) -> tuple[dict[str, dict[int, float]], bool]:
    """By target and seed, how much further from the plane samples are at the largest dimension than
    at the smallest; and whether no seed is missing."""
    low, high = ends(chosen) or (0, 0)
    by_target: dict[str, dict[int, float]] = {}
    whole = True
    for name in (WINNER, *OTHERS):
        pair = [_case(chosen, name, d) for d in (low, high)]
        if None in pair:
            return {}, False
        near, far = (Read(results, NAME).figure(f"off_plane/{case.name}") for case in pair if case)
        whole = whole and near.complete and far.complete
        both = [seed for seed in near.values if seed in far.values]
        by_target[name] = {seed: far.values[seed] - near.values[seed] for seed in both}
    return by_target, whole


def differences(by_target: dict[str, dict[int, float]], confidence: float) -> dict[str, Difference]:
    """The four that the claim rests on, paired by seed."""
    made = {}
    for name in OTHERS:
        own, least = by_target[name], by_target[WINNER]
        both = sorted(own.keys() & least.keys())
        values = [own[seed] for seed in both]
        rise = f"rise of {target(name)}"
        made[rise] = paired_t(values, [0.0] * len(both), confidence)
        made[f"{rise} less that of {target(WINNER)}"] = paired_t(
            values, [least[seed] for seed in both], confidence
        )
    return made


def _verdict(some: list[Difference]) -> str:
    intervals = [d.interval for d in some]
    if any(i.high is not None and i.high < 0 for i in intervals):
        return NOT_REPRODUCED
    above = all(i.low is not None and i.low > 0 for i in intervals)
    return REPRODUCED if above else INCONCLUSIVE


def decide(results: Results) -> Finding:
    """The claim, by the rule that stands with it."""
    chosen = block(results)
    if chosen is None or ends(chosen) is None:
        return NOTHING
    by_target, whole = rises(results, chosen)
    if not by_target or not all(by_target.values()):
        return NOTHING
    some = differences(by_target, 1 - results.study.comparison.alpha)
    low, high = ends(chosen) or (0, 0)
    parts = [f"{what}: {written(d.interval)}" for what, d in some.items()]
    own = t_interval(list(by_target[WINNER].values()))
    parts.append(f"rise of {target(WINNER)}: {written(own)}")
    below = max(d for d in chosen.dimensions if d <= chosen.width)
    if below > low:
        parts.append(f"at D = {below}, below the width, already {_far(results, chosen, below)}")
    seeds = ", ".join(map(str, results.study.seeds))
    return Finding(
        incomplete(_verdict(list(some.values())), whole),
        f"distance from the plane, D = {low} to {high}; " + "; ".join(parts),
        f"{NAME}; width {chosen.width}, {chosen.weighting}; seeds {seeds}",
    )


CLAIM = Claim(
    "manifold",
    "Where data are few dimensions of many and the network is narrower than the space, x₀ is "
    "learnt and ε and v are not.",
    JIT,
    "Root mean square distance of samples from the plane that holds the data, at the smallest D "
    "above 2 and at the largest, the width between them; one loss space, no input skip.",
    "Reproduced: for ε and for v the distance rises, and by more than for x₀; four intervals over "
    "seeds (paired t, at 1 − alpha) that exclude 0. Not reproduced: one of the four lies below 0. "
    "Inconclusive: else, or a seed is missing.",
    decide,
)


def _far(results: Results, chosen: Manifold, dimension: int, skip: bool = False) -> str:
    """ε 710 ± 20, v ...: distances at a dimension, with or without the skip."""
    parts = []
    for name in (WINNER, *OTHERS):
        case = _case(chosen, name, dimension)
        if case is None:
            continue
        seen = Read(results, NAME).figure(f"off_plane/{beside(case, input_skip=skip).name}")
        if seen.values:
            parts.append(f"{target(name)} {interval(t_interval(list(seen.values.values())))}")
    return ", ".join(parts)


def sentences(results: Results) -> list[str]:
    chosen = block(results)
    if chosen is None:
        return []
    high = max(chosen.dimensions)
    plain = _far(results, chosen, high)
    spoken = []
    if plain:
        spoken.append(
            f"Two dimensions in {high}, width {chosen.width}: samples lie off the plane by {plain} "
            "standard deviations of the data."
        )
    skipped = _far(results, chosen, high, True)
    if skipped:
        spoken.append(
            f"With a gated skip of the input to the output: {skipped} (what readers of the "
            "method's code asked, github.com/LTH14/JiT, issues 2 and 8: does x₀ win only without "
            "one?)."
        )
    return [*spoken, _finest(results, chosen)]


def _finest(results: Results, chosen: Manifold) -> str:
    """Excess at the finest noise level where the data fill their space, or nearly so."""
    low, parts = min(chosen.dimensions), []
    for name in chosen.targets:
        case = _case(chosen, name, low)
        curves = figures.excess(results, case) if case else []
        if curves:
            values = t_interval([curve["value"][0] for curve in curves])
            parts.append(f"{target(name)} {interval(values)}")
    if not parts:
        return ""
    return (
        f"In {low} dimensions, at the finest noise level, the ε-loss exceeds its least value by "
        f"{', '.join(parts)}."
    )


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    lead = LEAD.format(modes=chosen.data.modes, depth=chosen.depth, width=chosen.width)
    shown, folded = tables(results, chosen)
    plots = figures.plots(results, chosen)
    return [Section(NAME, "Few dimensions of many", lead, shown, plots, folded)]


TOPIC = Topic(NAME, sections, (CLAIM,), sentences)
