"""What the target is worth: the spread between cells, by output space, weighting and network."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.factors import Array, Effect, decompose
from threetargets.report.parts import comparing, measures
from threetargets.report.parts.captions import commands, context, floor
from threetargets.report.parts.comparing import DIFFERENT, EQUAL, NO_DATA, TIED, WITHIN
from threetargets.report.parts.measures import BOUND, FID, Measure
from threetargets.report.parts.topic import Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    incomplete,
    runs,
)
from threetargets.report.parts.wording import Table, Text, listing, number, of, target
from threetargets.report.reading.collect import Results
from threetargets.report.reading.crossed import Grid, cells, grids, own_size
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_targets import output_spaces

OVER = {"width": "the width of the network", "patch": "the side of the patches"}
"""What a grid is over, where networks of several sizes are in it."""


def response(results: Results, grid: Grid, measure: Measure) -> Array | None:
    """The bound, or the logarithm of FID's excess over the floor; None where a cell has none."""
    values = grid.values(results, measure.metric, measure.guidance, measure.gamma)
    if values is None or measure.metric == BOUND.metric:
        return values
    real = floor(results, FID.metric).mean
    if real is None or float(values.min()) <= real:
        return None
    return np.asarray(np.log(values - real))


def effects(results: Results, grid: Grid, measure: Measure) -> dict[tuple[str, ...], Effect]:
    values = response(results, grid, measure)
    if values is None:
        return {}
    return {effect.factors: effect for effect in decompose(values, grid.factors)}


def _share(effect: Effect | None) -> tuple[Text, Text]:
    if effect is None:
        return Text("–"), Text("–")
    between = (
        f" [{effect.low:.1%}, {effect.high:.1%}]"
        if effect.low is not None and effect.high is not None
        else ""
    )
    chance = "–" if effect.by_chance is None else f"{effect.by_chance:.1%}"
    return Text(f"{effect.share:.1%}{between}"), Text(chance)


CAPTION = (
    "Share of the sum of squares between the means of {cells} cells, {levels}; 95% jackknife "
    "interval over {seeds}, and the share that differences between seeds alone would have. "
    "FID: logarithm of its excess over the floor. {context}"
)


def table(results: Results, grid: Grid, name: str, title: str) -> Table:
    measures = [BOUND, *([FID] if results.study.evaluation.extractors else [])]
    known = [effects(results, grid, measure) for measure in measures]
    every = [s for n in range(1, 5) for s in itertools.combinations(grid.factors, n)]
    rows = [
        (Text(" × ".join(some)), *(text for f in known for text in _share(f.get(some))))
        for some in every
        if any(known)
    ]
    head = ["factor"]
    for measure in measures:
        head += [f"{measure.label}, share", f"{measure.label}, by chance"]
    counts = [of(len(some), name) for some, name in zip(grid.levels, grid.factors, strict=True)]
    caption = CAPTION.format(
        cells=grid.cells.size,
        levels=" × ".join(counts),
        seeds=of(len(results.study.seeds), "seed"),
        context=f"FID: {context(results, 'fid')}." if len(measures) > 1 else "",
    )
    made = commands(results, "train", "likelihood", "sample", "evaluate")
    numeric = frozenset(range(1, len(head)))
    return Table(name, title, tuple(head), tuple(rows), caption, made, numeric)


def tables(results: Results) -> list[Table]:
    made = []
    for grid in grids(results):
        over = next((factor for factor in OVER if factor in grid.factors), "")
        name = f"decomposition-{over}" if over else "decomposition"
        title = f"The same over {OVER[over]}" if over else "What explains the spread between cells"
        made.append(table(results, grid, name, title))
    return made


def spread(results: Results, weighting: str, skip: bool) -> tuple[float, list[Cell]] | None:
    """The largest less the smallest mean bound over the targets at one weighting, at the study's
    own width; None without two."""
    own = own_size(results.study)
    here = [
        cell
        for place, cell in cells(results).items()
        if (place.weighting, place.input_skip, place.size) == (weighting, skip, own)
        and place.target != "score"
    ]
    means = [v for c in here if (v := measures.summary(results, c, BOUND).mean) is not None]
    return (max(means) - min(means), here) if len(means) > 1 else None


def _pairs(results: Results, grid: Grid) -> list[comparing.Comparison]:
    """Every pair of targets at each weighting, with an input skip."""
    axis = grid.factors.index("input skip")
    skipped = np.take(grid.cells, grid.levels[axis].index(True), axis)
    columns = skipped.reshape(skipped.shape[0], -1).T
    pairs = [
        comparing.pair(results, BOUND, a, b, diffusion.of(a).weighting)
        for column in columns
        for a, b in itertools.combinations(column, 2)
    ]
    return comparing.family(results, pairs)


def output_space(results: Results) -> Finding:
    known = grids(results)
    if not known or "input skip" not in known[0].factors:
        return NOTHING
    pairs = _pairs(results, known[0])
    verdicts = [c.verdict for c in pairs]
    if not pairs or set(verdicts) == {NO_DATA}:
        return NOTHING
    beyond = [c for c in pairs if c.verdict == DIFFERENT and _beyond(c)]
    verdict = INCONCLUSIVE
    if beyond:
        verdict = NOT_REPRODUCED
    elif set(verdicts) <= {*TIED}:
        verdict = REPRODUCED
    seeds = len(results.study.seeds)
    complete = all(c.pairs == seeds for c in pairs)
    counts = [
        f"{verdicts.count(kind)} {kind}"
        for kind in (EQUAL, WITHIN, DIFFERENT, comparing.INCONCLUSIVE, NO_DATA)
        if kind in verdicts
    ]
    figure = f"pairs with an input skip: of {len(pairs)} {listing(counts)}"
    if beyond:
        figure += f", {len(beyond)} by more than the margin"
    return Finding(
        incomplete(verdict, complete),
        f"{figure}; {_spreads(results)}",
        runs(results, list(dict.fromkeys(x for c in pairs for x in (c.a, c.b)))),
    )


def _beyond(c: comparing.Comparison) -> bool:
    """The interval lies outside the margin."""
    low, high = c.difference.interval.low, c.difference.interval.high
    if c.margin is None or low is None or high is None:
        return False
    return low > c.margin or high < -c.margin


def _spreads(results: Results) -> str:
    """Largest less smallest bound over the targets, without and with an input skip."""
    parts = []
    for weighting in dict.fromkeys(place.weighting for place in cells(results)):
        both = [spread(results, weighting, skip) for skip in (False, True)]
        if both[0] is not None and both[1] is not None:
            parts.append(f"{number(both[0][0])} to {number(both[1][0])} at {weighting}")
    unit = results.unit.name
    return f"an input skip changes the spread over targets, {unit}, from {listing(parts)}"


CLAIMS = (
    Claim(
        "output-space",
        "At one weighting targets differ by their output space (c_skip, c_out) alone, and with a "
        "path from the noisy image to the output they no longer differ.",
        "Beyond the notes; after Karras et al. 2022 and Li & He 2025 (arXiv:2511.13720)",
        "Bound of every pair of targets at each weighting that is one loss for all, networks with "
        "an input skip; equivalence tests with Holm.",
        "Reproduced: every pair is within the margin. Not reproduced: a pair is different, with "
        "an interval beyond the margin. Else inconclusive.",
        output_space,
    ),
)


def _said(known: dict[tuple[str, ...], Effect], factors: Sequence[str]) -> str:
    names = {"output space": "the output space", "weighting": "the weighting"}
    names |= {"input skip": "the input skip", "width": "the width", "patch": "the patch"}
    mains = [known[name,] for name in factors]
    rest = 1.0 - sum(effect.share for effect in mains)
    parts = [f"{names[effect.factors[0]]} {effect.share:.0%}" for effect in mains]
    return f"{listing([*parts, f'their interactions {rest:.0%}'])}"


def headline(results: Results) -> str:
    """What explains the bound most, and what the output space does; empty without a grid."""
    some = grids(results)
    known = effects(results, some[0], BOUND) if some else {}
    if ("output space",) not in known:
        return ""
    mains = sorted((known[name,] for name in some[0].factors), key=lambda e: -e.share)
    first, *rest = [(effect.factors[0], f"{effect.share:.0%}") for effect in mains]
    parts = [
        f"the {first[0]} explains {first[1]}",
        *(f"the {name} {share}" for name, share in rest),
    ]
    apart = without_one(results, some[0])
    return (
        f"Of the spread of the bound between {some[0].cells.size} crossed cells {listing(parts)}"
        f"{apart}."
    )


LEAST = 0.1
"""A share of the output space that is smaller needs no target to explain it."""


def without_one(results: Results, grid: Grid) -> str:
    """Of which target the share of the output space is, where without it less than half of that
    share is left: and what explains the rest; else empty."""
    own = effects(results, grid, BOUND)["output space",].share
    axis = grid.factors.index("output space")
    targets = grid.levels[axis]
    if len(targets) < 3 or own < LEAST:
        return ""
    left = {}
    for k, name in enumerate(targets):
        levels = tuple(
            tuple(t for t in targets if t != name) if i == axis else some
            for i, some in enumerate(grid.levels)
        )
        rest = Grid(grid.factors, levels, np.delete(grid.cells, k, axis))
        left[str(name)] = effects(results, rest, BOUND)
    name = min(left, key=lambda t: left[t]["output space",].share)
    if left[name]["output space",].share > own / 2:
        return ""
    others = (left[name][factor,] for factor in grid.factors if factor != "output space")
    first = max(others, key=lambda effect: effect.share)
    return (
        f"; without {target(name)} the output space explains "
        f"{_rounded(left[name]['output space',])}, the {first.factors[0]} {_rounded(first)}"
    )


def _rounded(effect: Effect) -> str:
    """The share and its 95% jackknife interval over seeds."""
    if effect.low is None or effect.high is None:
        return f"{effect.share:.0%}"
    return f"{effect.share:.0%} [{effect.low:.0%}, {effect.high:.0%}]"


def sentences(results: Results) -> list[str]:
    """What each factor explains of the bound and of FID."""
    some = grids(results)
    if not some:
        return []
    parts = []
    measures = [(BOUND, "the bound")]
    measures += [(FID, "log FID above its floor")] if results.study.evaluation.extractors else []
    for measure, name in measures:
        known = effects(results, some[0], measure)
        if known:
            parts.append(f"of {name} {_said(known, some[0].factors)}")
    targets = some[0].levels[0] if some[0].factors[0] == "output space" else ()
    over = listing([target(str(t)) for t in targets])
    return [f"Of the spread between cells (targets {over}) explain: {'; '.join(parts)}."] * bool(
        parts
    )


LEAD = (
    "What is called the target is the output space of the network. At one weighting it is all "
    "that differs between targets; the network may or may not pass its input on."
)


def sections(results: Results, mirror: Mirror) -> list[Section]:
    if len({c.target for c in diffusion.cells(results.study)}) < 2:
        return []
    plots = (output_spaces.errors(results),)
    return [Section("decomposition", "Why targets differ", LEAD, tuple(tables(results)), plots)]


TOPIC = Topic("decomposition", sections, CLAIMS, sentences)
