"""Where the studies agree about x0 against eps, in words that are built from the intervals."""

from __future__ import annotations

from collections import Counter

from threetargets.report.across.contrasts import (
    ALONE,
    BOUND,
    FID,
    FIRST,
    OPEN,
    PAIRS,
    SECOND,
    TIE,
    WEIGHTINGS,
    Contrast,
)
from threetargets.report.across.studies import OneStudy
from threetargets.report.parts.wording import listing, of, target

MIXED = "mixed"
X0, EPS = map(target, PAIRS[0])
WORDS = {
    FIRST: X0,
    SECOND: EPS,
    TIE: "tied",
    OPEN: "undecided",
    ALONE: "one seed",
    MIXED: "by variant",
}


def _word(verdict: str) -> str:
    return f"{WORDS[verdict]} lower" if verdict in (FIRST, SECOND) else WORDS[verdict]


def main(some: list[Contrast], measure: str, weighting: str) -> list[Contrast]:
    """The first pair of what each study is about: its own network, or where it has none all of its
    variants."""
    chosen = [
        c
        for c in some
        if (c.measure, c.weighting, c.first, c.second) == (measure, weighting, *PAIRS[0])
    ]
    owners = {c.case.study.name for c in chosen if c.case.own}
    return [c for c in chosen if c.case.own or c.case.study.name not in owners]


def verdicts(some: list[Contrast], measure: str, weighting: str) -> dict[str, str]:
    """By study; without those of one seed, which decide nothing."""
    by_study: dict[str, set[str]] = {}
    for c in main(some, measure, weighting):
        if c.verdict != ALONE:
            by_study.setdefault(c.case.study.name, set()).add(c.verdict)
    return {name: seen.pop() if len(seen) == 1 else MIXED for name, seen in by_study.items()}


def _clause(weighting: str, decided: dict[str, str]) -> str:
    """Which one is lower at a weighting, with how many studies say so."""
    counts = Counter(decided.values())
    n = "1 study" if len(decided) == 1 else f"{len(decided)} studies"
    kinds = [v for v in WORDS if counts[v] and v != OPEN]
    if not kinds:
        return f"undecided at {weighting} ({n})"
    if len(kinds) > 1 or kinds == [MIXED]:
        every = ", ".join(f"{WORDS[v]} {counts[v]}" for v in WORDS if counts[v])
        return f"it depends at {weighting} ({every})"
    word = "a tie" if kinds == [TIE] else WORDS[kinds[0]]
    rest = ", undecided in the rest" if counts[OPEN] else ""
    return f"{word} at {weighting} ({counts[kinds[0]]} of {n}{rest})"


def headline(some: list[Contrast]) -> str:
    """Which target is lower by bound and by FID at each weighting; the numbers count studies."""
    parts = []
    for measure, name in ((BOUND, "the bound"), (FID, FID)):
        decided = {w: verdicts(some, measure, w) for w in WEIGHTINGS}
        clauses = [_clause(w, studies) for w, studies in decided.items() if studies]
        parts += [f"Lower by {name}: {'; '.join(clauses)}."] if clauses else []
    return " ".join(parts) or f"No study here compares {X0} with {EPS} over two seeds or more."


def _ends(some: list[Contrast]) -> tuple[float, float] | None:
    ends = [c.case.ends for c in some]
    known = [end for end in ends if end is not None]
    return (min(known), max(known)) if known and len(known) == len(ends) else None


def _range(ends: tuple[float, float]) -> str:
    low, high = (f"{end:g}".replace("-", "−") for end in ends)
    return low if low == high else f"{low} to {high}"


def tell_apart(some: list[Contrast]) -> list[str]:
    """Where the finest noise separates the cases in which one is lower from those of the other."""
    sentences = []
    for weighting in WEIGHTINGS:
        here = main(some, BOUND, weighting)
        sides = [[c for c in here if c.verdict == v] for v in (FIRST, SECOND)]
        ends = [_ends(side) for side in sides]
        if ends[0] is None or ends[1] is None:
            continue
        if ends[0][1] < ends[1][0] or ends[1][1] < ends[0][0]:
            first, second = (
                f"{_range(e)} ({of(len(side), 'case')})"
                for e, side in zip((ends[0], ends[1]), sides, strict=True)
            )
            sentences.append(
                f"By the bound at {weighting} weighting, {X0} is lower where the finest noise is "
                f"at log-SNR {first}, {EPS} where it is at {second}; these cases differ in more "
                "than that."
            )
    return sentences


def skipped(some: list[Contrast]) -> str:
    """What an input skip does to the verdicts by the bound; empty where no study has both."""
    first = [c for c in some if (c.measure, c.first) == (BOUND, PAIRS[0][0]) and not c.case.more]
    own = {(c.case.study.name, c.weighting): c for c in first if c.case.own}
    both = [(own[k], c) for c in first if not c.case.own and (k := _key(c)) in own]
    if not both:
        return ""
    changed = [
        f"{a.case.study.name} at {a.weighting} (from {_word(a.verdict)} to {_word(b.verdict)})"
        for a, b in both
        if a.verdict != b.verdict
    ]
    which = f": {listing(changed)}" if changed else ""
    return (
        f"By the bound, the input skip changes the verdict in {len(changed)} of {len(both)} "
        f"comparisons that were made both ways{which}."
    )


def _key(c: Contrast) -> tuple[str, str]:
    return c.case.study.name, c.weighting


def sure(some: list[Contrast], studies: list[OneStudy]) -> str:
    """How sure the headline is."""
    first = [c for c in some if (c.first, c.second) == PAIRS[0]]
    names = list(dict.fromkeys(c.case.study.name for c in first))
    chosen = [s for s in studies if s.name in names]
    data = sorted({s.setting.data for s in chosen if s.setting and s.setting.data})
    seeds = sorted({c.interval.n for c in first if c.verdict != ALONE})
    single = list(dict.fromkeys(c.case.study.name for c in first if c.verdict == ALONE))
    if not chosen:
        return ""
    several = "studies with the same trainings count once"
    many = "1 study compares" if len(chosen) == 1 else f"{len(chosen)} studies compare"
    parts = [f"{many} the two"]
    parts[0] += f", on {of(len(data), 'data set')} ({listing(data)})" if data else ""
    parts += [several] if len(chosen) > 1 else []
    margins = sorted({s.setting.margin for s in chosen if s.setting})
    if seeds:
        most = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
        parts.append(
            f"intervals are 95% t intervals of the difference over {most} seeds, paired, each on "
            "its own: not corrected for how many there are"
        )
    if margins:
        parts.append(
            f"tied, where the whole interval is within {listing([f'{m:g}' for m in margins])} "
            "bits/dim, each study's margin; a FID is never called tied; a study's own page "
            "corrects for many pairs, and calls some ties different but within the margin"
        )
    if single:
        parts.append(f"one seed alone, so no verdict: {listing(single)}")
    return f"How sure: {'; '.join(parts)}."
