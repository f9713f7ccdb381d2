"""The claims that trained models decide by other estimators: more steps, the bound's other form, gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from threetargets.metrics.statistics import Difference, holm, page_trend, paired_t, tost_paired
from threetargets.report.collect import Results
from threetargets.report.comparisons import alike
from threetargets.report.routes import DIFFERENCE, GRADIENTS, ONE, TWO, ddpms
from threetargets.report.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    greater,
    incomplete,
    runs,
    written,
)
from threetargets.report.wording import cell, number, p_value


def distinct(results: Results, cells: Sequence[str], metrics: Sequence[str]) -> tuple[dict[str, np.ndarray], bool]:
    """(seeds, metrics) of each cell that has all of them in some seed, leaving out cells that repeat another; and
    whether every cell has them in every seed."""
    found: dict[str, np.ndarray] = {}
    complete = True
    for c in cells:
        seen = [results.observe(c, m).values for m in metrics]
        seeds = [s for s in results.study.seeds if all(s in values for values in seen)]
        complete &= len(seeds) == len(results.study.seeds)
        block = np.array([[values[s] for values in seen] for s in seeds])
        if seeds and not any(_same(block, other) for other in found.values()):
            found[c] = block
    return found, complete


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and all(alike(float(x), float(y)) for x, y in zip(a.flat, b.flat, strict=True))


def schedule(results: Results) -> Finding:
    steps, comparison = sorted(results.study.likelihood.lengths.steps), results.study.comparison
    if len(steps) < 3:
        return NOTHING
    found, complete = distinct(results, ddpms(results), [f"bound_T{t}_bpd" for t in steps])
    if not found:
        return NOTHING
    blocks = list(found.values())
    falls = holm([page_trend(b, increasing=False).p for b in blocks])
    rises = holm([page_trend(b, increasing=True).p for b in blocks])
    last = [tost_paired(b[:, -2].tolist(), b[:, -1].tolist(), comparison.bound_margin_bpd) for b in blocks]
    equal = holm([e.p for e in last])
    if any(p is not None and p < comparison.alpha for p in rises):
        verdict = NOT_REPRODUCED
    else:
        held = all(p is not None and p < comparison.alpha for p in [*falls, *equal])
        verdict = REPRODUCED if held else INCONCLUSIVE
    first = [float((b[:, 0] - b[:, -1]).mean()) for b in blocks]
    end = [float((b[:, -2] - b[:, -1]).mean()) for b in blocks]
    said = (
        f"from T = {steps[0]} to {steps[-1]} the bound falls by {number(min(first))} to {number(max(first))} bits/dim "
        f"over {len(blocks)} different models; from {steps[-2]} to {steps[-1]} by {number(min(end), 2)} to "
        f"{number(max(end), 2)}; largest p, Holm: falls {p_value(_largest(falls))}, equal at the end "
        f"{p_value(_largest(equal))}"
    )
    return Finding(incomplete(verdict, complete), said, runs(results, list(found)))


def _largest(p_values: Sequence[float | None]) -> float | None:
    return max((p for p in p_values if p is not None), default=None)


def two_elbos(results: Results) -> Finding:
    found, complete = distinct(results, ddpms(results), [DIFFERENCE, ONE, TWO])
    if not found:
        return NOTHING
    more = [paired_t(np.log(b[:, 2]), np.log(b[:, 1])) for b in found.values()]
    means = [paired_t(b[:, 0], np.zeros(len(b))) for b in found.values()]
    verdict = greater(results, more)
    unequal = holm([d.p for d in means])
    if any(p is not None and p < results.study.comparison.alpha for p in unequal):
        verdict = NOT_REPRODUCED
    ratios = [math.exp(d.interval.mean or 0.0) for d in more]
    widest = max(means, key=lambda d: d.interval.half_width or 0.0)
    said = (
        f"variance two-sided / one-sided {number(min(ratios))} to {number(max(ratios))} over {len(found)} different "
        f"models; widest difference of means {written(widest.interval)} bits/dim; smallest p of a difference, Holm: "
        f"{p_value(min((p for p in unequal if p is not None), default=None))}"
    )
    return Finding(incomplete(verdict, complete), said, runs(results, list(found)))


def gradient_variance(results: Results) -> Finding:
    if "vae" not in results.study.cells:
        return NOTHING
    found, complete = distinct(results, ["vae"], list(GRADIENTS))
    if not found:
        return NOTHING
    logs = np.log(found["vae"])
    ratios: list[Difference] = [paired_t(column, np.zeros(len(column))) for column in logs.T]
    said = "; ".join(
        f"{name}: {number(math.exp(d.interval.mean or 0.0))} times the reparameterised one's variance"
        for name, d in zip(GRADIENTS.values(), ratios, strict=True)
    )
    verdict = greater(results, ratios)
    return Finding(incomplete(verdict, complete), f"{cell('vae')}, {said}", runs(results, ["vae"]))
