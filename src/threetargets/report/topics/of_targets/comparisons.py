"""Paired comparisons of targets at each weighting, and of weightings for each target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.report.parts import comparing
from threetargets.report.parts.captions import commands, context
from threetargets.report.parts.comparing import DIFFERENT, EQUAL, NO_DATA, TIED, WITHIN, Comparison
from threetargets.report.parts.measures import BOUND, FID, Measure
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.verdicts import INCONCLUSIVE
from threetargets.report.parts.wording import (
    Table,
    Text,
    between,
    listing,
    number,
    of,
    p_value,
    signed,
    target,
)
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_targets.comparison_claims import CLAIMS
from threetargets.study.values import WEIGHTINGS


def _of_targets(c: Comparison) -> tuple[str, str, str]:
    return c.where, _named(c, c.a), _named(c, c.b)


def _of_weightings(c: Comparison) -> tuple[str, str, str]:
    return target(c.where), diffusion.of(c.a).weighting, diffusion.of(c.b).weighting


def _of_skips(c: Comparison) -> tuple[str, str, str]:
    return f"{target(diffusion.of(c.a).target)} · {c.where}", "with", "without"


@dataclass(frozen=True)
class Family:
    """A table of comparisons: its title, what stands the same on both sides, the comparisons of a
    measure, and the words of one: where, a and b."""

    title: str
    where: str
    decide: Callable[[Results, Measure], list[Comparison]]
    words: Callable[[Comparison], tuple[str, str, str]]


FAMILIES = {
    "targets": Family("Targets, at each weighting", "weighting", comparing.targets, _of_targets),
    "tuned": Family(
        "Targets, each at a learning rate of its own", "weighting", comparing.tuned, _of_targets
    ),
    "weightings": Family(
        "Weightings, for each target", "target", comparing.weightings, _of_weightings
    ),
    "input-skips": Family(
        "With an input skip and without", "target · weighting", comparing.input_skips, _of_skips
    ),
}


def _compared(kind: Family, c: Comparison) -> tuple[Text, ...]:
    where, first, second = kind.words(c)
    return (
        Text(c.measure.label),
        Text(where),
        Text(f"{first} − {second}"),
        Text(c.verdict, c.verdict.replace(" ", "-")),
        Text(signed(c.difference.interval)),
        Text(between(c.difference.interval)),
        Text(_by_seed(c)),
        Text("–" if c.over_images is None else between(c.over_images)),
        Text(p_value(c.p_holm)),
        Text(f"±{number(c.margin, 2)}" if c.margin is not None else "–"),
        Text(p_value(c.p_equal_holm)),
    )


def _named(c: Comparison, which: Cell) -> str:
    """The target, with the variant that is its learning rate where the two differ in that too."""
    one = diffusion.of(which)
    alone = {diffusion.of(x).variant for x in (c.a, c.b)} == {""}
    return target(one.target) if alone else f"{target(one.target)} ({one.variant or 'common rate'})"


def _by_seed(c: Comparison) -> str:
    """Every seed's difference, largest last: with few seeds a t interval alone hides a tail."""
    if not c.values or c.difference.interval.mean is None:
        return "–"
    differences = sorted(c.differences)
    shown = differences if len(differences) <= SHOWN else [*differences[:2], *differences[-2:]]
    texts = [number(d, 2) for d in shown]
    return " ".join([*texts[:2], "…", *texts[2:]] if len(differences) > SHOWN else texts)


SHOWN = 5
"""As many seeds are shown one by one, of more the two at each end."""
PAIRED_CAPTION = (
    "a − b, paired by seed; negative favours a. FID: logarithm of its excess over the floor, so "
    "that −0.1 is 10% less. Intervals: {confidence:.0%} for all comparisons of a measure at once "
    "({counted} for the bound{of_fid}); p, p equal (two one-sided tests against the margin, "
    "{number} {unit} or {fid_margin:.0%} of the excess): Holm. Over images: 95% interval over the "
    "test images, each one's difference averaged over seeds. Pairs that are identical, or the same "
    "as another, are one model by construction: not counted, not shown."
)
SHARPER = (
    " Where an interval holds 0 beside “different”, Holm has decided, which is sharper than "
    "intervals that hold together (Bonferroni)."
)


def _just_holds_0(c: Comparison) -> bool:
    low, high = c.difference.interval.low, c.difference.interval.high
    return (
        c.verdict in (DIFFERENT, WITHIN)
        and low is not None
        and high is not None
        and low <= 0 <= high
    )


def paired(
    results: Results, name: str, bound: Sequence[Comparison], fid: Sequence[Comparison]
) -> Table:
    """The comparisons of one family, bound first."""
    kind = FAMILIES[name]
    shown = [c for c in (*bound, *fid) if not c.identical and c.repeats is None]
    rows = [_compared(kind, c) for c in shown]
    comparison = results.study.comparison
    of_fid = f", {comparing.counted(fid)} for FID" if fid else ""
    head = (
        "measure",
        kind.where,
        "a − b",
        "verdict",
        "difference",
        "interval",
        "by seed",
        "over images",
        "p, Holm",
        "margin",
        "p equal, Holm",
    )
    caption = PAIRED_CAPTION.format(
        number=number(comparison.bound_margin, 2),
        unit=results.unit.name,
        fid_margin=comparison.fid_margin,
        confidence=1 - comparison.alpha,
        counted=comparing.counted(bound),
        of_fid=of_fid,
    )
    caption += SHARPER if any(_just_holds_0(c) for c in (*bound, *fid)) else ""
    caption += f" FID: {context(results, 'fid')}." if fid else ""
    made = commands(results, "train", "likelihood", "sample", "evaluate")
    numeric = frozenset(range(4, 11))
    return Table(f"paired-{name}", kind.title, head, tuple(rows), caption, made, numeric)


TRIO = ("x0", "eps", "score")


def _of_trio(
    pairs: Sequence[Comparison], weighting: str
) -> tuple[list[Comparison], Callable[[str], str]]:
    """The pairs among x0, eps and score at one weighting, one finding once; and what a target is
    called, with the one that it is there by construction."""
    every = [
        c
        for c in pairs
        if c.where == weighting and {diffusion.of(x).target for x in (c.a, c.b)} <= {*TRIO}
    ]
    same = {diffusion.of(c.b).target: diffusion.of(c.a).target for c in every if c.identical}

    def named(name: str) -> str:
        return f"{target(name)} (= {target(same[name])})" if name in same else target(name)

    return [c for c in every if not c.identical and c.repeats is None], named


def _targets(pairs: Sequence[Comparison], weighting: str) -> str:
    """One sentence on the pairs among x0, eps and score at one weighting; one finding is told
    once."""
    here, named = _of_trio(pairs, weighting)
    if not here:
        return ""
    unit = f" {here[0].measure.unit}" if here[0].measure.unit else ""
    name = f"{here[0].measure.label[0].upper()}{here[0].measure.label[1:]}"
    if all(c.verdict in TIED for c in here):
        widest = max(here, key=lambda c: abs(c.difference.interval.mean or 0.0)).difference.interval
        names = [
            named(t)
            for t in TRIO
            if any(t in (diffusion.of(c.a).target, diffusion.of(c.b).target) for c in here)
        ]
        return (
            f"{name} at {weighting} weighting: {listing(names)} tie "
            f"({'largest ' if len(here) > 1 else ''}difference {signed(widest)} "
            f"{between(widest)}{unit})."
        )
    groups = []
    for verdict in (DIFFERENT, WITHIN, EQUAL, INCONCLUSIVE, NO_DATA):
        phrases = []
        for c in (c for c in here if c.verdict == verdict):
            a, b = named(diffusion.of(c.a).target), named(diffusion.of(c.b).target)
            size = (
                f"{between(c.difference.interval)}{unit}"
                if c.difference.interval.low is not None
                else "one seed"
            )
            if verdict in (DIFFERENT, WITHIN):
                first, second = (a, b) if c.better == c.a else (b, a)
                lead = abs(c.difference.interval.mean or 0.0)
                less = ", less than the margin" if verdict == WITHIN else ""
                phrases.append(f"{first} beats {second} by {number(lead)}{unit}{less}")
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


def sections(results: Results, mirror: Mirror) -> list[Section]:
    seen = bool(results.study.evaluation.extractors)
    tables = [
        paired(
            results, name, kind.decide(results, BOUND), kind.decide(results, FID) if seen else []
        )
        for name, kind in FAMILIES.items()
    ]
    rows = tuple(table for table in tables if table.rows)
    return [Section("comparisons", "Paired comparisons", lead(results), rows)]


def lead(results: Results) -> str:
    """How many pairs of targets have which verdict by the bound."""
    pairs = [c for c in comparing.targets(results, BOUND) if not c.identical and c.repeats is None]
    counts = Counter(c.verdict for c in pairs)
    order = [v for v in (EQUAL, WITHIN, DIFFERENT, INCONCLUSIVE, NO_DATA) if v in counts]
    if not order:
        return ""
    parts = listing([f"{counts[v]} {v}" for v in order])
    return f"By the bound, of {of(len(pairs), 'pair')} of targets at one weighting {parts}."


def sentences(results: Results) -> list[str]:
    """How the targets stand to each other at each weighting, by the bound and by FID."""
    measures = (BOUND, FID) if results.study.evaluation.extractors else (BOUND,)
    every = [comparing.targets(results, measure) for measure in measures]
    spoken = [_targets(pairs, w) for pairs in every for w in WEIGHTINGS]
    tuned = [comparing.tuned(results, measure) for measure in measures]
    own = [_targets(pairs, w) for pairs in tuned for w in WEIGHTINGS]
    return [*spoken, *(f"Each at a learning rate of its own: {text}" for text in own if text)]


TOPIC = Topic("comparisons", sections, CLAIMS, sentences)
