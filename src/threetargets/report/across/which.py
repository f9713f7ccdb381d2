"""What to choose, in words and as a table: the target and the loss that lie least far behind the
best of any study."""

from __future__ import annotations

import math

from threetargets.report.across.contrasts import BOUND, ELBO, EQUIVALENT, FID, NATIVE, cases
from threetargets.report.across.regret import (
    Choice,
    Regret,
    at_the_floor,
    choices,
    in_studies,
    worst,
)
from threetargets.report.across.studies import OneStudy
from threetargets.report.parts.wording import Table, Text, listing, of, ratio, target

FEWEST = 3
"""A choice that fewer studies have, or fewer than half of them, is not advised."""
NONE = f"No target and loss is in {FEWEST} studies yet, over two seeds or more."
USUAL = Choice("eps", NATIVE)
"""L_simple of Ho et al. 2020 (arXiv:2006.11239)."""
LOSSES = {
    NATIVE: f"its own squared error as the loss ({NATIVE})",
    EQUIVALENT: f"the squared error of {target('eps')} as the loss ({EQUIVALENT})",
    ELBO: f"the bound as the loss ({ELBO})",
}
MEANING = (
    f"Native: the squared error of the target itself; {EQUIVALENT}: that of {target('eps')}, "
    f"whatever is predicted, for {target('eps')} the same as {NATIVE}; {ELBO}: the bound; under "
    f"the last two score is the same as {target('eps')}."
)
CAPTION = (
    "The study where each choice is furthest behind the best one of the same network, mean over "
    "seeds and 95% interval of that difference, and how many studies have the choice over several "
    f"seeds. Bold: least far behind, of choices that half of the studies have, and {FEWEST} or "
    "more. Excess FID: less that of real images, whose own error is not in the intervals."
)


def amount(measure: str, behind: float) -> str:
    """How far behind: bits/dim with two decimals, or how many times the lowest excess FID."""
    if measure == BOUND:
        return f"{behind:.2f}".replace("-", "−")
    return ratio(behind)


def _figure(one: Regret) -> str:
    """Where it is worst, with the interval of that difference."""
    low, high = one.behind.low, one.behind.high
    text = amount(one.measure, _mean(one))
    if low is None or high is None:
        return text
    return f"{text} [{amount(one.measure, low)}, {amount(one.measure, high)}]"


def _mean(one: Regret) -> float:
    return one.behind.mean or 0.0


def _margin(one: Regret) -> float:
    """Within which a difference does not matter to its study; 0 where no study says it."""
    known = one.case.study.setting
    if known is None:
        return 0.0
    return known.margin if one.measure == BOUND else known.log_fid_margin or 0.0


def _least(some: list[Regret], measure: str, among: list[Choice]) -> list[Regret]:
    """The choice that is least far behind where it is worst, and those within the margin of it; the
    least first."""
    known = [w for c in among if (w := worst(some, measure, c)) is not None]
    worsts = sorted(known, key=_mean)
    return [w for w in worsts if _mean(w) <= _mean(worsts[0]) + _margin(worsts[0])]


def _studies(some: list[Regret], measure: str) -> int:
    """How many have anything by this measure, over several seeds."""
    return len({r.study for r in some if r.measure == measure and r.behind.n > 1})


def _eligible(some: list[Regret], measure: str) -> list[Choice]:
    fewest = max(FEWEST, _studies(some, measure) / 2)
    return [c for c in choices(some) if in_studies(some, measure, c) >= fewest]


def _as_near(some: list[Regret]) -> str:
    """Choices in fewer studies that are no further behind than what is advised; empty without
    any."""
    parts = []
    for measure, name in ((BOUND, "by the bound"), (FID, "by FID")):
        chosen, asked = advised(some, measure), _eligible(some, measure)
        most = max(map(_mean, chosen), default=-math.inf)
        for one in choices(some):
            far = worst(some, measure, one)
            if one not in asked and far is not None and _mean(far) <= most + _margin(far):
                many = f"{in_studies(some, measure, one)} of {of(_studies(some, measure), 'study')}"
                parts.append(f"{one.label} {name}, at most {_figure(far)} ({many})")
    return f"As near or nearer, but in too few of the studies: {'; '.join(parts)}." if parts else ""


def advised(some: list[Regret], measure: str) -> list[Regret]:
    """The least far behind of the choices that enough studies have."""
    return _least(some, measure, _eligible(some, measure))


def _either(names: list[str]) -> str:
    """a, b or c."""
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _beside(some: list[Regret], chosen: list[Regret]) -> list[str]:
    """What else one might do: the worst of the same loss, the worst of the same target, and the
    usual choice."""
    mine = {one.choice for one in chosen}
    measure = chosen[0].measure
    others = [w for c in choices(some) if c not in mine and (w := worst(some, measure, c))]
    targets, losses = {c.target for c in mine}, {c.loss for c in mine}
    kept = [
        *sorted((w for w in others if w.choice.loss in losses), key=_mean)[-1:],
        *sorted((w for w in others if w.choice.target in targets), key=_mean)[-1:],
        *(w for w in others if w.choice == USUAL),
    ]
    parts = []
    for one in {w.choice: w for w in kept}.values():
        usual = ", the usual choice," if one.choice == USUAL else ""
        parts.append(
            f"{one.choice.label}{usual} up to {amount(measure, _mean(one))} ({one.case.name})"
        )
    return parts


def advice(some: list[Regret], measure: str) -> str:
    """What to choose, how far behind it ever is, and what else is; empty where no choice is in
    enough studies."""
    chosen = advised(some, measure)
    if not chosen:
        return ""
    losses = {one.choice.loss for one in chosen}
    if len(losses) == 1:
        names = [target(w.choice.target) for w in chosen]
        what = f"{_either(names)}, with {LOSSES[losses.pop()]}"
    else:
        names = [w.choice.label for w in chosen]
        what = _either([f"{target(w.choice.target)} with {LOSSES[w.choice.loss]}" for w in chosen])
    unit = " bits/dim" if measure == BOUND else " times that of the best of the same network"
    figures = []
    for name, one in zip(names, chosen, strict=True):
        many = of(in_studies(some, measure, one.choice), "study")
        figures.append(f"{_figure(one)}{unit} ({name}, {many})")
        unit = ""
    head = "Likelihood" if measure == BOUND else "Samples"
    how_far = (
        "Behind the best of the same network in any study by"
        if measure == BOUND
        else "FID less that of real images is"
    )
    beside = _beside(some, chosen)
    rest = f"; {listing(beside)}" if beside else ""
    return f"{head}: predict {what}. {how_far} at most {listing(figures)}{rest}."


def both(some: list[Regret]) -> str:
    """What the advice by one measure costs by the other; empty where there is none of one, or one
    choice is advised by both."""
    bound, fid = advised(some, BOUND), advised(some, FID)
    if not bound or not fid or {w.choice for w in bound} & {w.choice for w in fid}:
        return ""
    costs = []
    for chosen, measure in ((fid, BOUND), (bound, FID)):
        for one in chosen:
            cost = worst(some, measure, one.choice)
            if cost is not None:
                unit = " bits/dim behind" if measure == BOUND else " times the lowest excess FID"
                costs.append(f"{one.choice.label} up to {amount(measure, _mean(cost))}{unit}")
    return f"No choice is advised for both: {listing(costs)}." if costs else ""


def without_one(some: list[Regret]) -> str:
    """Whether the advice rests on one study: what it would be without each, of the choices that
    half of all studies have; empty where there is none."""
    changed, known = [], False
    for measure, name in ((BOUND, "likelihood"), (FID, "samples")):
        among = _eligible(some, measure)
        before = [w.choice for w in _least(some, measure, among)]
        known = known or bool(before)
        for study in sorted({r.study for r in some if before}):
            rest = [r for r in some if r.study != study]
            now = [w.choice for w in _least(rest, measure, among)]
            if {*now} != {*before}:
                labels = _either([c.label for c in now])
                changed.append(f"without the study {study} the advice for {name} is {labels}")
    if not changed:
        return "Without any one of the studies the advice is the same." if known else ""
    text = f"{'; '.join(changed)}; without any other study the advice is the same."
    return text[0].upper() + text[1:]


def sure(some: list[Regret], studies: int) -> str:
    """On what the advice rests; empty without figures over two seeds or more."""
    known = [r for r in some if r.behind.n > 1]
    if not known:
        return ""
    settings = {r.study: r.case.study.setting for r in known}
    data = sorted({one.data for one in settings.values() if one and one.data})
    seeds = sorted({r.behind.n for r in known})
    text = f"How sure: {len(settings)} of {of(studies, 'study')} compare targets over several seeds"
    text += f", on {of(len(data), 'data set')} ({listing(data)})" if data else ""
    text += (
        f", over {seeds[0]} to {seeds[-1]} seeds"
        if len(seeds) > 1
        else f", over {of(seeds[0], 'seed')}"
    )
    return (
        f"{text} each. What is advised is picked on these same figures; each choice is judged "
        "where it was tried, so that worst cases are of different studies."
    )


def remarks(some: list[Regret], studies: list[OneStudy]) -> list[str]:
    """What the advice costs elsewhere, on what it rests, and what is not in it."""
    floors = [c.name for study in studies for c in cases(study) if at_the_floor(c)]
    aside = (
        f"Not judged by FID, since one is no larger than that of real images: {listing(floors)}."
    )
    return [both(some), _as_near(some), without_one(some), aside if floors else ""]


def _cell(some: list[Regret], measure: str, one: Choice, best: bool) -> Text:
    most = worst(some, measure, one)
    if most is None:
        return Text("–", "", "not over several seeds")
    where = f"{most.case.name}; {of(in_studies(some, measure, one), 'study')}"
    return Text(_figure(most), "best" if best else "", where)


def table(some: list[Regret]) -> Table | None:
    """Every choice of the picture; None where there is none."""
    best = {m: {w.choice for w in advised(some, m)} for m in (BOUND, FID)}
    rows = tuple(
        (
            Text(target(one.target)),
            Text(one.loss),
            *(_cell(some, m, one, one in best[m]) for m in (BOUND, FID)),
        )
        for one in choices(some)
    )
    head = ("predict", "loss", "bits/dim behind, at most", "times the lowest excess FID, at most")
    title = "How far behind at most, as a table"
    return Table("regret", title, head, rows, CAPTION) if rows else None
