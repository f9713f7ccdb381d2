"""What the notes claim of score SDEs, and how it is decided."""

from __future__ import annotations

from typing import Any

from threetargets import experiments
from threetargets.experiments.score_sde.spec import (
    LAWS,
    METHODS,
    PROCESSES,
    ScoreSde,
)
from threetargets.metrics.statistics import Interval
from threetargets.report.parts import experimental
from threetargets.report.parts.experimental import log_ratio, summary
from threetargets.report.parts.topic import CHAPTER, Claim
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    written,
)
from threetargets.report.parts.wording import interval
from threetargets.report.reading.collect import Results

NAME = "score_sde"
ORDERS, FAILED_ORDER = (0.8, 1.2), 0.5
NEAR = 0.05
"""Standard deviations of the data within which a sampler has arrived."""
TITLES = {"vp": "VP", "ve": "VE", "sub-vp": "sub-VP"}
WAYS = {
    "euler-maruyama": "Euler-Maruyama",
    "predictor-corrector": "predictor-corrector",
    "flow-heun": "probability flow (Heun)",
}
COLOURS = dict(zip(PROCESSES, ("x0", "eps", "score"), strict=True))
DASHES: dict[str, Any] = dict(zip(METHODS, ("-", (0, (4, 2)), (0, (1, 1.5))), strict=True))
FIELDS = {
    "exact": "mean: the score",
    "median": "median",
    "squared": "learned, norm squared",
    "unsquared": "learned, norm as printed",
}


def block(results: Results) -> ScoreSde | None:
    own = experiments.of(results.study).get(NAME)
    return own if isinstance(own, ScoreSde) else None


def decide_limit(results: Results) -> Finding:
    """The chain's law against the equation's."""
    chosen = block(results)
    if chosen is None:
        return NOTHING
    orders = {law: summary(results, NAME, f"chain_order/{law}") for law in LAWS}
    if any(order.mean is None for order in orders.values()):
        return NOTHING
    falls = True
    for law in LAWS:
        means = [
            summary(results, NAME, f"chain_distance/{law}/T{t}").mean for t in chosen.chain.steps
        ]
        some = [m for m in means if m is not None]
        falls = falls and len(some) == len(means) and sorted(some, reverse=True) == some
    values = [order.mean for order in orders.values() if order.mean is not None]
    near = all(ORDERS[0] <= v <= ORDERS[1] for v in values)
    verdict = REPRODUCED if near and falls else INCONCLUSIVE
    if not falls or min(values) < FAILED_ORDER:
        verdict = NOT_REPRODUCED
    text = "; ".join(f"{law}: {written(order)}" for law, order in orders.items())
    return experimental.finding(results, NAME, verdict, f"order in 1/T, exact laws; {text}")


def falls(results: Results, chosen: ScoreSde) -> dict[str, Interval]:
    """log of the error at the fewest over that at the most evaluations, of each sampler."""
    few, many = chosen.solving.evaluations[0], chosen.solving.evaluations[-1]
    return {
        f"{TITLES[p]}, {WAYS[m]}": log_ratio(
            results, NAME, f"solved/{p}/{m}/n{few}", f"solved/{p}/{m}/n{many}"
        )
        for p in PROCESSES
        for m in METHODS
    }


def decide_reverse(results: Results) -> Finding:
    """Whether every sampler arrives."""
    chosen = block(results)
    if chosen is None:
        return NOTHING
    ratios = falls(results, chosen)
    last = chosen.solving.evaluations[-1]
    ends = [summary(results, NAME, f"solved/{p}/{m}/n{last}") for p in PROCESSES for m in METHODS]
    if any(i.mean is None for i in [*ends, *ratios.values()]):
        return NOTHING
    ranked = sorted(ratios.items(), key=lambda pair: pair[1].mean or 0.0)[:1]
    worst = max(ends, key=lambda i: i.mean or 0.0)
    below = any(i.high is not None and i.high < 0 for i in ratios.values())
    above = all(i.low is not None and i.low > 0 for i in ratios.values())
    near = all(i.high is not None and i.high < NEAR for i in ends)
    far = any(i.low is not None and i.low > NEAR for i in ends)
    verdict = REPRODUCED if above and near else NOT_REPRODUCED if below or far else INCONCLUSIVE
    text = f"least log of first over last error, {ranked[0][0]}: {written(ranked[0][1])}; "
    text += f"largest last error: {interval(worst)} standard deviations"
    return experimental.finding(results, NAME, verdict, text)


def decide_norm(results: Results) -> Finding:
    """What the norm as printed learns."""
    if block(results) is None:
        return NOTHING
    further = log_ratio(results, NAME, "field_error/unsquared/score", "field_error/squared/score")
    median = log_ratio(results, NAME, "field_error/unsquared/score", "field_error/unsquared/median")
    if further.mean is None or median.mean is None:
        return NOTHING
    refuted = all(i.low is not None and i.low > 0 for i in (further, median))
    held = further.high is not None and further.high < 0
    verdict = NOT_REPRODUCED if refuted else REPRODUCED if held else INCONCLUSIVE
    text = f"log of its distance from the score over that of the squared norm: {written(further)}; "
    text += f"over its own distance from the median: {written(median)}"
    return experimental.finding(results, NAME, verdict, text)


CLAIMS = (
    Claim(
        "score-sde",
        "Noising in small steps is a stochastic differential equation: as T grows, DDPM's chain "
        "has the law of the variance-preserving one at every time.",
        f"{CHAPTER}, 11.2.5; Song et al. 2021, arXiv:2011.13456",
        "Wasserstein-1 distance of the two exact laws, the largest over the times, for a mixture "
        "and a Gaussian; its order between the last two T.",
        "Reproduced: it falls from each T to the next and both orders lie between 0.8 and 1.2. Not "
        "reproduced: it rises somewhere or an order is below 0.5. Inconclusive: else, or a seed is "
        "missing. The laws are exact: seeds do not differ.",
        decide_limit,
    ),
    Claim(
        "reverse-sde",
        "Solving the equation backwards in time, with the score of the noisy densities, draws from "
        "the data.",
        f"{CHAPTER}, 11.2.5; Song et al. 2021",
        "Wasserstein-1 distance of samples to the exact law, in standard deviations of the data, "
        "by the number of evaluations of the exact score: VP, VE and sub-VP, by Euler-Maruyama, "
        "predictor-corrector and the probability flow.",
        "Reproduced: in all nine the log of the error at the fewest over that at the most "
        "evaluations has an interval over seeds above 0, and the last error's lies below 0.05. Not "
        "reproduced: one of the first lies below 0 or one of the second above 0.05. Inconclusive: "
        "else, or a seed is missing.",
        decide_reverse,
        "20 000 samples after a first run of 5 000, whose sampling error alone reached the 0.05",
    ),
    Claim(
        "score-norm (as printed)",
        "Denoising score matching with the norm as printed, not squared, learns the score.",
        f"{CHAPTER}, 11.2.5, last formula",
        "Two networks, same draws and first weights, one under each loss: root mean square "
        "distance of what they learned from the exact score and from the exact median of the same "
        "targets.",
        "Not reproduced: under the printed norm the network is further from the score than under "
        "the squared one, and further from the score than from the median; both log ratios have "
        "intervals over seeds above 0. Reproduced: the first lies below 0. Inconclusive: else, or "
        "a seed is missing.",
        decide_norm,
    ),
)
