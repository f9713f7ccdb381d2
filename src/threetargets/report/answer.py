"""The answer first: which target, at what cost, how sure; every sentence is built from the
numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from threetargets.metrics.statistics import t_interval
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import Run
from threetargets.report import autoencoders, comparisons
from threetargets.report.captions import floor_said
from threetargets.report.collect import Place, Results, places
from threetargets.report.comparisons import (
    BOUND,
    DIFFERENT,
    EQUAL,
    FID,
    INCONCLUSIVE,
    NO_DATA,
    Comparison,
    Measure,
    alike,
)
from threetargets.report.wording import (
    between,
    cell,
    count,
    interval,
    labels,
    listing,
    number,
    of,
    p_value,
    signed,
    target,
)
from threetargets.study.values import WEIGHTINGS


@dataclass(frozen=True)
class Tile:
    label: str
    value: str
    name: str
    note: str


@dataclass(frozen=True)
class Answer:
    """What stands in the first screen: two figures, the sentences, and what failed or is
    missing."""

    headline: str
    tiles: tuple[Tile, ...]
    sentences: tuple[str, ...]
    holes: tuple[str, ...]


def _against(results: Results, measure: Measure) -> tuple[str, str]:
    """The best cell and how it stands to the others."""
    winner, others = comparisons.best(results, measure)
    if not winner:
        return "", ""
    twins = [cell(c.b) for c in others if c.identical]
    parts = [f"is the same as {listing(twins)}"] if twins else []
    for verdict, words in (
        (EQUAL, "ties with"),
        (DIFFERENT, "is better than"),
        (INCONCLUSIVE, "is undecided against"),
    ):
        names = []
        for c in others:
            if c.verdict == verdict and not c.identical and c.repeats is None:
                again = [d.b for d in others if d.repeats == (c.a, c.b, c.where)]
                names.append(" = ".join(cell(x) for x in (c.b, *again)))
        if names:
            said = listing(names) if len(names) <= 4 else f"{len(names)} other models"
            if 1 < len(names) == sum(not c.identical and c.repeats is None for c in others):
                said = f"all {len(names)} other models"
            parts.append(f"{words} {said}")
    return winner, "; ".join(parts)


def _tile(results: Results, measure: Measure) -> Tile:
    measure = comparisons.in_unit(results, measure)
    winner, standing = _against(results, measure)
    label = f"lowest {measure.label}" + (f", {measure.unit}" if measure.unit else "")
    if measure.metric == FID.metric and any(map(comparisons.is_ddpm, results.study.cells)):
        label += " of the diffusion models"
    if not winner:
        return Tile(label, "–", "no model has one", "")
    note = (
        f"{standing}; picked on these same figures" if standing else "picked on these same figures"
    )
    return Tile(label, interval(comparisons.summary(results, winner, measure)), cell(winner), note)


def _targets(found: Sequence[Comparison], measure: Measure, weighting: str) -> str:
    """One sentence on the pairs among x0, eps and score at one weighting; one finding is told
    once."""
    trio = ("x0", "eps", "score")
    every = [
        c
        for c in found
        if c.where == weighting and {Run(c.a, 0).target, Run(c.b, 0).target} <= set(trio)
    ]
    here = [c for c in every if not c.identical and c.repeats is None]
    if not here:
        return ""
    same = {Run(c.b, 0).target: Run(c.a, 0).target for c in every if c.identical}

    def named(name: str) -> str:
        return f"{target(name)} (= {target(same[name])})" if name in same else target(name)

    unit = f" {here[0].measure.unit}" if here[0].measure.unit else ""
    name = f"{measure.label[0].upper()}{measure.label[1:]}"
    if all(c.verdict == EQUAL for c in here):
        widest = max(here, key=lambda c: abs(c.difference.interval.mean or 0.0)).difference.interval
        names = [
            named(t)
            for t in trio
            if any(t in (Run(c.a, 0).target, Run(c.b, 0).target) for c in here)
        ]
        return (
            f"{name} at {weighting} weighting: {listing(names)} tie "
            f"({'largest ' if len(here) > 1 else ''}difference {signed(widest)} "
            f"{between(widest)}{unit})."
        )
    groups = []
    for verdict in (DIFFERENT, EQUAL, INCONCLUSIVE, NO_DATA):
        said = []
        for c in (c for c in here if c.verdict == verdict):
            a, b = named(Run(c.a, 0).target), named(Run(c.b, 0).target)
            size = (
                f"{between(c.difference.interval)}{unit}"
                if c.difference.interval.low is not None
                else "one seed"
            )
            if verdict == DIFFERENT:
                first, second = (a, b) if c.better == c.a else (b, a)
                lead = abs(c.difference.interval.mean or 0.0)
                said.append(f"{first} beats {second} by {number(lead)}{unit}")
            elif verdict == EQUAL:
                said.append(f"{a} and {b} tie ({size})")
            else:
                said.append(
                    f"{a} against {b} is undecided ({size}, corrected p {p_value(c.p_holm)})"
                    if verdict == INCONCLUSIVE
                    else f"{a} against {b} has no data"
                )
        if said:
            groups.append(", ".join(said))
    return f"{name} at {weighting} weighting: {'; '.join(groups)}."


def _one_model(results: Results) -> str:
    """Which ties are no findings."""
    cells = set(results.study.cells)
    if not any(
        {f"ddpm_{t}_{w}" for t in ("eps", "score")} <= cells for w in ("eps-equivalent", "elbo")
    ):
        return ""
    return (
        "ε and score are one model by construction at eps-equivalent and elbo weighting (the "
        "output is scaled by 1/s): only pairs with x₀ and raw score are findings there."
    )


def _headline(results: Results) -> str:
    """Does the target matter? Read at matched and at native weighting."""
    found = comparisons.targets(results, BOUND)
    trio = {"x0", "eps", "score"}
    where: dict[str, list[str]] = {"tie at": [], "differ at": [], "are undecided at": []}
    for weighting in WEIGHTINGS:
        here = [
            c
            for c in found
            if c.where == weighting and {Run(c.a, 0).target, Run(c.b, 0).target} <= trio
        ]
        verdicts = {c.verdict for c in here if not c.identical}
        if verdicts:
            words = (
                "tie at"
                if verdicts == {EQUAL}
                else "differ at"
                if DIFFERENT in verdicts
                else "are undecided at"
            )
            where[words].append(weighting)
    said = [
        f"{words} {listing(weightings)} weighting"
        for words, weightings in where.items()
        if weightings
    ]
    return (
        f"By the bound, the targets x₀, ε and score {listing(said)}."
        if said
        else "Which model, at what cost, how sure."
    )


def _cost(results: Results) -> str:
    cells = [c for c in results.study.cells if comparisons.is_ddpm(c)] or list(results.study.cells)
    seconds = {
        c: t_interval(list(results.observe(c, "train_seconds").values.values())).mean for c in cells
    }
    sizes = sorted({v for c in cells for v in results.observe(c, "parameters").values.values()})
    known = {c: s for c, s in seconds.items() if s is not None}
    if not known or not sizes:
        return ""
    low, high = min(known.values()), max(known.values())
    parameters = (
        f"{count(sizes[0])} parameters"
        if len(sizes) == 1
        else f"{count(sizes[0])} to {count(sizes[-1])} parameters"
    )
    kind = "A diffusion model" if comparisons.is_ddpm(cells[0]) else "A model"
    return (
        f"Cost: {kind.lower()} of {parameters} trains in {number(low, 2)} to {number(high, 2)} s."
    )


def _guidance(results: Results) -> str:
    """The gamma of the lowest mean FID, for each kind of guidance and cell."""
    said, names = [], labels(results.study.guidance.cells)
    for guidance in results.study.guidance.kinds:
        found: list[
            tuple[list[str], dict[str, float]]
        ] = []  # cells with the same means, as twins have, are one
        for name in results.study.guidance.cells:
            means: dict[str, float] = {}
            for g in jobs.gammas(results.study, guidance):
                seen = results.observe(name, "fid", guidance, g)
                if seen.values:
                    means[g] = sum(seen.values.values()) / len(seen.values)
            same = [
                n
                for n, m in found
                if m.keys() == means.keys() and all(alike(m[g], means[g]) for g in m)
            ]
            if same:
                same[0].append(names[name])
            elif means:
                found.append(([names[name]], means))
        lowest = [f"{min(m, key=m.__getitem__)} for {' = '.join(n)}" for n, m in found]
        if lowest:
            said.append(f"{listing(lowest)} with {guidance} guidance")
    return (
        f"Guidance: mean FID is lowest at γ = {'; at γ = '.join(said)} (picked on these same "
        "figures)."
        if said
        else ""
    )


def _sure(results: Results) -> str:
    seeds, comparison = len(results.study.seeds), results.study.comparison
    fid = f", or {comparison.fid_margin:.0%} of FID" if results.study.evaluation.extractors else ""
    if seeds == 1:
        return (
            "How sure: one seed, so there is no interval and nothing is called a tie or a "
            "difference."
        )
    return (
        f"How sure: {seeds} seeds for each model; intervals are 95% t intervals over seeds. A "
        f"tie is an equivalence test within {number(comparison.bound_margin, 2)} "
        f"{results.unit.name}{fid}; family-wise error {comparison.alpha:g} (Holm). One data "
        f"set, {results.manifest.get('name', results.study.data.name)}"
        f"{', one network size' if any(map(comparisons.is_ddpm, results.study.cells)) else ''}."
    )


def _name(place: Place) -> str:
    return (
        f"{place.stage} ({place.guidance})" if place.guidance not in ("", "none") else place.stage
    )


def holes(results: Results) -> list[str]:
    """What failed, with its reason, and what is missing; a failed run is named once."""
    failed: dict[Run, str] = {}
    missing: dict[Run, list[str]] = {}
    for place in places(results.study):
        status, record = results.status(place), results.records.get(place)
        if status == "failed" and place.run not in failed:
            reason = record.reason.strip().rstrip(".") if record else ""
            failed[place.run] = f"failed in {place.stage}{': ' + reason if reason else ''}."
        elif status == "missing":
            missing.setdefault(place.run, []).append(_name(place))
    said = [f"{cell(run.cell)}, seed {run.seed}: {what}" for run, what in failed.items()]
    said += [
        f"{cell(run.cell)}, seed {run.seed}: missing {listing(what)}."
        for run, what in missing.items()
    ]
    if results.calibration is None:
        said.append("Calibration: missing; the claims that it decides have no data.")
    elif results.calibration.disagreements:
        said.append(
            f"Calibration: {listing(results.calibration.disagreements)} disagrees with what is "
            "known."
        )
    return said


def answer(results: Results) -> Answer:
    """The first screen."""
    tiles = [_tile(results, BOUND)]
    if results.study.evaluation.extractors:
        size = f"N = {results.study.sampling.images}"
        real = (
            "FID of real images (floor)",
            floor_said(results, "fid"),
            size,
            "the same N of training images",
        )
        tiles += [_tile(results, FID), Tile(*real)]
    bound = comparisons.targets(results, BOUND)
    fid = comparisons.targets(results, FID) if results.study.evaluation.extractors else []
    sentences = [_targets(bound, BOUND, w) for w in WEIGHTINGS]
    sentences += [_targets(fid, FID, w) for w in WEIGHTINGS]
    sentences += [
        _one_model(results),
        _guidance(results),
        *autoencoders.sentences(results),
        _cost(results),
    ]
    sentences.append(_sure(results))
    found = holes(results)
    if not found:
        sentences.append(
            "Nothing failed and nothing is missing: "
            f"{of(len(list(places(results.study))), 'record')} read."
        )
    return Answer(_headline(results), tuple(tiles), tuple(s for s in sentences if s), tuple(found))
