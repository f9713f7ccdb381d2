"""The recap of 001: one ladder of likelihoods, what sampling costs a Boltzmann machine, an energy
by score matching, and the gradient that is a ratio of integrals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from threetargets.experiments.density_ladder.spec import SIZES, DensityLadder, models
from threetargets.metrics.statistics import Interval
from threetargets.report.parts.of_experiments import Read, block_of
from threetargets.report.parts.topic import DAI, Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
)
from threetargets.report.parts.wording import between, interval
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_experiments.density_ladder import ladder_tables
from threetargets.report.topics.of_experiments.density_ladder.ladder_figures import plot
from threetargets.report.topics.of_experiments.density_ladder.ladder_labels import NAME, rung

TIELEMAN = "Tieleman 2008 (beyond the lecture notes)"
MOST, HALF = 0.9, 0.5
"""Of the gain of the exact gradient: what an approximation of it has, and what none has."""
FEW, MANY = 0.1, 0.5
"""Of the Gaussian's excess: what a density that was learned has, and one that was not."""
ORDER, SLACK = 1.0, 0.1
"""Of the bias in 1/k."""
LEAD = (
    "What 001 recalls before it comes to autoencoders, on binarised 8x8 digits: mixtures by "
    "expectation-maximisation, restricted Boltzmann machines by contrastive divergence, an "
    "autoregressive model. Two sizes, in each of which all models have about as many parameters; "
    "at the smaller one the machine's partition function is a sum over {states} states. Beside "
    "them an energy on a plane by score matching, and the gradient of log p(x) that 001 calls "
    "hard, a ratio of integrals, with its bias summed out."
)


def block(results: Results) -> DensityLadder | None:
    return block_of(results, NAME, DensityLadder)


def _decided(
    own: Read,
    metrics: Sequence[str],
    good: Callable[[Interval], bool],
    bad: Callable[[Interval], bool],
    what: str,
) -> Finding:
    """Reproduced where all intervals over seeds are good, not reproduced where one is bad; both are
    asked of intervals that have ends."""
    intervals = [own.interval(metric) for metric in metrics]
    if any(one.mean is None for one in intervals):
        return NOTHING
    ends = [one for one in intervals if one.low is not None and one.high is not None]
    verdict = INCONCLUSIVE
    if any(bad(one) for one in ends):
        verdict = NOT_REPRODUCED
    elif len(ends) == len(intervals) and all(good(one) for one in ends):
        verdict = REPRODUCED
    figures = ", ".join(f"{interval(one)} {between(one)}" for one in intervals)
    return own.finding(verdict, f"{what}: {figures}", own.complete(*metrics))


def low(one: Interval) -> float:
    assert one.low is not None
    return one.low


def high(one: Interval) -> float:
    assert one.high is not None
    return one.high


def decide_contrastive(results: Results) -> Finding:
    if block(results) is None:
        return NOTHING
    return _decided(
        Read(results, NAME),
        ["counted/cd-1/share"],
        lambda one: low(one) > MOST,
        lambda one: high(one) < HALF,
        "share of the exact gradient's gain, CD-1",
    )


def decide_persistent(results: Results) -> Finding:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    rows = {
        f"{chosen.hidden.of(size)} hidden units": own.less(f"{size}/cd-1/test", f"{size}/pcd/test")
        for size in SIZES
    }
    return own.decided("−log p of test digits, CD-1 less persistent chains, nats", rows)


def decide_iterations(results: Results) -> Finding:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    rows = {
        f"{chosen.hidden.of(size)} hidden units": own.less(f"{size}/pcd/log10-sweeps", 1.0)
        for size in SIZES
    }
    return own.decided("log₁₀ of sweeps for a fresh sample, less 1", rows)


def decide_simple(results: Results) -> Finding:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    rows = {
        f"{chosen.hidden.parameters('mixture', size)} parameters": own.less(
            f"{size}/pcd/test", f"{size}/mixture/test"
        )
        for size in SIZES
    }
    return own.decided("−log p of test digits, RBM less mixture, nats", rows)


def decide_matching(results: Results) -> Finding:
    if block(results) is None:
        return NOTHING
    return _decided(
        Read(results, NAME),
        ["plane/hyvarinen/share", "plane/sliced/share"],
        lambda one: high(one) < FEW,
        lambda one: low(one) > MANY,
        "excess over the Gaussian's, Hyvärinen and sliced",
    )


def decide_ratio(results: Results) -> Finding:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    last = " to ".join(str(k) for k in sorted(chosen.ratio.draws)[-2:])
    return _decided(
        own,
        ["ratio/order"],
        lambda one: low(one) > ORDER - SLACK and high(one) < ORDER + SLACK,
        lambda one: high(one) < ORDER - SLACK or low(one) > ORDER + SLACK,
        f"order of the bias in 1/k (from k = {last} alone: {own.words('ratio/last-order')})",
    )


TRIAL = (
    "sizes and trainings of the ladder were chosen on validation images, partly after a look at "
    "seed 0; the rule is as it was"
)
CONTRASTIVE = Claim(
    "contrastive-divergence",
    "Contrastive divergence approximates the gradient of the log-likelihood well enough to train a "
    "restricted Boltzmann machine.",
    f"{DAI}, 12.1",
    "A machine whose hidden states can be summed over, digits: what CD-1 gains in log p of the "
    "training images, over what the exact gradient gains in as many steps.",
    "Reproduced: the interval over seeds of that share lies above 0.9. Not reproduced: it lies "
    "below 0.5. Inconclusive: else, or a seed is missing (which a not reproduced does not need).",
    decide_contrastive,
    TRIAL,
)
PERSISTENT = Claim(
    "persistent-chains",
    "Chains that go on from step to step train a better Boltzmann machine than contrastive "
    "divergence with one sweep, at equal cost.",
    TIELEMAN,
    "Both sizes, equal steps: −log p of test digits of CD-1 less that of persistent chains.",
    "Reproduced: both differences lie above 0 (paired t over seeds, at 1 − alpha). Not reproduced: "
    "one lies below 0 (Holm over the two). Inconclusive: else, or a seed is missing.",
    decide_persistent,
    TRIAL,
)
ITERATIONS = Claim(
    "rbm-many-iterations",
    "A Boltzmann machine needs many iterations of MCMC for one sample, where an autoregressive "
    "model needs one pass.",
    f"{DAI}, 12.1, table",
    "Machines of both sizes trained with persistent chains: sweeps for a fresh sample, by the "
    "autocorrelation of all pixels; many: more than 10.",
    "Reproduced: log₁₀ of the sweeps, less 1, lies above 0 for both sizes (t over seeds, at "
    "1 − alpha). Not reproduced: one lies below 0 (Holm over the two). Inconclusive: else, or a "
    "seed is missing.",
    decide_iterations,
    TRIAL,
)
SIMPLE = Claim(
    "energy-too-simple",
    "Energy-based models are too simple for data; a latent-variable model, such as a mixture, "
    "models them better.",
    f"{DAI}, 12.2.1",
    "Digits, both sizes, exactly as many parameters: −log p of test images of the Boltzmann "
    "machine trained with persistent chains less that of the mixture. (The machine has latent "
    "variables, too; it is the notes' energy-based model.)",
    "Reproduced: both differences lie above 0 (paired t over seeds, at 1 − alpha). Not reproduced: "
    "one lies below 0 (Holm over the two). Inconclusive: else, or a seed is missing.",
    decide_simple,
    TRIAL,
)
MATCHING = Claim(
    "score-matching",
    "Score matching finds a density without maximising a likelihood.",
    f"{DAI}, 12.1",
    "A known density on a plane, an energy trained by score matching and by sliced score matching, "
    "Z by quadrature: −E log q less the entropy, over that of the best Gaussian.",
    "Reproduced: both intervals over seeds lie below 0.1. Not reproduced: one lies above 0.5. "
    "Inconclusive: else, or a seed is missing (which a not reproduced does not need).",
    decide_matching,
)
RATIO = Claim(
    "ratio-of-integrals",
    "The gradient of log p(x) is a ratio of integrals, of which draws give no unbiased estimate: "
    "by k draws its bias falls as 1/k.",
    f"{DAI}, 12.2.2 (the order: beyond the lecture notes)",
    "A discrete latent, both integrals by the same k draws, the mean over all draws summed out: "
    "the order of the bias in 1/k, by a line through its logarithm.",
    "Reproduced: the interval over seeds of the order lies within 0.9 and 1.1. Not reproduced: it "
    "lies outside. Inconclusive: else, or a seed is missing (which a not reproduced does not "
    "need).",
    decide_ratio,
)


def sentences(results: Results) -> list[str]:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None or own.empty:
        return []
    large = ", ".join(
        f"{rung(chosen, model, 'annealed')} {own.words(f'annealed/{model}/test')}"
        for model in models("annealed")
    )
    draws = sorted(chosen.ratio.draws)
    ends = " and ".join(
        f"{own.words(f'ratio/bias_k{k}')} at k = {k}" for k in (draws[0], draws[-1])
    )
    return [
        f"−log p of binarised test digits, nats: {large}.",
        f"Bias of the gradient as a ratio of integrals, over its length: {ends}.",
    ]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    shown = (ladder_tables.ladder(results, chosen), ladder_tables.plane(results, chosen))
    folded = (
        ladder_tables.gradients(results, chosen),
        ladder_tables.ratio(results, chosen),
        ladder_tables.published(),
    )
    plots = () if Read(results, NAME).empty else (plot(results, chosen),)
    lead = LEAD.format(states=2**chosen.hidden.counted)
    return [Section(NAME, "A ladder of densities", lead, shown, plots, folded)]


CLAIMS = (CONTRASTIVE, PERSISTENT, ITERATIONS, SIMPLE, MATCHING, RATIO)
TOPIC = Topic(NAME, sections, CLAIMS, sentences)
