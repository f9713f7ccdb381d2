"""The claims that trained models decide by other estimators: more steps, the bound's other form,
gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from threetargets.families.autoencoder import spec as autoencoder
from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.statistics import Difference, holm, page_trend, paired_t, tost_paired
from threetargets.report.parts.comparing import alike
from threetargets.report.parts.topic import CHAPTER, DAI, POLYAKOV, Claim, Topic
from threetargets.report.parts.verdicts import (
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
from threetargets.report.parts.wording import cell, number, p_value
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_likelihood import routes
from threetargets.report.topics.of_likelihood.routes import (
    DIFFERENCE,
    GRADIENTS,
    ONE,
    TWO,
    length_metric,
)

AT_LEAST = 2.0
"""How many times as much variance counts as "far" more."""


def distinct(
    results: Results, cells: Sequence[Cell], metrics: Sequence[str]
) -> tuple[dict[Cell, np.ndarray], bool]:
    """(seeds, metrics) of each cell that has all of them in some seed, leaving out cells that
    repeat another; and whether every cell has them in every seed."""
    different: dict[Cell, np.ndarray] = {}
    complete = True
    for c in cells:
        seen = [results.observe(c, m).values for m in metrics]
        seeds = [s for s in results.study.seeds if all(s in values for values in seen)]
        complete &= len(seeds) == len(results.study.seeds)
        block = np.array([[values[s] for values in seen] for s in seeds])
        if seeds and not any(_same(block, other) for other in different.values()):
            different[c] = block
    return different, complete


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and all(
        alike(float(x), float(y)) for x, y in zip(a.flat, b.flat, strict=True)
    )


def schedule(results: Results) -> Finding:
    steps, comparison = sorted(results.study.likelihood.lengths.steps), results.study.comparison
    if len(steps) < 3:
        return NOTHING
    different, complete = distinct(
        results, diffusion.cells(results.study), [length_metric(t, fitted=True) for t in steps]
    )
    if not different:
        return NOTHING
    blocks = list(different.values())
    falls = holm([page_trend(b, increasing=False).p for b in blocks])
    rises = holm([page_trend(b, increasing=True).p for b in blocks])
    last = [
        tost_paired(b[:, -2].tolist(), b[:, -1].tolist(), comparison.bound_margin) for b in blocks
    ]
    equal = holm([e.p for e in last])
    if any(p is not None and p < comparison.alpha for p in rises):
        verdict = NOT_REPRODUCED
    else:
        held = all(p is not None and p < comparison.alpha for p in [*falls, *equal])
        verdict = REPRODUCED if held else INCONCLUSIVE
    first = [float((b[:, 0] - b[:, -1]).mean()) for b in blocks]
    end = [float((b[:, -2] - b[:, -1]).mean()) for b in blocks]
    figure = (
        f"from T = {steps[0]} to {steps[-1]} the bound falls by {number(min(first))} to "
        f"{number(max(first))} {results.unit.name} over {len(blocks)} different models; from "
        f"{steps[-2]} to {steps[-1]} by {number(min(end), 2)} to {number(max(end), 2)}; "
        f"largest p, Holm: falls {p_value(_largest(falls))}, equal at the end "
        f"{p_value(_largest(equal))}"
    )
    return Finding(incomplete(verdict, complete), figure, runs(results, list(different)))


def _largest(p_values: Sequence[float | None]) -> float | None:
    return max((p for p in p_values if p is not None), default=None)


def two_elbos(results: Results) -> Finding:
    different, complete = distinct(results, diffusion.cells(results.study), [DIFFERENCE, ONE, TWO])
    if not different:
        return NOTHING
    comparison = results.study.comparison
    more = [paired_t(np.log(b[:, 2]), np.log(b[:, 1])) for b in different.values()]
    # The models of a seed share their noise, so their mean is one measurement: over seeds it is
    # tested once.
    most = max(len(b) for b in different.values())
    means = np.mean([b[:, 0] for b in different.values() if len(b) == most], axis=0)
    tie = tost_paired(means, np.zeros(most), comparison.bound_margin)
    apart = paired_t(means, np.zeros(most))
    verdict = greater(results, more)
    if not tie.equivalent and apart.p is not None and apart.p < comparison.alpha:
        verdict = NOT_REPRODUCED
    elif verdict == REPRODUCED and not (tie.p is not None and tie.p < comparison.alpha):
        verdict = INCONCLUSIVE
    ratios = [math.exp(d.interval.mean or 0.0) for d in more]
    figure = (
        f"variance two-sided / one-sided {number(min(ratios))} to {number(max(ratios))} over "
        f"{len(different)} different models; difference of the means, averaged over them, "
        f"{written(apart.interval)} {results.unit.name}, p equal {p_value(tie.p)}"
    )
    return Finding(incomplete(verdict, complete), figure, runs(results, list(different)))


def gradient_variance(results: Results) -> Finding:
    cells = [
        c
        for c in autoencoder.cells(results.study)
        if len(autoencoder.parameters(results.study, c).latents) == 1
    ]
    different, complete = distinct(results, cells, list(GRADIENTS))
    if not different:
        return NOTHING
    ratios: list[Difference] = []
    ratio_texts = []
    for name, block in different.items():
        least = np.full(len(block), math.log(AT_LEAST))
        each = [paired_t(column, least) for column in np.log(block).T]
        ratios += each
        ratio_texts.append(
            f"{cell(name)}, "
            + ", ".join(
                f"{kind}: {number(AT_LEAST * math.exp(d.interval.mean or 0.0))}"
                for kind, d in zip(GRADIENTS.values(), each, strict=True)
            )
        )
    figure = f"times the reparameterised one's variance: {'; '.join(ratio_texts)}"
    return Finding(
        incomplete(greater(results, ratios), complete), figure, runs(results, list(different))
    )


CLAIMS = (
    Claim(
        "reparam-variance (trained)",
        "At the weights of a trained VAE reparameterised gradients vary less than half as much "
        "as score-function ones.",
        f"{DAI}; {CHAPTER}",
        "Gradient of E_q log p(x | z) in q's mean: ratios of variances to the reparameterised "
        "estimator's, over seeds.",
        "Reproduced: each ratio, without and with a baseline, is above 2 (one-sided t of the "
        "logarithms over seeds, Holm). Not reproduced: one is below. Else inconclusive.",
        gradient_variance,
    ),
    Claim(
        "two-elbos (trained)",
        "The same for trained diffusion models.",
        POLYAKOV,
        "Both forms on the same test images: variance of one draw at a fixed image, and the "
        "difference of the means, averaged over the models of a seed, which share their noise. "
        "(The toy tests it far more sharply.)",
        "Reproduced: the two-sided form varies more in every model (one-sided paired t of the "
        "logarithms, Holm) and the means are equal within the bound's margin (equivalence "
        "test). Not reproduced: it varies less in some model, or the means differ by a t test "
        "and are not equal. Else inconclusive.",
        two_elbos,
    ),
    Claim(
        "schedule (trained)",
        "The same of trained models: the bound improves with T, and saturates.",
        CHAPTER,
        "The bound of each trained diffusion model at several T between the same first and "
        "last noise level, with the reverse variance fitted for each T: with the fixed one "
        "Gaussian data would show the same curve, from the variance alone.",
        "Reproduced: it trends down over T in every model (Page's test, seeds as blocks, "
        "Holm), and the last two T are equal within the bound's margin (equivalence test, "
        "Holm). Not reproduced: it trends up in some model. Else inconclusive.",
        schedule,
    ),
)


TOPIC = Topic("routes", routes.sections, CLAIMS, routes.sentences)
