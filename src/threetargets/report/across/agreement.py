"""Where the studies agree about x0 against eps, in words that are built from the intervals."""

from __future__ import annotations

from collections import Counter

from threetargets.metrics.statistics import t_interval
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
    differences,
)
from threetargets.report.across.studies import OneStudy
from threetargets.report.parts.wording import listing, of, target

MIXED = "mixed"
EQUIVALENT, ELBO = WEIGHTINGS[1:]
X0, EPS = map(target, PAIRS[0])
SCORE = "score"
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


def _clause(some: list[Contrast], measure: str, weighting: str) -> str:
    """Which one is lower at a weighting, with how many studies say so; where they differ, what
    most say, or the noise that tells them apart."""
    decided = verdicts(some, measure, weighting)
    counts = Counter(decided.values())
    n = of(len(decided), "study")
    kinds = sorted((v for v in WORDS if counts[v] and v != OPEN), key=lambda v: -counts[v])
    if not kinds:
        return f"at {weighting} undecided ({n})" if decided else ""
    rest = [f"{WORDS[v]} {counts[v]}" for v in (*kinds[1:], OPEN) if counts[v]]
    if len(kinds) > 1 and (ends := apart(some, measure, weighting)):
        words = "where the finest noise is at log-SNR"
        return f"at {weighting} {X0} {words} {ends[0]}, {EPS} where it is at {ends[1]}"
    if kinds[0] == MIXED or (len(kinds) > 1 and counts[kinds[0]] == counts[kinds[1]]):
        every = ", ".join([f"{WORDS[kinds[0]]} {counts[kinds[0]]}", *rest])
        return f"at {weighting} it depends ({every})"
    word = "a tie" if kinds[0] == TIE else WORDS[kinds[0]]
    return f"at {weighting} {word} ({', '.join([f'{counts[kinds[0]]} of {n}', *rest])})"


TERMS = (
    f"Native: each target's own squared error. Eps-equivalent: one loss for all, that of {EPS}. "
    f"Elbo: the bound itself. At the last two score is the same model as {EPS}."
)


def headline(some: list[Contrast]) -> list[str]:
    """What to use: by bound and by FID at each weighting, the numbers counting studies; what the
    weighting is worth before that, and score after it."""
    parts = []
    for measure, name in ((BOUND, "Likelihood"), (FID, FID)):
        clauses = list(filter(None, (_clause(some, measure, w) for w in WEIGHTINGS)))
        first = f"{weighting_first(some)}Lower bound" if measure == BOUND else "lower"
        parts += [f"{name}: {first} {'; '.join(clauses)}."] if clauses else []
    if not parts:
        return [f"No study here compares {X0} with {EPS} over two seeds or more."]
    return [*parts, *filter(None, [score_beside_eps(some)])]


def score_beside_eps(some: list[Contrast]) -> str:
    """How score stands to eps at native weighting, where they are two models."""
    clauses = []
    for measure, name in ((BOUND, "the bound"), (FID, FID)):
        here = [c for c in some if (c.measure, c.first) == (measure, SCORE) and c.case.own]
        counts = Counter(c.verdict for c in here if c.verdict != ALONE)
        if n := sum(counts.values()):
            words = {FIRST: "score lower", SECOND: f"{EPS} lower", TIE: "tied", OPEN: "undecided"}
            parts = ", ".join(f"{words[v]} in {k}" for v, k in counts.most_common())
            clauses.append(f"by {name} {parts} of {of(n, 'study')}")
    return f"Score against {EPS} at native: {'; '.join(clauses)}." if clauses else ""


def weighting_first(some: list[Contrast]) -> str:
    """What the weighting is worth beside the target: both targets' bounds, trained on the bound,
    less those at eps-equivalent weighting, study by study; empty where no study has both."""
    cases = {c.case.study.name: c.case for c in main(some, BOUND, ELBO)}
    both = {c.case.study.name for c in main(some, BOUND, EQUIVALENT)}
    lower, gains = 0, list[float]()
    studies = [name for name in cases if name in both]
    for name in studies:
        values = []
        for one in PAIRS[0]:
            first, second = (cases[name].values(BOUND, one, w) for w in (ELBO, EQUIVALENT))
            values.append(differences(BOUND, first, second))
        highs = [t_interval(some).high for some in values]
        if all(high is not None and high < 0 for high in highs):
            lower += 1
            gains += [-sum(some) / len(some) for some in values]
    if not lower:
        return ""
    least, most = (f"{gain:.2f}" for gain in (min(gains), max(gains)))
    return (
        f"the weighting first: in {lower} of {len(studies)} studies {X0} and {EPS} are both better "
        f"trained on the bound ({ELBO}) than at {EQUIVALENT}, by {least} to {most} bits/dim. "
    )


def _ends(some: list[Contrast]) -> tuple[float, float] | None:
    ends = [c.case.ends for c in some]
    known = [end for end in ends if end is not None]
    return (min(known), max(known)) if known and len(known) == len(ends) else None


def _range(ends: tuple[float, float], cases: list[Contrast]) -> str:
    """With the data sets in brackets."""
    low, high = (f"{end:g}".replace("-", "−") for end in ends)
    data = sorted({s.data for c in cases if (s := c.case.study.setting) and s.data})
    where = f" ({listing(data)})" if data else ""
    return f"{low}{where}" if low == high else f"{low} to {high}{where}"


def apart(some: list[Contrast], measure: str, weighting: str) -> tuple[str, str] | None:
    """The log-SNRs of the finest noise where the first is lower and where the second is; None
    where they overlap, or not all are known."""
    here = main(some, measure, weighting)
    sides = [[c for c in here if c.verdict == v] for v in (FIRST, SECOND)]
    first, second = map(_ends, sides)
    if first is None or second is None:
        return None
    separate = first[1] < second[0] or second[1] < first[0]
    return (_range(first, sides[0]), _range(second, sides[1])) if separate else None


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
    """How sure the headline is; empty without studies that compare the two."""
    first, chosen = _compared(some, studies)
    if not chosen:
        return ""
    data = sorted({s.setting.data for s in chosen if s.setting and s.setting.data})
    seeds = sorted({c.interval.n for c in first if c.verdict != ALONE})
    many = "1 study compares" if len(chosen) == 1 else f"{len(chosen)} studies compare"
    text = f"How sure: {many} the two"
    text += f", on {of(len(data), 'data set')} ({listing(data)})" if data else ""
    if seeds:
        most = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
        text += f", paired over {most} seeds; verdicts and intervals hold for all pairs of a study"
        text += " together, as on its page"
    return (
        f"{text}. They differ in more than their noise (below)." if len(chosen) > 1 else f"{text}."
    )


def rules(some: list[Contrast], studies: list[OneStudy]) -> list[str]:
    """What the verdicts mean, and which studies have none."""
    first, chosen = _compared(some, studies)
    single = list(dict.fromkeys(c.case.study.name for c in first if c.verdict == ALONE))
    margins = sorted({s.setting.margin for s in chosen if s.setting})
    within = listing([f"{m:g}" for m in margins])
    tied = f"Tied: an equivalence test within the study's margin, {within} bits/dim."
    several = " Of studies with the same trainings the one with the most seeds counts."
    alone = f" One seed alone, so no verdict: {listing(single)}."
    text = "".join(
        part for part, due in ((tied, margins), (several, len(chosen) > 1), (alone, single)) if due
    )
    return [text.strip()] if text else []


def _compared(
    some: list[Contrast], studies: list[OneStudy]
) -> tuple[list[Contrast], list[OneStudy]]:
    """What is said of the first pair, and the studies that say it."""
    first = [c for c in some if (c.first, c.second) == PAIRS[0]]
    names = {c.case.study.name for c in first}
    return first, [s for s in studies if s.name in names]
