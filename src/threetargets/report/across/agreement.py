"""Where the studies agree about one target against another, in words that are built from the
intervals."""

from __future__ import annotations

import itertools
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
from threetargets.report.across.studies import COMMAND, OneStudy
from threetargets.report.parts.wording import Table, Text, listing, of, target

MIXED = "mixed"
EQUIVALENT, ELBO = WEIGHTINGS[1:]
X0, EPS = map(target, PAIRS[0])
CAPTION = (
    "Which is lower, in how many of the studies that compare the two, each by the verdict of its "
    f"own page. Native: each target's own squared error; {EQUIVALENT}: one loss for all, that of "
    f"{EPS}; {ELBO}: the bound itself; at the last two score is the same model as {EPS}."
)


def _words(pair: tuple[str, str]) -> dict[str, str]:
    """What a verdict is called."""
    first, second = map(target, pair)
    words = {FIRST: first, SECOND: second, TIE: "tied", OPEN: "undecided"}
    return words | {ALONE: "one seed", MIXED: "by variant"}


def _word(verdict: str) -> str:
    words = _words(PAIRS[0])
    return f"{words[verdict]} lower" if verdict in (FIRST, SECOND) else words[verdict]


def main(
    some: list[Contrast], measure: str, weighting: str, pair: tuple[str, str] = PAIRS[0]
) -> list[Contrast]:
    """A pair of what each study is about: its own network, or where it has none all of its
    variants."""
    chosen = [
        c
        for c in some
        if (c.measure, c.weighting, c.first, c.second) == (measure, weighting, *pair)
    ]
    owners = {c.case.study.name for c in chosen if c.case.own}
    return [c for c in chosen if c.case.own or c.case.study.name not in owners]


def verdicts(some: list[Contrast]) -> dict[str, str]:
    """By study; without those of one seed, which decide nothing."""
    by_study: dict[str, set[str]] = {}
    for c in some:
        if c.verdict != ALONE:
            by_study.setdefault(c.case.study.name, set()).add(c.verdict)
    return {name: seen.pop() if len(seen) == 1 else MIXED for name, seen in by_study.items()}


def which(
    some: list[Contrast],
    measure: str,
    weighting: str,
    pair: tuple[str, str] = PAIRS[0],
    counted: bool = True,
) -> str:
    """Which one is lower at a weighting, with how many studies say so; where they differ, what
    most say, or what tells them apart, and of the others their number. Empty without a study that
    says anything."""
    here, words = main(some, measure, weighting, pair), _words(pair)
    counts = Counter(verdicts(here).values())
    n = of(counts.total(), "study")
    kinds = sorted((v for v in words if counts[v] and v != OPEN), key=lambda v: -counts[v])
    if not kinds:
        return f"undecided ({n})" if counts else ""
    rest = [f"{words[v]} {counts[v]}" for v in (*kinds[1:], OPEN) if counts[v]]
    if len(kinds) > 1 and (ends := apart(here)):
        others = [f"{words[v]} {counts[v]}" for v in (TIE, OPEN) if counts[v]]
        more = f" ({', '.join(others)})" if others and counted else ""
        return f"{words[FIRST]} {ends[0]}, {words[SECOND]} {ends[1]}{more}"
    if kinds[0] == MIXED or (len(kinds) > 1 and counts[kinds[0]] == counts[kinds[1]]):
        return f"it depends ({', '.join([f'{words[kinds[0]]} {counts[kinds[0]]}', *rest])})"
    return f"{words[kinds[0]]} ({', '.join([f'{counts[kinds[0]]} of {n}', *rest])})"


def answers(some: list[Contrast]) -> Table | None:
    """Each pair at each weighting, by bound and by FID; None where no study says anything."""
    rows = []
    for pair, weighting in itertools.product(PAIRS, WEIGHTINGS):
        texts = [which(some, measure, weighting, pair) for measure in (BOUND, FID)]
        if any(texts):
            row = (" or ".join(map(target, pair)), weighting, *texts)
            rows.append(tuple(Text(text) for text in row))
    head = ("which", "loss", "lower bound", "lower FID")
    title = "Which target is lower"
    return Table("answers", title, head, tuple(rows), CAPTION, COMMAND) if rows else None


def headline(some: list[Contrast]) -> str:
    """What to use for likelihood: what the weighting is worth, and which target is then lower."""
    if not any(c.verdict != ALONE for c in some):
        return f"No study here compares {X0} with {EPS} over two seeds or more."
    first, then = weighting_first(some), which(some, BOUND, ELBO, counted=False)
    return f"Likelihood: {first}; then {then}." if first and then else ""


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
        f"train on the bound ({ELBO}): in {lower} of {len(studies)} studies {X0} and {EPS} are "
        f"both better for it than at {EQUIVALENT}, by {least} to {most} bits/dim"
    )


def _ends(some: list[Contrast]) -> tuple[float, float] | None:
    ends = [c.case.ends for c in some]
    known = [end for end in ends if end is not None]
    return (min(known), max(known)) if known and len(known) == len(ends) else None


def _range(ends: tuple[float, float], data: set[str]) -> str:
    """With the data sets in brackets."""
    low, high = (f"{end:g}".replace("-", "−") for end in ends)
    where = f" ({listing(sorted(data))})"
    return f"{low}{where}" if low == high else f"{low} to {high}{where}"


def apart(here: list[Contrast]) -> tuple[str, str] | None:
    """Where the first is lower and where the second is, each to be said after its name: the
    log-SNRs of the finest noise, where a data set has both; else the data sets. None where these
    do not tell the two apart, or not all are known."""
    sides = [[c for c in here if c.verdict == v] for v in (FIRST, SECOND)]
    data = [{s.data if (s := c.case.study.setting) else "" for c in side} for side in sides]
    if not all(data) or any("" in some for some in data):
        return None
    if not data[0] & data[1]:
        return f"on {listing(sorted(data[0]))}", f"on {listing(sorted(data[1]))}"
    first, second = map(_ends, sides)
    if first is None or second is None or not (first[1] < second[0] or second[1] < first[0]):
        return None
    start = "where the finest noise is at log-SNR"
    return f"{start} {_range(first, data[0])}", f"where it is at {_range(second, data[1])}"


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
