"""What to choose, in words and as a table: the target and the loss that lie least far behind the
best of any study."""

from __future__ import annotations

import math

from threetargets.report.across.contrasts import BOUND, FID
from threetargets.report.across.regret import (
    ELBO,
    EQUIVALENT,
    NATIVE,
    Choice,
    Regret,
    choices,
    in_studies,
    worst,
)
from threetargets.report.across.studies import COMMAND
from threetargets.report.parts.wording import Table, Text, listing, number, of, target

FEWEST = 3
"""A choice that fewer studies have is not advised."""
NONE = f"No target and loss is in {FEWEST} studies yet, over two seeds or more."
USUAL = Choice("eps", NATIVE)
"""L_simple of Ho et al. 2020 (arXiv:2006.11239)."""
LOSSES = {
    NATIVE: f"its own squared error as the loss ({NATIVE})",
    EQUIVALENT: f"the squared error of {target('eps')} as the loss ({EQUIVALENT})",
    ELBO: f"the bound as the loss ({ELBO})",
}
MEANING = (
    f"Native: each target's own squared error, of {target('eps')} also {EQUIVALENT}; {EQUIVALENT}: "
    f"that of {target('eps')} for every target; {ELBO}: the bound itself; score is the same as "
    f"{target('eps')} at both of these."
)
CAPTION = (
    "The study where each choice is furthest behind the best one of the same network, mean over "
    "seeds and 95% interval of that difference, and how many studies have the choice; of FID the "
    "ratio, both less that of real images. Bold: least far behind, of choices in "
    f"{FEWEST} studies or more."
)


def amount(measure: str, behind: float) -> str:
    """How far behind, in words: .07 bits/dim, or of FID 2.4 times the lowest."""
    if measure == BOUND:
        return f"{behind:.2f}".replace("-", "−")
    return number(math.exp(behind), 2)


def _margin(one: Regret) -> float:
    """Within which two choices count as tied; 0 where no study says it."""
    known = one.case.study.setting
    if known is None:
        return 0.0
    return known.margin if one.measure == BOUND else known.log_fid_margin or 0.0


def advised(some: list[Regret], measure: str) -> list[Regret]:
    """Of the choices that enough studies have the one that is least far behind where it is worst,
    and those within the margin of it; the least first."""
    many = [c for c in choices(some) if in_studies(some, measure, c) >= FEWEST]
    worsts = sorted(
        (w for c in many if (w := worst(some, measure, c)) is not None), key=lambda w: _mean(w)
    )
    return [w for w in worsts if _mean(w) <= _mean(worsts[0]) + _margin(worsts[0])]


def _mean(one: Regret) -> float:
    return one.behind.mean or 0.0


def _shown(one: Regret) -> str:
    return amount(one.measure, _mean(one))


def _named(chosen: list[Regret]) -> str:
    """The targets with their loss where they share one, else each choice by its name."""
    losses = {one.choice.loss for one in chosen}
    if len(losses) > 1:
        return _either([one.choice.label for one in chosen])
    return f"{_either([target(w.choice.target) for w in chosen])}, with {LOSSES[losses.pop()]}"


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
        parts.append(f"{one.choice.label}{usual} up to {_shown(one)} ({one.case.name})")
    return parts


def advice(some: list[Regret], measure: str) -> str:
    """One sentence: what to choose, how far behind it ever is, and what else is; empty where no
    choice is in enough studies."""
    chosen = advised(some, measure)
    if not chosen:
        return ""
    counts = sorted({in_studies(some, measure, one.choice) for one in chosen})
    many = of(counts[-1], "study") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} studies"
    most = amount(measure, max(map(_mean, chosen)))
    what = "bits/dim behind the best" if measure == BOUND else "times the lowest FID"
    beside = _beside(some, chosen)
    rest = f" By comparison: {listing(beside)}." if beside else ""
    name = "Likelihood" if measure == BOUND else "Samples"
    return (
        f"{name}: predict {_named(chosen)}; never more than {most} {what} of a study, in {many}."
        f"{rest}"
    )


def sure(some: list[Regret]) -> str:
    """On what the advice rests; empty without figures over two seeds or more."""
    known = [r for r in some if r.behind.n > 1]
    if not known:
        return ""
    studies = {r.study: r.case.study.setting for r in known}
    data = sorted({setting.data for setting in studies.values() if setting and setting.data})
    seeds = sorted({r.behind.n for r in known})
    text = f"How sure: {of(len(studies), 'study')}"
    text += f", on {of(len(data), 'data set')} ({listing(data)})" if data else ""
    text += f", {seeds[0]} to {seeds[-1]} seeds" if len(seeds) > 1 else f", {of(seeds[0], 'seed')}"
    return (
        f"{text} each. The best of a study is picked on the same figures, which makes distances a "
        "little too large; a choice is judged only where a study has it."
    )


def both(some: list[Regret]) -> str:
    """What the advice by one measure costs by the other; empty where there is none of one."""
    bound, fid = advised(some, BOUND), advised(some, FID)
    if not bound or not fid or {w.choice for w in bound} & {w.choice for w in fid}:
        return ""
    costs = []
    for chosen, measure in ((fid, BOUND), (bound, FID)):
        known = [w for one in chosen if (w := worst(some, measure, one.choice))]
        costs.append(_shown(max(known, key=_mean)) if known else "")
    if not all(costs):
        return ""
    return (
        f"No choice is best at both: that for samples is up to {costs[0]} bits/dim behind by the "
        f"bound, that for likelihood up to {costs[1]} times the lowest FID."
    )


def _cells(some: list[Regret], measure: str, one: Choice, best: bool) -> Text:
    most = worst(some, measure, one)
    if most is None:
        return Text("")
    low, high = most.behind.low, most.behind.high
    known = low is not None and high is not None
    around = f" [{amount(measure, low)}, {amount(measure, high)}]" if known else ""
    where = f"{most.case.name}; {of(in_studies(some, measure, one), 'study')}"
    return Text(_shown(most) + around, "best" if best else "", where)


def table(some: list[Regret]) -> Table | None:
    """Every choice of two studies or more; None where there is none."""
    rows = []
    best = {m: {w.choice for w in advised(some, m)} for m in (BOUND, FID)}
    for one in choices(some):
        figures = [_cells(some, m, one, one in best[m]) for m in (BOUND, FID)]
        if any(cell.text for cell in figures):
            rows.append((Text(target(one.target)), Text(one.loss), *figures))
    head = ("predict", "loss", "bound: bits/dim behind, at most", "FID: times the lowest, at most")
    title = "How far behind at most, as a table"
    return Table("regret", title, head, tuple(rows), CAPTION, COMMAND) if rows else None
