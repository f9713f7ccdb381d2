"""The chain in continuous time: its limit, its reversal, and what the score is learned by."""

from __future__ import annotations

from threetargets.experiments.score_sde.spec import (
    LAWS,
    LOSSES,
    METHODS,
    PROCESSES,
    ScoreSde,
)
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.of_experiments import Compared, Read, block_of
from threetargets.report.parts.topic import CHAPTER, Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    all_above,
    written,
)
from threetargets.report.parts.wording import Table, Text, interval, number
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_experiments.score_sde.sde_figures import (
    FIELDS,
    NAME,
    TITLES,
    WAYS,
    plot,
)

ORDERS, FAILED_ORDER = (0.8, 1.2), 0.5
NEAR = 0.05
"""Standard deviations of the data within which a sampler has arrived."""


def block(results: Results) -> ScoreSde | None:
    return block_of(results, NAME, ScoreSde)


def decide_limit(results: Results) -> Finding:
    """The chain's law against the equation's."""
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    orders = {law: own.interval(f"chain_order/{law}") for law in LAWS}
    if any(order.mean is None for order in orders.values()):
        return NOTHING
    falls, names = True, [f"chain_order/{law}" for law in LAWS]
    for law in LAWS:
        distances = [f"chain_distance/{law}/T{t}" for t in chosen.chain.steps]
        means = [own.interval(name).mean for name in distances]
        some = [m for m in means if m is not None]
        falls = falls and sorted(some, reverse=True) == some
        names += distances
    values = [order.mean for order in orders.values() if order.mean is not None]
    near = all(ORDERS[0] <= v <= ORDERS[1] for v in values)
    verdict = REPRODUCED if near and falls else INCONCLUSIVE
    if not falls or min(values) < FAILED_ORDER:
        verdict = NOT_REPRODUCED
    text = "; ".join(f"{law}: {written(order)}" for law, order in orders.items())
    return own.finding(verdict, f"order in 1/T, exact laws; {text}", own.complete(*names))


def falls(results: Results, chosen: ScoreSde) -> dict[str, Compared]:
    """log of the error at the fewest over that at the most evaluations, of each sampler."""
    few, many = chosen.solving.evaluations[0], chosen.solving.evaluations[-1]
    return {
        f"{TITLES[p]}, {WAYS[m]}": Read(results, NAME).log_ratio(
            f"solved/{p}/{m}/n{few}", f"solved/{p}/{m}/n{many}"
        )
        for p in PROCESSES
        for m in METHODS
    }


def decide_reverse(results: Results) -> Finding:
    """Whether every sampler arrives."""
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    ratios = falls(results, chosen)
    last = chosen.solving.evaluations[-1]
    ends = [f"solved/{p}/{m}/n{last}" for p in PROCESSES for m in METHODS]
    within = [own.below(end, NEAR) for end in ends]
    if any(one.interval.mean is None for one in [*ratios.values(), *within]):
        return NOTHING
    some = [*ratios.values(), *within]
    verdict = all_above([one.difference for one in some], results.study.comparison.alpha)
    name, least = min(ratios.items(), key=lambda pair: pair[1].interval.mean or 0.0)
    worst = max((own.interval(end) for end in ends), key=lambda i: i.mean or 0.0)
    text = f"least log of first over last error, {name}: {written(least.interval)}; "
    text += f"largest last error: {interval(worst)} standard deviations"
    return own.finding(verdict, text, all(one.whole for one in some))


def decide_norm(results: Results) -> Finding:
    """What the norm as printed learns."""
    own, off = Read(results, NAME), "field_error/unsquared/score"
    if block(results) is None:
        return NOTHING
    both = [
        own.log_ratio(off, f"field_error/{other}")
        for other in ("squared/score", "unsquared/median")
    ]
    further, median = (one.interval for one in both)
    if further.mean is None or median.mean is None:
        return NOTHING
    refuted = all(i.low is not None and i.low > 0 for i in (further, median))
    held = further.high is not None and further.high < 0
    verdict = NOT_REPRODUCED if refuted else REPRODUCED if held else INCONCLUSIVE
    text = f"log of its distance from the score over that of the squared norm: {written(further)}; "
    text += f"over its own distance from the median: {written(median)}"
    return own.finding(verdict, text, all(one.whole for one in both))


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
        "reproduced: one of the first lies below 0 or one of the second above 0.05 (Holm over the "
        "eighteen). Inconclusive: else, or a seed is missing. (The flow is deterministic.)",
        decide_reverse,
        "20 000 samples after a first run of 5 000, whose sampling error alone reached the 0.05; "
        "then Holm's correction was added",
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

LEAD = (
    "Data are a mixture of {parts} Gaussians on a line, so that the law at every time, its score "
    "and the median of what denoising score matching regresses on are known. The least squared "
    "error is at their mean, which is the score; the least error, without the square, at their "
    "median."
)
SOLVED = (
    "Wasserstein-1 distance to the exact law, in standard deviations of the data, {n} samples with "
    "the exact score, by its evaluations (a step of the last two methods takes two). Draws of the "
    "law, as many: {floor}. The flow starts at even quantiles and has no other randomness: its "
    "seeds do not differ, and it may lie below random draws. The corrector's signal-to-noise ratio "
    "is {snr}: its own bias does not fall with the number of steps. {spread}."
)
MATCHED = (
    "Root mean square error of what was learned, as ε, over {levels} noise levels; mean and median "
    "of ε are {gap} apart. Last: Wasserstein-1 distance of what the probability flow makes of each "
    "by {count} evaluations. {spread}."
)


def solved(results: Results, chosen: ScoreSde) -> Table:
    counts = chosen.solving.evaluations
    rows = [
        (
            Text(TITLES[p]),
            Text(WAYS[m]),
            *(Read(results, NAME).entry(f"solved/{p}/{m}/n{n}") for n in counts),
        )
        for p in PROCESSES
        for m in METHODS
    ]
    caption = SOLVED.format(
        n=chosen.solving.samples,
        floor=interval(Read(results, NAME).interval("solved_floor")),
        snr=number(chosen.solving.snr, 2),
        spread=spread(results),
    )
    head = ("process", "method", *(f"{n} evaluations" for n in counts))
    numeric = frozenset(range(2, 2 + len(counts)))
    made = commands(results, "experiment")
    return Table("score-sde-solved", "Reversed", head, tuple(rows), caption, made, numeric)


def matched(results: Results, chosen: ScoreSde) -> Table:
    rows = []
    for name, title in FIELDS.items():
        own = [Text("0"), Text("")] if name == "exact" else [Text(""), Text("0")]
        if name in LOSSES:
            own = [
                Read(results, NAME).entry(f"field_error/{name}/{what}")
                for what in ("score", "median")
            ]
        rows.append((Text(title), *own, Read(results, NAME).entry(f"generated/{name}")))
    caption = MATCHED.format(
        levels=chosen.matching.levels,
        gap=interval(Read(results, NAME).interval("field_gap")),
        count=chosen.solving.evaluations[-1],
        spread=spread(results),
    )
    head = ("field", "from the score", "from the median", "its samples")
    made = commands(results, "experiment")
    numeric = frozenset({1, 2, 3})
    return Table("score-sde-norm", "Two losses", head, tuple(rows), caption, made, numeric)


def sentences(results: Results) -> list[str]:
    chosen = block(results)
    if chosen is None or Read(results, NAME).interval("field_error/unsquared/score").mean is None:
        return []
    off = {loss: Read(results, NAME).interval(f"field_error/{loss}/score") for loss in LOSSES}
    far = {loss: Read(results, NAME).interval(f"generated/{loss}") for loss in LOSSES}
    return [
        "Score matching by the norm as printed, not squared, is off the score by "
        f"{interval(off['unsquared'])} in ε, squared by {interval(off['squared'])}; their samples "
        f"are {interval(far['unsquared'])} and {interval(far['squared'])} standard deviations off."
    ]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    lead = LEAD.format(parts=len(chosen.data.weights))
    tables = (matched(results, chosen),)
    folded = (solved(results, chosen),)
    drawn = () if Read(results, NAME).empty else (plot(results, chosen),)
    return [Section(NAME, "Score SDE", lead, tables, drawn, folded)]


TOPIC = Topic(NAME, sections, CLAIMS, sentences)
