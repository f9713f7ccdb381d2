"""Paired comparisons of targets at each weighting, and of weightings for each target."""

from __future__ import annotations

from collections.abc import Sequence

from threetargets.families.diffusion import spec as diffusion
from threetargets.report.parts import comparing
from threetargets.report.parts.captions import commands, context
from threetargets.report.parts.comparing import (
    BOUND,
    DIFFERENT,
    EQUAL,
    FID,
    NO_DATA,
    Comparison,
    Measure,
)
from threetargets.report.parts.topic import CHAPTER, KASY, POLYAKOV, Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    runs,
    written,
)
from threetargets.report.parts.wording import (
    Table,
    Text,
    between,
    cell,
    listing,
    number,
    p_value,
    signed,
    target,
)
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.study.values import WEIGHTINGS


def _compared(c: Comparison, measure: Measure) -> tuple[Text, ...]:
    where = c.where if c.where in WEIGHTINGS else target(c.where)
    if c.where in WEIGHTINGS:
        names = [target(diffusion.of(x).target) for x in (c.a, c.b)]
    else:
        names = [diffusion.of(x).weighting for x in (c.a, c.b)]
    same = ""
    if c.repeats is not None:
        first, second, _ = c.repeats
        same = f"the same as {cell(first)} − {cell(second)}, counted once"
    elif c.identical:
        same = "identical"
    p, q = (
        ("identical", "identical") if c.identical else (p_value(c.p_holm), p_value(c.p_equal_holm))
    )
    return (
        Text(measure.label),
        Text(where),
        Text(f"{names[0]} − {names[1]}"),
        Text(c.verdict, c.verdict.replace(" ", "-"), same),
        Text(signed(c.difference.interval)),
        Text(between(c.difference.interval)),
        Text(str(c.pairs)),
        Text(p),
        Text(f"±{number(c.margin, 2)}" if c.margin is not None else "–"),
        Text(q),
    )


PAIRED_CAPTION = (
    "Differences paired by seed, with their t intervals (not corrected); negative favours "
    "the first. p: two-sided t test; p equal: two one-sided tests against the margin "
    "({number} {unit}, or {fid_margin:.0%} of the smaller mean FID). Both are "
    "Holm-corrected over the different comparisons of one measure, decided at {alpha:g}: "
    "{counted} for the bound{of_fid}. Identical: every seed within 1e-6 of its size, no "
    "evidence; the same as another comparison: counted once. (Changed after a first run: "
    "every row was counted.) Equal: a difference as large as the margin is rejected. "
    "Inconclusive: neither."
)


def paired(
    results: Results, name: str, bound: Sequence[Comparison], fid: Sequence[Comparison]
) -> Table:
    """The comparisons of one family, bound first."""
    rows = [*(_compared(c, BOUND) for c in bound), *(_compared(c, FID) for c in fid)]
    by_target = name == "targets"
    comparison = results.study.comparison
    of_fid = f", {comparing.counted(fid)} for FID" if fid else ""
    head = (
        "measure",
        "weighting" if by_target else "target",
        "a − b",
        "verdict",
        "difference",
        "95% interval",
        "pairs",
        "p, Holm",
        "margin",
        "p equal, Holm",
    )
    caption = PAIRED_CAPTION.format(
        number=number(comparison.bound_margin, 2),
        unit=results.unit.name,
        fid_margin=comparison.fid_margin,
        alpha=comparison.alpha,
        counted=comparing.counted(bound),
        of_fid=of_fid,
    )
    caption += f" FID: {context(results, 'fid')}." if fid else ""
    title = "Targets, at each weighting" if by_target else "Weightings, for each target"
    made = commands(results, "train", "likelihood", "sample", "evaluate")
    return Table(f"paired-{name}", title, head, tuple(rows), caption, made, frozenset(range(4, 10)))


def _targets(pairs: Sequence[Comparison], measure: Measure, weighting: str) -> str:
    """One sentence on the pairs among x0, eps and score at one weighting; one finding is told
    once."""
    trio = ("x0", "eps", "score")
    every = [
        c
        for c in pairs
        if c.where == weighting
        and {diffusion.of(c.a).target, diffusion.of(c.b).target} <= set(trio)
    ]
    here = [c for c in every if not c.identical and c.repeats is None]
    if not here:
        return ""
    same = {diffusion.of(c.b).target: diffusion.of(c.a).target for c in every if c.identical}

    def named(name: str) -> str:
        return f"{target(name)} (= {target(same[name])})" if name in same else target(name)

    unit = f" {here[0].measure.unit}" if here[0].measure.unit else ""
    name = f"{measure.label[0].upper()}{measure.label[1:]}"
    if all(c.verdict == EQUAL for c in here):
        widest = max(here, key=lambda c: abs(c.difference.interval.mean or 0.0)).difference.interval
        names = [
            named(t)
            for t in trio
            if any(t in (diffusion.of(c.a).target, diffusion.of(c.b).target) for c in here)
        ]
        return (
            f"{name} at {weighting} weighting: {listing(names)} tie "
            f"({'largest ' if len(here) > 1 else ''}difference {signed(widest)} "
            f"{between(widest)}{unit})."
        )
    groups = []
    for verdict in (DIFFERENT, EQUAL, INCONCLUSIVE, NO_DATA):
        phrases = []
        for c in (c for c in here if c.verdict == verdict):
            a, b = named(diffusion.of(c.a).target), named(diffusion.of(c.b).target)
            size = (
                f"{between(c.difference.interval)}{unit}"
                if c.difference.interval.low is not None
                else "one seed"
            )
            if verdict == DIFFERENT:
                first, second = (a, b) if c.better == c.a else (b, a)
                lead = abs(c.difference.interval.mean or 0.0)
                phrases.append(f"{first} beats {second} by {number(lead)}{unit}")
            elif verdict == EQUAL:
                phrases.append(f"{a} and {b} tie ({size})")
            else:
                phrases.append(
                    f"{a} against {b} is undecided ({size}, corrected p {p_value(c.p_holm)})"
                    if verdict == INCONCLUSIVE
                    else f"{a} against {b} has no data"
                )
        if phrases:
            groups.append(", ".join(phrases))
    return f"{name} at {weighting} weighting: {'; '.join(groups)}."


def targets_trained(results: Results) -> Finding:
    trio = {"x0", "eps", "score"}
    pairs = [
        c
        for c in comparing.targets(results, BOUND)
        if {diffusion.of(c.a).target, diffusion.of(c.b).target} <= trio
    ]
    have = [c for c in pairs if c.verdict != NO_DATA]
    matched = [c for c in pairs if c.where != "native" and not c.identical]
    native = [c for c in pairs if c.where == "native" and not c.identical]
    if not any(c in have for c in matched) or not any(c in have for c in native):
        return NOTHING
    refuted = any(c.verdict == DIFFERENT for c in matched) or all(
        c.verdict == EQUAL for c in native
    )
    held = all(c.verdict == EQUAL for c in matched) and any(c.verdict == DIFFERENT for c in native)
    sentences = []
    for w in WEIGHTINGS:
        here = [c for c in pairs if c.where == w]
        counted = [c for c in here if not c.identical and c.repeats is None]
        counts = [
            f"{n} {v}"
            for v in (EQUAL, DIFFERENT, INCONCLUSIVE, NO_DATA)
            if (n := sum(c.verdict == v for c in counted))
        ]
        counts += [f"{n} identical" for n in [sum(c.identical for c in here)] if n]
        counts += [
            f"{n} the same as another" for n in [sum(c.repeats is not None for c in here)] if n
        ]
        sizes = [
            abs(c.difference.interval.mean) for c in here if c.difference.interval.mean is not None
        ]
        if here:
            sentences.append(
                f"{w}: {', '.join(counts)}, largest difference {max(sizes, default=0.0):.4f} "
                f"{results.unit.name}"
            )
    verdict = NOT_REPRODUCED if refuted else REPRODUCED if held else INCONCLUSIVE
    return Finding(
        verdict, "; ".join(sentences), runs(results, [x for c in pairs for x in (c.a, c.b)])
    )


def _one(c: Comparison, wanted: str) -> str:
    if c.verdict == EQUAL or (c.verdict == DIFFERENT and c.better != wanted):
        return NOT_REPRODUCED
    return REPRODUCED if c.verdict == DIFFERENT else INCONCLUSIVE


def _words(c: Comparison) -> str:
    unit = f" {c.measure.unit}" if c.measure.unit else ""
    return (
        f"{c.measure.label}, {cell(c.a)} − {cell(c.b)}: "
        f"{written(c.difference.interval)}{unit}, {c.verdict}"
    )


def eps_over_x0(results: Results, weighting: str) -> Finding:
    names = [diffusion.cell_of(t, weighting) for t in ("eps", "x0")]
    fid = comparing.find(comparing.targets(results, FID), *names)
    if fid is None or fid.verdict == NO_DATA:
        return NOTHING
    bound = comparing.find(comparing.targets(results, BOUND), *names)
    beside = (
        f". Beside it, {_words(bound)}" if bound is not None and bound.verdict != NO_DATA else ""
    )
    return Finding(_one(fid, names[0]), _words(fid) + beside, runs(results, names))


def simple_over_elbo(results: Results) -> Finding:
    simple, elbo = (diffusion.cell_of("eps", w) for w in ("eps-equivalent", "elbo"))
    fid = comparing.find(comparing.weightings(results, FID), simple, elbo)
    bound = comparing.find(comparing.weightings(results, BOUND), simple, elbo)
    if fid is None or bound is None or NO_DATA in (fid.verdict, bound.verdict):
        return NOTHING
    halves = [_one(fid, simple), _one(bound, elbo)]
    verdict = (
        NOT_REPRODUCED
        if NOT_REPRODUCED in halves
        else INCONCLUSIVE
        if INCONCLUSIVE in halves
        else REPRODUCED
    )
    return Finding(verdict, f"{_words(fid)}; {_words(bound)}", runs(results, [simple, elbo]))


CLAIMS = (
    Claim(
        "targets-trained",
        "Trained under matched weighting x₀, ε and score tie; under native weighting they do "
        "not. (With outputs of unit variance, ε and score under one weighting are one model by "
        "construction: the pairs with x₀ carry it.)",
        f"{KASY}; {CHAPTER}; {POLYAKOV}",
        "Bound of the pairs among x₀, ε and score at each weighting; equivalence tests with "
        "Holm (table of targets).",
        "Reproduced: every matched pair (eps-equivalent, elbo) is equal and some native pair "
        "is different. Not reproduced: a matched pair is different, or all native pairs are "
        "equal. Else inconclusive. (Changed after a first run: identical pairs counted as "
        "equal and repeated ones twice; now identical pairs do not count, and repeated ones "
        "count once.)",
        targets_trained,
    ),
    Claim(
        "eps-over-x0 (native)",
        "Predicting the noise works better than predicting the image: each with its own "
        "squared error.",
        CHAPTER,
        "FID of ε against x₀ at native weighting, paired by seed (table of targets).",
        "Reproduced: ε is different and lower. Not reproduced: x₀ is different and lower, or "
        "the two are equal. Else inconclusive.",
        lambda results: eps_over_x0(results, "native"),
    ),
    Claim(
        "eps-over-x0 (matched)",
        "The same with the weighting matched, so that only the target differs.",
        CHAPTER,
        "FID of ε against x₀ at eps-equivalent weighting, paired by seed (table of targets).",
        "As above.",
        lambda results: eps_over_x0(results, "eps-equivalent"),
    ),
    Claim(
        "simple-over-elbo",
        "The simple loss gives better FID and a slightly worse bound than training on the "
        "bound itself.",
        CHAPTER,
        "ε at eps-equivalent against elbo weighting: FID and bound, paired by seed (table of "
        "weightings).",
        "Reproduced: FID is different and lower, the bound different and higher. Not "
        "reproduced: either is equal or the other way. Else inconclusive.",
        simple_over_elbo,
    ),
)


def sections(results: Results, mirror: Mirror) -> list[Section]:
    seen = bool(results.study.evaluation.extractors)
    tables = [
        paired(results, name, decide(results, BOUND), decide(results, FID) if seen else [])
        for name, decide in (("targets", comparing.targets), ("weightings", comparing.weightings))
    ]
    rows = tuple(table for table in tables if table.rows)
    return [Section("comparisons", "Paired comparisons", "", rows)]


def sentences(results: Results) -> list[str]:
    """How the targets stand to each other at each weighting, by the bound and by FID."""
    measures = (BOUND, FID) if results.study.evaluation.extractors else (BOUND,)
    every = [(comparing.targets(results, measure), measure) for measure in measures]
    return [_targets(pairs, measure, w) for pairs, measure in every for w in WEIGHTINGS]


TOPIC = Topic("comparisons", sections, CLAIMS, sentences)
