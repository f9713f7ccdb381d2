"""The decisions behind the claims: from the records to reproduced, not reproduced, inconclusive or no data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from threetargets.grid import FLOOR, Run, gamma_label
from threetargets.metrics.statistics import Difference, Interval, holm, page_trend, paired_t, t_interval, tost_paired
from threetargets.report import comparisons
from threetargets.report.collect import Results
from threetargets.report.comparisons import BOUND, DIFFERENT, EQUAL, FID, NO_DATA, Comparison
from threetargets.report.wording import between, cell, interval, number, p_value, signed
from threetargets.study import WEIGHTINGS

REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "not reproduced", "inconclusive"
PARAMETERS_WITHIN = 0.2
ACCURACY_MARGIN = 0.02


@dataclass(frozen=True)
class Finding:
    """A verdict, the figures that it rests on, and the runs behind them."""

    verdict: str
    figure: str = ""
    runs: str = ""


NOTHING = Finding(NO_DATA)


def _said(difference: Interval) -> str:
    return (
        f"{signed(difference)} {between(difference)}"
        if difference.half_width is not None
        else f"{signed(difference)} (one seed)"
    )


def _runs(results: Results, cells: Sequence[str]) -> str:
    return f"{', '.join(dict.fromkeys(cells))}; seeds {', '.join(map(str, results.study.seeds))}"


def _paired(results: Results, first: tuple[str, str, str, str], second: tuple[str, str, str, str]) -> Difference | None:
    """first - second, each (cell, metric, guidance, gamma), over the seeds that have both; None without any."""
    a, b = results.observe(*first).values, results.observe(*second).values
    seeds = [s for s in results.study.seeds if s in a and s in b]
    return paired_t([a[s] for s in seeds], [b[s] for s in seeds]) if seeds else None


def _greater(results: Results, differences: Sequence[Difference]) -> str:
    """Reproduced when all differences are above 0, not reproduced when any is below; Holm over all, each side."""
    alpha = results.study.comparison.alpha
    above, below = holm([d.p_greater for d in differences]), holm([d.p_less for d in differences])
    if any(p is not None and p < alpha for p in below):
        return NOT_REPRODUCED
    return REPRODUCED if all(p is not None and p < alpha for p in above) else INCONCLUSIVE


def _incomplete(verdict: str, complete: bool) -> str:
    """What is missing could have been the counter-example: without it nothing is reproduced."""
    return INCONCLUSIVE if verdict == REPRODUCED and not complete else verdict


def elbo_bound(results: Results) -> Finding:
    cells = [c for c in ("vae", "hvae") if c in results.study.cells]
    ks = [k for k in sorted(results.study.likelihood.iwae) if k > 1]
    steps, said, complete = [], [], True
    for c in cells:
        chain = [BOUND.metric, *(f"iwae_{k}_bpd" for k in ks)]
        for looser, tighter in pairwise(chain):
            step = _paired(results, (c, looser, "", ""), (c, tighter, "", ""))
            complete &= step is not None
            if step is not None:
                steps.append(step)
                names = [m.removesuffix("_bpd").replace("_", " ").replace("iwae", "IWAE") for m in (looser, tighter)]
                said.append(f"{cell(c)}, {names[0]} − {names[1]}: {_said(step.interval)}")
    if not steps:
        return NOTHING
    return Finding(
        _incomplete(_greater(results, steps), complete), "; ".join(said) + " bits/dim", _runs(results, cells)
    )


def ladder(results: Results) -> Finding:
    top = next(
        (c for c in ("ddpm_eps_elbo", "ddpm_eps_eps-equivalent", "ddpm_eps_native") if c in results.study.cells), ""
    )
    rungs = ["vae", "hvae", top]
    if not set(rungs) <= set(results.study.cells):
        return NOTHING
    pairs = [comparisons.pair(results, BOUND, b, a, "ladder") for a, b in pairwise(rungs)]
    steps = comparisons.family(results, pairs)
    if any(s.verdict == NO_DATA for s in steps):
        return NOTHING
    worse = any(s.verdict == DIFFERENT and s.better != s.a for s in steps)
    good = all(s.verdict == EQUAL or (s.verdict == DIFFERENT and s.better == s.a) for s in steps)
    sizes = [next(iter(results.observe(c, "parameters").values.values()), None) for c in rungs]
    known = [s for s in sizes if s is not None]
    level = len(known) == 3 and max(known) <= (1 + PARAMETERS_WITHIN) * min(known)
    verdict = NOT_REPRODUCED if worse else REPRODUCED if good else INCONCLUSIVE
    said = "; ".join(f"{cell(s.a)} − {cell(s.b)}: {_said(s.difference.interval)} bits/dim, {s.verdict}" for s in steps)
    said += f"; parameters {', '.join(number(s) if s is None else f'{s:,.0f}' for s in sizes)}"
    if not level:
        verdict, said = INCONCLUSIVE, said + ": not within 20%"
    return Finding(verdict, said, _runs(results, rungs))


def targets_trained(results: Results) -> Finding:
    trio = {"x0", "eps", "score"}
    found = [c for c in comparisons.targets(results, BOUND) if {Run(c.a, 0).target, Run(c.b, 0).target} <= trio]
    have = [c for c in found if c.verdict != NO_DATA]
    matched = [c for c in found if c.where != "native"]
    native = [c for c in found if c.where == "native"]
    if not any(c in have for c in matched) or not any(c in have for c in native):
        return NOTHING
    refuted = any(c.verdict == DIFFERENT for c in matched) or all(c.verdict == EQUAL for c in native)
    held = all(c.verdict == EQUAL for c in matched) and any(c.verdict == DIFFERENT for c in native)
    said = []
    for w in WEIGHTINGS:
        here = [c for c in found if c.where == w]
        counts = [
            f"{n} {v}" for v in (EQUAL, DIFFERENT, INCONCLUSIVE, NO_DATA) if (n := sum(c.verdict == v for c in here))
        ]
        sizes = [abs(c.difference.interval.mean) for c in here if c.difference.interval.mean is not None]
        if here:
            said.append(f"{w}: {', '.join(counts)}, largest difference {max(sizes, default=0.0):.4f} bits/dim")
    verdict = NOT_REPRODUCED if refuted else REPRODUCED if held else INCONCLUSIVE
    return Finding(verdict, "; ".join(said), _runs(results, [x for c in found for x in (c.a, c.b)]))


def _one(c: Comparison, wanted: str) -> str:
    if c.verdict == EQUAL or (c.verdict == DIFFERENT and c.better != wanted):
        return NOT_REPRODUCED
    return REPRODUCED if c.verdict == DIFFERENT else INCONCLUSIVE


def _compared(c: Comparison) -> str:
    unit = f" {c.measure.unit}" if c.measure.unit else ""
    return f"{c.measure.label}, {cell(c.a)} − {cell(c.b)}: {_said(c.difference.interval)}{unit}, {c.verdict}"


def eps_over_x0(results: Results, weighting: str) -> Finding:
    names = [f"ddpm_{t}_{weighting}" for t in ("eps", "x0")]
    fid = comparisons.find(comparisons.targets(results, FID), *names)
    if fid is None or fid.verdict == NO_DATA:
        return NOTHING
    bound = comparisons.find(comparisons.targets(results, BOUND), *names)
    beside = f". Beside it, {_compared(bound)}" if bound is not None and bound.verdict != NO_DATA else ""
    return Finding(_one(fid, names[0]), _compared(fid) + beside, _runs(results, names))


def simple_over_elbo(results: Results) -> Finding:
    simple, elbo = "ddpm_eps_eps-equivalent", "ddpm_eps_elbo"
    fid = comparisons.find(comparisons.weightings(results, FID), simple, elbo)
    bound = comparisons.find(comparisons.weightings(results, BOUND), simple, elbo)
    if fid is None or bound is None or NO_DATA in (fid.verdict, bound.verdict):
        return NOTHING
    halves = [_one(fid, simple), _one(bound, elbo)]
    verdict = NOT_REPRODUCED if NOT_REPRODUCED in halves else INCONCLUSIVE if INCONCLUSIVE in halves else REPRODUCED
    return Finding(verdict, f"{_compared(fid)}; {_compared(bound)}", _runs(results, [simple, elbo]))


def _curves(results: Results, metric: str, kinds: Sequence[str]) -> list[tuple[str, str, np.ndarray | None]]:
    """(cell, guidance, values (seeds, gammas in rising order) of the seeds that are whole, or None)."""
    gammas = [gamma_label(g) for g in sorted(results.study.guidance.gammas)]
    found: list[tuple[str, str, np.ndarray | None]] = []
    for guidance in kinds:
        for c in results.study.guidance.cells:
            seen = [results.observe(c, metric, guidance, g).values for g in gammas]
            seeds = [s for s in results.study.seeds if all(s in values for values in seen)]
            found.append((c, guidance, np.array([[values[s] for values in seen] for s in seeds]) if seeds else None))
    return found


def guidance_clear(results: Results) -> Finding:
    alpha, kinds = results.study.comparison.alpha, results.study.guidance.kinds
    along, against, said, complete = [], [], [], True
    for metric, rises in (("accuracy", True), ("entropy", False), ("recall", False)):
        rhos = []
        for _, _, values in _curves(results, metric, kinds):
            complete &= values is not None
            if values is not None:
                trend = page_trend(values, rises)
                along.append(trend.p)
                against.append(page_trend(values, not rises).p)
                rhos.append(trend.rho)
        known = [r for r in rhos if r is not None]
        if known:
            said.append(
                f"{metric}: Spearman's ρ with γ from {number(min(known), 2)} to {number(max(known), 2)} over "
                f"{len(known)} curves"
            )
    if not along:
        return NOTHING
    held, refuted = holm(along), holm(against)
    if any(p is not None and p < alpha for p in refuted):
        verdict = NOT_REPRODUCED
    else:
        verdict = REPRODUCED if all(p is not None and p < alpha for p in held) else INCONCLUSIVE
    known_p = [p for p in held if p is not None]
    said.append(f"largest p, Holm over {len(known_p)}: {p_value(max(known_p, default=None))}")
    return Finding(_incomplete(verdict, complete), "; ".join(said), _runs(results, results.study.guidance.cells))


def guidance_u(results: Results) -> Finding:
    gammas = np.array(sorted(results.study.guidance.gammas))
    inside = (gammas >= 1) & (gammas <= 2)
    if not inside.any() or inside.all() or inside[-1]:
        return NOTHING
    differences, said, complete = [], [], True
    for c, guidance, values in _curves(results, "fid", results.study.guidance.kinds):
        complete &= values is not None
        if values is None:
            continue
        within = values[:, inside].min(axis=1)
        outside, last = paired_t(values[:, ~inside].min(axis=1), within), paired_t(values[:, -1], within)
        differences += [outside, last]
        lowest = gamma_label(float(gammas[values.mean(axis=0).argmin()]))
        said.append(
            f"{cell(c)}, {guidance}: lowest mean FID at γ = {lowest}, outside − inside {_said(outside.interval)}"
        )
    if not differences:
        return NOTHING
    return Finding(
        _incomplete(_greater(results, differences), complete),
        "; ".join(said),
        _runs(results, results.study.guidance.cells),
    )


def ignore_label(results: Results) -> Finding:
    study = results.study
    above = sorted(g for g in study.guidance.gammas if g > 1)
    if "classifier-free" not in study.guidance.kinds or 1.0 not in study.guidance.gammas or not above:
        return NOTHING
    short, repaired, equal, said, complete = [], [], [], [], True
    for c in study.guidance.cells:
        at = {g: (c, "accuracy", "classifier-free", gamma_label(g)) for g in (1.0, above[0])}
        gap = _paired(results, (FLOOR, "accuracy", "", ""), at[1.0])
        gain = _paired(results, at[above[0]], at[1.0])
        complete &= gap is not None and gain is not None
        if gap is None or gain is None:
            continue
        short.append(gap)
        repaired.append(gain)
        model, real = results.observe(*at[1.0]).values, results.observe(FLOOR, "accuracy").values
        seeds = [s for s in study.seeds if s in model and s in real]
        equal.append(
            tost_paired(
                [model[s] for s in seeds], [real[s] for s in seeds], ACCURACY_MARGIN, study.comparison.alpha
            ).equivalent
        )
        said.append(
            f"{cell(c)}: {interval(t_interval(list(model.values())))} at γ = 1, real images {_said(gap.interval)} "
            f"above it, "
            f"γ = {gamma_label(above[0])} {_said(gain.interval)}"
        )
    if not said:
        return NOTHING
    verdict = _greater(results, [*short, *repaired])
    lowered = _greater(results, repaired) == NOT_REPRODUCED
    if verdict != REPRODUCED:
        verdict = NOT_REPRODUCED if all(equal) or lowered else INCONCLUSIVE
    return Finding(_incomplete(verdict, complete), "; ".join(said), _runs(results, study.guidance.cells))
