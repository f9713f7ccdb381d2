"""The decisions behind the claims: from the records to reproduced, not reproduced, inconclusive or
no data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from threetargets.metrics.statistics import Difference, Interval, holm, paired_t
from threetargets.pipeline.cells import Run
from threetargets.report import comparisons
from threetargets.report.captions import null_branch
from threetargets.report.collect import Results
from threetargets.report.comparisons import BOUND, DIFFERENT, EQUAL, FID, NO_DATA, Comparison
from threetargets.report.wording import between, cell, number, signed
from threetargets.study.values import WEIGHTINGS

REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "not reproduced", "inconclusive"
PARAMETERS_WITHIN = 0.2


@dataclass(frozen=True)
class Finding:
    """A verdict, the figures that it rests on, and the runs behind them."""

    verdict: str
    figure: str = ""
    runs: str = ""


NOTHING = Finding(NO_DATA)


def written(difference: Interval) -> str:
    return (
        f"{signed(difference)} {between(difference)}"
        if difference.half_width is not None
        else f"{signed(difference)} (one seed)"
    )


def runs(results: Results, cells: Sequence[str]) -> str:
    return f"{', '.join(dict.fromkeys(cells))}; seeds {', '.join(map(str, results.study.seeds))}"


def differing(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Paired t of first - second; exactly 0 where the two are the same to 1e-6 of their size in
    every seed."""
    same = all(comparisons.alike(a, b) for a, b in zip(first, second, strict=True))
    return paired_t(first, first if same else second)


def paired(
    results: Results, first: tuple[str, str, str, str], second: tuple[str, str, str, str]
) -> Difference | None:
    """first - second, each (cell, metric, guidance, gamma), over the seeds that have both; None
    without any."""
    a, b = results.observe(*first).values, results.observe(*second).values
    seeds = [s for s in results.study.seeds if s in a and s in b]
    return differing([a[s] for s in seeds], [b[s] for s in seeds]) if seeds else None


def greater(results: Results, differences: Sequence[Difference]) -> str:
    """Reproduced when all differences are above 0, not reproduced when any is below; Holm over each
    side.

    A difference that is 0 in every seed keeps it open, and does not count towards the family.
    """
    alpha = results.study.comparison.alpha
    differ = [
        d for d in differences if d.interval.mean != 0 or d.interval.sd != 0
    ]  # no difference is no evidence
    above, below = holm([d.p_greater for d in differ]), holm([d.p_less for d in differ])
    if any(p is not None and p < alpha for p in below):
        return NOT_REPRODUCED
    held = len(differ) == len(differences) and all(p is not None and p < alpha for p in above)
    return REPRODUCED if held else INCONCLUSIVE


def incomplete(verdict: str, complete: bool) -> str:
    """What is missing could have been the counter-example: without it nothing is reproduced."""
    return INCONCLUSIVE if verdict == REPRODUCED and not complete else verdict


def elbo_bound(results: Results) -> Finding:
    cells, chosen = results.study.autoencoders, results.study.likelihood
    ks = [k for k in sorted(chosen.iwae) if k > (min(chosen.iwae) if chosen.iwae_images else 1)]
    # All on the same images: with importance samples for some of them alone, the chain starts at
    # the smallest k.
    first = f"iwae_{min(chosen.iwae)}" if chosen.iwae_images else BOUND.metric
    steps, said, complete = [], [], True
    for c in cells:
        chain = [first, *(f"iwae_{k}" for k in ks)]
        for looser, tighter in pairwise(chain):
            step = paired(results, (c, looser, "", ""), (c, tighter, "", ""))
            complete &= step is not None
            if step is not None:
                steps.append(step)
                names = [m.replace("_", " ").replace("iwae", "IWAE") for m in (looser, tighter)]
                said.append(f"{cell(c)}, {names[0]} − {names[1]}: {written(step.interval)}")
    if not steps:
        return NOTHING
    return Finding(
        incomplete(greater(results, steps), complete),
        "; ".join(said) + f" {results.unit.name}",
        runs(results, cells),
    )


def ladder(results: Results) -> Finding:
    top = next(
        (
            c
            for c in ("ddpm_eps_elbo", "ddpm_eps_eps-equivalent", "ddpm_eps_native")
            if c in results.study.cells
        ),
        "",
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
    said = "; ".join(
        f"{cell(s.a)} − {cell(s.b)}: {written(s.difference.interval)} {results.unit.name}, "
        f"{s.verdict}"
        for s in steps
    )
    said += f"; parameters {', '.join(number(s) if s is None else f'{s:,.0f}' for s in sizes)}"
    said += f"; the diffusion model {null_branch(results)}"
    if not level:
        verdict, said = INCONCLUSIVE, said + "; parameters not within 20%"
    return Finding(verdict, said, runs(results, rungs))


def targets_trained(results: Results) -> Finding:
    trio = {"x0", "eps", "score"}
    found = [
        c
        for c in comparisons.targets(results, BOUND)
        if {Run(c.a, 0).target, Run(c.b, 0).target} <= trio
    ]
    have = [c for c in found if c.verdict != NO_DATA]
    matched = [c for c in found if c.where != "native" and not c.identical]
    native = [c for c in found if c.where == "native" and not c.identical]
    if not any(c in have for c in matched) or not any(c in have for c in native):
        return NOTHING
    refuted = any(c.verdict == DIFFERENT for c in matched) or all(
        c.verdict == EQUAL for c in native
    )
    held = all(c.verdict == EQUAL for c in matched) and any(c.verdict == DIFFERENT for c in native)
    said = []
    for w in WEIGHTINGS:
        here = [c for c in found if c.where == w]
        told = [c for c in here if not c.identical and c.repeats is None]
        counts = [
            f"{n} {v}"
            for v in (EQUAL, DIFFERENT, INCONCLUSIVE, NO_DATA)
            if (n := sum(c.verdict == v for c in told))
        ]
        counts += [f"{n} identical" for n in [sum(c.identical for c in here)] if n]
        counts += [
            f"{n} the same as another" for n in [sum(c.repeats is not None for c in here)] if n
        ]
        sizes = [
            abs(c.difference.interval.mean) for c in here if c.difference.interval.mean is not None
        ]
        if here:
            said.append(
                f"{w}: {', '.join(counts)}, largest difference {max(sizes, default=0.0):.4f} "
                f"{results.unit.name}"
            )
    verdict = NOT_REPRODUCED if refuted else REPRODUCED if held else INCONCLUSIVE
    return Finding(verdict, "; ".join(said), runs(results, [x for c in found for x in (c.a, c.b)]))


def _one(c: Comparison, wanted: str) -> str:
    if c.verdict == EQUAL or (c.verdict == DIFFERENT and c.better != wanted):
        return NOT_REPRODUCED
    return REPRODUCED if c.verdict == DIFFERENT else INCONCLUSIVE


def _compared(c: Comparison) -> str:
    unit = f" {c.measure.unit}" if c.measure.unit else ""
    return (
        f"{c.measure.label}, {cell(c.a)} − {cell(c.b)}: "
        f"{written(c.difference.interval)}{unit}, {c.verdict}"
    )


def eps_over_x0(results: Results, weighting: str) -> Finding:
    names = [f"ddpm_{t}_{weighting}" for t in ("eps", "x0")]
    fid = comparisons.find(comparisons.targets(results, FID), *names)
    if fid is None or fid.verdict == NO_DATA:
        return NOTHING
    bound = comparisons.find(comparisons.targets(results, BOUND), *names)
    beside = (
        f". Beside it, {_compared(bound)}" if bound is not None and bound.verdict != NO_DATA else ""
    )
    return Finding(_one(fid, names[0]), _compared(fid) + beside, runs(results, names))


def simple_over_elbo(results: Results) -> Finding:
    simple, elbo = "ddpm_eps_eps-equivalent", "ddpm_eps_elbo"
    fid = comparisons.find(comparisons.weightings(results, FID), simple, elbo)
    bound = comparisons.find(comparisons.weightings(results, BOUND), simple, elbo)
    if fid is None or bound is None or NO_DATA in (fid.verdict, bound.verdict):
        return NOTHING
    halves = [_one(fid, simple), _one(bound, elbo)]
    verdict = (
        NOT_REPRODUCED
        if NOT_REPRODUCED in halves
        else INCONCLUSIVE
        if INCONCLUSIVE in halves
        else REPRODUCED
    )
    return Finding(verdict, f"{_compared(fid)}; {_compared(bound)}", runs(results, [simple, elbo]))
