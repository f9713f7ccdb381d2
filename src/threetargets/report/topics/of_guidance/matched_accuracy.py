"""Kinds of guidance at one accuracy: FID where each is as accurate as classifier-free guidance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from threetargets.families.cell import Cell
from threetargets.metrics.statistics import t_interval
from threetargets.pipeline.cells import gamma_label
from threetargets.report.parts.captions import commands, context, spread
from threetargets.report.parts.verdicts import differing, written
from threetargets.report.parts.wording import Table, Text, interval, labels, number
from threetargets.report.reading.collect import Results

REFERENCE, AT = "classifier-free", 1.5
"""The kind that others are matched to, and the gamma at which it is."""
LEVELS = (0.9, 0.95)
"""Accuracies at which all kinds are compared besides: near 1 most never are."""


def reached(
    gammas: Sequence[float], accuracy: Sequence[float], fid: Sequence[float], wanted: float
) -> tuple[float, float] | None:
    """The smallest gamma at which the line through the accuracies has the value `wanted`, and FID's
    line there; None where it never has. Gammas rise."""
    for k, (gamma, here) in enumerate(zip(gammas, accuracy, strict=True)):
        if here == wanted:
            return gamma, fid[k]
        if k + 1 < len(gammas) and (here - wanted) * (accuracy[k + 1] - wanted) < 0:
            share = (wanted - here) / (accuracy[k + 1] - here)
            there = gamma + share * (gammas[k + 1] - gamma)
            return there, fid[k] + share * (fid[k + 1] - fid[k])
    return None


@dataclass(frozen=True)
class Matched:
    """A kind at the accuracies that another has, by seed: (gamma, FID), the seeds without such a
    gamma, and the lowest and highest mean accuracy along gamma."""

    guidance: str
    at: dict[int, tuple[float, float]]
    without: tuple[int, ...]
    missing: tuple[int, ...]
    accuracies: tuple[float, float]

    @property
    def whole(self) -> bool:
        return bool(self.at) and not self.without


def _along(results: Results, cell: Cell, metric: str, guidance: str) -> dict[int, list[float]]:
    """By seed the values at every gamma, rising, of the seeds that have all."""
    gammas = sorted(results.study.guidance.gammas)
    seen = [results.observe(cell, metric, guidance, gamma_label(g)).values for g in gammas]
    seeds = (s for s in results.study.seeds if all(s in values for values in seen))
    return {s: [values[s] for values in seen] for s in seeds}


def matched(results: Results, cell: Cell, guidance: str, gamma: float) -> Matched:
    """A kind of guidance at the accuracies that classifier-free guidance has at `gamma`. That kind
    itself is at this gamma, whether or not a smaller one is as accurate."""
    place = sorted(results.study.guidance.gammas).index(gamma)
    known = _along(results, cell, "accuracy", REFERENCE)
    wanted = {seed: values[place] for seed, values in known.items()}
    one = reaching(results, cell, guidance, wanted)
    if guidance != REFERENCE:
        return one
    fids = _along(results, cell, "fid", guidance)
    itself = {seed: (gamma, fids[seed][place]) for seed in wanted if seed in fids}
    return replace(one, at=itself, without=())


def reaching(results: Results, cell: Cell, guidance: str, wanted: dict[int, float]) -> Matched:
    """A kind of guidance where it has, seed by seed, these accuracies."""
    gammas = sorted(results.study.guidance.gammas)
    accuracy, fid = (_along(results, cell, metric, guidance) for metric in ("accuracy", "fid"))
    at, without = dict[int, tuple[float, float]](), list[int]()
    for seed in (s for s in wanted if s in accuracy and s in fid):
        one = reached(gammas, accuracy[seed], fid[seed], wanted[seed])
        if one is None:
            without.append(seed)
        else:
            at[seed] = one
    means = [sum(some) / len(some) for some in zip(*accuracy.values(), strict=True)] or [0.0]
    missing = tuple(s for s in results.study.seeds if s not in at and s not in without)
    return Matched(guidance, at, tuple(without), missing, (min(means), max(means)))


def meetings(results: Results, cell: Cell) -> Iterator[tuple[str, float, list[Matched]]]:
    """Where kinds are compared, in words, the accuracy there, and every kind at it: that of
    classifier-free guidance at the gamma nearest to AT, and those of LEVELS that it reaches in
    every seed and another kind too. Not gamma = 0 or 1, where most kinds are the model itself; of
    two as near the larger one."""
    guidance = results.study.guidance
    nearest = sorted(guidance.gammas, key=lambda g: (abs(g - AT), -g))
    for gamma in [g for g in nearest if g not in (0, 1)][:1]:
        seen = results.observe(cell, "accuracy", REFERENCE, gamma_label(gamma)).values
        if seen:
            wanted = sum(seen.values()) / len(seen)
            kinds = [matched(results, cell, kind, gamma) for kind in guidance.kinds]
            yield f"{number(wanted)}, at γ = {gamma_label(gamma)}", wanted, kinds
    for level in LEVELS:
        each = dict.fromkeys(results.study.seeds, level)
        kinds = [reaching(results, cell, kind, each) for kind in guidance.kinds]
        whole = [one.guidance for one in kinds if one.whole]
        if REFERENCE in whole and len(whole) > 1:
            yield f"{level:g}", level, kinds


def _row(one: Matched, reference: Matched, wanted: float) -> tuple[Text, Text, Text]:
    """gamma, FID and the difference; or why there is none."""
    low, high = one.accuracies
    if not one.whole:
        seeds = len(one.at) + len(one.without)
        why = f"reaches it in {len(one.at)} of {seeds} seeds"
        if not one.at:
            beyond = f"highest {number(high)}" if high < wanted else f"lowest {number(low)}"
            why = f"never reaches it: mean accuracy {beyond}" if seeds else "no data"
        return Text("–"), Text(why, "missing"), Text("–")
    gammas, fids = zip(*one.at.values(), strict=True)
    note = f"{len(fids)} of {len(fids) + len(one.missing)} seeds" if one.missing else ""
    mean = Text(number(sum(gammas) / len(gammas)), "holes" if note else "", note)
    if one.guidance == REFERENCE:
        return mean, Text(interval(t_interval(fids))), Text("–")
    both = [s for s in one.at if s in reference.at]
    less = differing([one.at[s][1] for s in both], [reference.at[s][1] for s in both])
    return mean, Text(interval(t_interval(fids))), Text(written(less.interval))


CAPTION = (
    "Each kind at the smallest γ at which it has the accuracy of the second column, or that of "
    "classifier-free guidance at the γ there, seed by seed; the last column is paired by seed, "
    "with its 95% t interval. Accuracy and FID are straight lines between the γ of the study, "
    "which overstates FID between two of them where its curve is convex. {spread}. {context}."
)


def table(results: Results) -> Table | None:
    """None without a second kind to match, or without one of the two metrics."""
    guidance, rows = results.study.guidance, list[tuple[Text, ...]]()
    asked = {"fid", "accuracy"} <= {*results.study.evaluation.measured}
    if REFERENCE not in guidance.kinds or len(guidance.kinds) < 2 or not asked:
        return None
    names = labels(guidance.cells)
    for cell in guidance.cells:
        for where, wanted, kinds in meetings(results, cell):
            (reference,) = [one for one in kinds if one.guidance == REFERENCE]
            rows += [
                (Text(names[cell]), Text(where), Text(one.guidance), *_row(one, reference, wanted))
                for one in sorted(kinds, key=lambda one: one.guidance != REFERENCE)
            ]
    if not rows:
        return None
    head = ("model", "accuracy", "guidance", "its γ", "FID", "less classifier-free")
    first_gamma = gamma_label(guidance.gammas[0])
    caption = CAPTION.format(
        spread=spread(results), context=context(results, "fid", REFERENCE, first_gamma)
    )
    made = commands(results, "sample", "evaluate")
    title = "FID at matched accuracy"
    return Table("matched-accuracy", title, head, tuple(rows), caption, made, frozenset({3, 4, 5}))
