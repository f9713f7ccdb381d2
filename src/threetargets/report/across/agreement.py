"""Where the studies agree about one target against another, in words that are built from the
intervals."""

from __future__ import annotations

import itertools
import math
from collections import Counter

from threetargets.metrics.statistics import t_interval
from threetargets.report.across.contrasts import (
    ALONE,
    BOUND,
    ELBO,
    EQUIVALENT,
    FID,
    FIRST,
    NATIVE,
    OPEN,
    PAIRS,
    SECOND,
    TIE,
    WEIGHTINGS,
    Contrast,
    differences,
)
from threetargets.report.across.studies import OneStudy
from threetargets.report.parts.wording import Table, Text, listing, of, target

MIXED = "mixed"
X0, EPS = map(target, PAIRS[0])
CAPTION = (
    "Which is lower, in how many of the studies that compare the two over seeds, with the study's "
    "own network and by the rules of today, which an older page may not have. Native: each "
    f"target's own squared error; {EQUIVALENT}: one loss for all, that of {EPS}; {ELBO}: the bound "
    f"itself; at the last two score is the same model as {EPS}."
)


def _words(pair: tuple[str, str]) -> dict[str, str]:
    """What a verdict is called; of equally many the first of these counts."""
    first, second = map(target, pair)
    words = {OPEN: "undecided", FIRST: first, SECOND: second, TIE: "tied"}
    return words | {MIXED: "by variant", ALONE: "one seed"}


def _word(verdict: str) -> str:
    words = _words(PAIRS[0])
    return f"{words[verdict]} lower" if verdict in (FIRST, SECOND) else words[verdict]


def of_own_network(
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


def lower_one(
    some: list[Contrast], measure: str, weighting: str, pair: tuple[str, str] = PAIRS[0]
) -> str:
    """Which one is lower at a weighting, with how many studies say so, most first; or the noise
    that tells them apart. Empty without a study that says anything."""
    here, words = of_own_network(some, measure, weighting, pair), _words(pair)
    if parts := apart(here, words):
        varied = _varied(here)
        rest = [c for c in here if _data(c) not in varied and c.verdict != ALONE]
        ends = _ends(rest)
        at = f", at {_range(ends)}," if ends else ""
        return ", ".join(parts) + (f"; on other data{at} {_counted(rest, words)}" if rest else "")
    return _counted(here, words)


def _counted(here: list[Contrast], words: dict[str, str]) -> str:
    """How many studies say which, most first."""
    by_study = verdicts(here)
    counts = Counter(by_study.values())
    both = counts[FIRST] > 0 and counts[SECOND] > 0

    def part(verdict: str) -> str:
        names = sorted(name for name, seen in by_study.items() if seen == verdict)
        named = f" ({listing(names)})" if both and verdict in (FIRST, SECOND) else ""
        whole = f" of {of(len(by_study), 'study')}" if verdict == kinds[0] else ""
        return f"{words[verdict]} in {counts[verdict]}{whole}{named}"

    kinds = sorted((v for v in words if counts[v]), key=lambda v: -counts[v])
    return ", ".join(map(part, kinds))


def answers(some: list[Contrast]) -> Table | None:
    """Each pair at each weighting, by bound and by FID; None where no study says anything."""
    rows = []
    for pair, weighting in itertools.product(PAIRS, WEIGHTINGS):
        texts = [lower_one(some, measure, weighting, pair) for measure in (BOUND, FID)]
        if any(texts):
            row = (" or ".join(map(target, pair)), weighting, *texts)
            rows.append(tuple(Text(text) for text in row))
    head = ("pair", "loss", "by the bound", "by FID")
    title = "Which target is lower"
    return Table("answers", title, head, tuple(rows), CAPTION) if rows else None


def headline(some: list[Contrast]) -> str:
    """What the weighting is worth; empty where no study tells."""
    if not any(c.verdict != ALONE for c in some):
        return f"No study here compares {X0} with {EPS} over two seeds or more."
    first = weighting_first(some)
    return f"Likelihood: {first}." if first else ""


def trained_on_the_bound(some: list[Contrast]) -> str:
    """Which of the first pair has the lower bound, trained on it; empty where no study tells."""
    lower = lower_one(some, BOUND, ELBO)
    return f"{X0} or {EPS} by the bound, trained on it: {lower}." if lower else ""


def under_own_losses(some: list[Contrast]) -> str:
    """Which of the first pair has the lower FID, each trained on its own squared error; empty where
    no study tells."""
    lower = lower_one(some, FID, NATIVE)
    return f"{X0} or {EPS} by FID, each under its own loss: {lower}." if lower else ""


def samples(some: list[Contrast]) -> str:
    """Which of the first pair has the lower FID, study by study; empty where none was measured."""
    decided: dict[str, dict[str, list[str]]] = {FIRST: {}, SECOND: {}}
    known = set[str]()
    for weighting in WEIGHTINGS:
        for name, verdict in verdicts(of_own_network(some, FID, weighting)).items():
            known.add(name)
            if verdict in decided:
                decided[verdict].setdefault(name, []).append(weighting)
    sides = []
    for verdict, of_side in decided.items():
        where = [f"{name} ({listing(at)})" for name, at in of_side.items()]
        sides += [f"{_words(PAIRS[0])[verdict]} in {listing(where)}"] if where else []
    if not known:
        return ""
    rest = len(known - {*decided[FIRST], *decided[SECOND]})
    parts = [*sides, *([f"neither in {of(rest, 'study')}"] if rest else [])]
    return f"Samples: FID is lower for {'; '.join(parts)}."


def weighting_first(some: list[Contrast]) -> str:
    """What the weighting is worth beside the target: both targets' bounds, trained on the bound,
    less those at eps-equivalent weighting, study by study; empty where no study has both."""
    some = [c for c in some if c.verdict != ALONE]
    cases = {c.case.study.name: c.case for c in of_own_network(some, BOUND, ELBO)}
    both = {c.case.study.name for c in of_own_network(some, BOUND, EQUIVALENT)}
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
        f"train on the bound ({ELBO}), which beats {EQUIVALENT} for {X0} and for {EPS} in {lower} "
        f"of {of(len(studies), 'study')}, by {least} to {most} bits/dim"
    )


def _ends(some: list[Contrast]) -> tuple[float, float] | None:
    ends = [c.case.ends for c in some]
    known = [end for end in ends if end is not None]
    return (min(known), max(known)) if known and len(known) == len(ends) else None


def _range(ends: tuple[float, float]) -> str:
    low, high = (f"{end:g}".replace("-", "−") for end in ends)
    return low if low == high else f"{low} to {high}"


def _data(c: Contrast) -> str:
    return c.case.study.setting.data if c.case.study.setting else ""


def _varied(here: list[Contrast]) -> set[str]:
    """The data sets on which each of the two is lower somewhere."""
    sides = ({_data(c) for c in here if c.verdict == v} for v in (FIRST, SECOND))
    return set.intersection(*sides) - {""}


def apart(here: list[Contrast], words: dict[str, str]) -> list[str]:
    """The log-SNRs of the finest noise where the first is lower, where they are tied or undecided,
    and where the second is lower, on the data sets that have both sides. Nothing without such,
    where they overlap, or where not all are known."""
    varied = _varied(here)
    on_these = [c for c in here if _data(c) in varied]
    sides = {v: [c for c in on_these if c.verdict == v] for v in (FIRST, TIE, SECOND, OPEN)}
    first, second, tied = (_ends(sides[v]) for v in (FIRST, SECOND, TIE))
    if first is None or second is None:
        return []
    if not (first[1] < second[0] or second[1] < first[0]):
        return []
    parts = [f"on {listing(sorted(varied))} {words[FIRST]} where the finest noise is at log-SNR "]
    parts[0] += _range(first)
    parts += [f"{words[TIE]} at {_range(tied)}"] if tied else []
    parts.append(f"{words[SECOND]} at {_range(second)}")
    names = sorted({c.case.study.name for c in sides[OPEN]})
    return parts + ([f"{words[OPEN]} in {listing(names)}"] if names else [])


def skipped(some: list[Contrast]) -> str:
    """What an input skip does to the verdicts; empty where no study has both."""
    first = [c for c in some if c.first == PAIRS[0][0] and not c.case.more]
    parts = []
    for measure, name in ((BOUND, "the bound"), (FID, FID)):
        own = {_key(c): c for c in first if c.case.own and c.measure == measure}
        others = [c for c in first if not c.case.own and c.measure == measure]
        both = [(own[_key(c)], c) for c in others if _key(c) in own]
        changed = [
            f"{a.case.study.name} at {a.weighting} (from {_word(a.verdict)} to {_word(b.verdict)})"
            for a, b in both
            if a.verdict != b.verdict
        ]
        which = f": {listing(changed)}" if changed else ""
        if both:
            parts.append(f"by {name} in {len(changed)} of {len(both)} comparisons{which}")
    return f"The input skip changes the verdict {'; '.join(parts)}." if parts else ""


def _key(c: Contrast) -> tuple[str, str]:
    return c.case.study.name, c.weighting


def sure(some: list[Contrast], studies: list[OneStudy]) -> str:
    """How sure the headline is; empty without studies that compare the two."""
    first, chosen = _compared(some, studies)
    if not chosen:
        return ""
    decided = {c.case.study.name for c in first if c.verdict != ALONE}
    chosen = [s for s in chosen if s.name in decided or not decided]
    data = sorted({s.setting.data for s in chosen if s.setting and s.setting.data})
    seeds = sorted({c.interval.n for c in first if c.verdict != ALONE})
    many = "1 study compares" if len(chosen) == 1 else f"{len(chosen)} studies compare"
    text = f"How sure: {many} {X0} with {EPS}"
    text += f", on {of(len(data), 'data set')} ({listing(data)})" if data else ""
    if seeds:
        most = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
        text += f", paired over {most} seeds, with one error rate for all pairs of a study"
    more = " Studies differ in network, noise and images seen (below)." if len(chosen) > 1 else ""
    return f"{text}.{more}"


def rules(some: list[Contrast], studies: list[OneStudy]) -> list[str]:
    """What the verdicts mean, and which studies have none."""
    first, chosen = _compared(some, studies)
    single = list(dict.fromkeys(c.case.study.name for c in first if c.verdict == ALONE))
    settings = [s.setting for s in chosen if s.setting]
    margins = sorted({s.margin for s in settings})
    within = f"{listing([f'{m:g}' for m in margins])} bits/dim"
    if shares := sorted({s.log_fid_margin for s in settings if s.log_fid_margin}):
        within += f" or {listing([f'{math.expm1(share):.0%}' for share in shares])} of FID's excess"
    tied = f"Tied: by an equivalence test within the study's margin, {within}, even where a "
    tied += "difference is sure. Verdicts are Holm's; intervals are wider, and one of a decided "
    tied += "pair may hold 0."
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
