"""A VAE in two phases: what it needs to be the population's law, and digits against joint
training."""

from __future__ import annotations

from itertools import pairwise

from threetargets.experiments.digit_sizes import PIXELS
from threetargets.experiments.progressive_vae.spec import WAYS, ProgressiveVae, middle
from threetargets.report.parts.of_experiments import Read, block_of
from threetargets.report.parts.topic import MCALLESTER, Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    written,
)
from threetargets.report.parts.wording import number
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_experiments.progressive_vae.progressive_figures import (
    LABELS,
    NAME,
    bounds,
    known,
    plot,
)

EXACT, SAME = 1e-9, 1e-6
"""nats by which the model's law may differ from the data's; bits/dim by which one model may."""
MARGIN = 0.05
"""bits/dim: less is as good."""
UNIT = "test digits, bits/dim"


def block(results: Results) -> ProgressiveVae | None:
    return block_of(results, NAME, ProgressiveVae)


def decide_universal(results: Results) -> Finding:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    apart = list(own.figure("law/full").values.values())
    narrow = own.less("law/isotropic")
    if not apart or narrow.interval.mean is None:
        return NOTHING
    exact = max(apart) < EXACT
    needed = narrow.interval.low is not None and narrow.interval.low > 0
    verdict = REPRODUCED if exact and needed else INCONCLUSIVE
    figure = f"largest divergence over {chosen.linear.encoders} encoders a seed: "
    figure += f"{number(max(apart), 2)} nats; with isotropic decoders {written(narrow.interval)}"
    whole = own.complete("law/full", "law/isotropic")
    return own.finding(verdict if exact else NOT_REPRODUCED, figure, whole)


def decide_small(results: Results) -> Finding:
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    steps = chosen.linear.steps
    names = [f"gap/L{n}" for n in steps]
    seen = [own.figure(name).values for name in names]
    seeds = [seed for seed in results.study.seeds if all(seed in values for values in seen)]
    if not seeds:
        return NOTHING
    falls = all(a[s] > b[s] for a, b in pairwise(seen) for s in seeds)
    left = max(seen[-1][s] / seen[0][s] for s in seeds)
    verdict = REPRODUCED if falls and left < 2 * steps[0] / steps[-1] else INCONCLUSIVE
    if not falls:
        verdict = NOT_REPRODUCED
    ends = [own.words(name) for name in (f"entropy/L{steps[0]}", f"entropy/L{steps[-1]}")]
    figure = f"H from {ends[0]} to {ends[1]} nats per dimension: bound less entropy of the data "
    figure += f"{own.words(names[0])} to {own.words(names[-1])} nats; at most {number(left, 2)} "
    figure += f"of it is left, L from {steps[0]} to {steps[-1]}"
    return own.finding(verdict, figure, own.complete(*names))


def decide_decoupled(results: Results) -> Finding:
    own = Read(results, NAME)
    values = list(own.figure("decoupled").values.values())
    if not values:
        return NOTHING
    verdict = REPRODUCED if max(values) < SAME else NOT_REPRODUCED
    figure = f"mean difference of a test digit's bound: at most {number(max(values), 2)} bits/dim"
    return own.finding(verdict, figure, own.complete("decoupled"))


def decide_two_phases(results: Results) -> Finding:
    return _within(results, "apart", "two phases less joint")


def decide_shared(results: Results) -> Finding:
    return _within(results, "shared", "shared less apart")


def _within(results: Results, way: str, what: str) -> Finding:
    """Margin less the excess, at every noise."""
    chosen, own = block(results), Read(results, NAME)
    if chosen is None:
        return NOTHING
    names = {t: f"excess/{way}/t{t:g}" for t in chosen.digits.noises}
    rows = {f"τ = {t:g}": own.below(name, MARGIN) for t, name in names.items()}
    decided = own.decided("", rows)
    if decided is NOTHING:
        return NOTHING
    parts = [f"τ = {t:g}: {written(own.interval(name))}" for t, name in names.items()]
    figure = "; ".join([f"{what}, {chosen.split.test} {UNIT}", *parts])
    return own.finding(decided.verdict, figure, all(row.whole for row in rows.values()))


PHASES = f"{MCALLESTER}, “Phase One Training”, “Phase Two Training”"
BY_MARGIN = (
    f"Reproduced: at every τ the excess lies below {MARGIN:g} bits/dim (paired t over seeds, at "
    f"1 − alpha). Not reproduced: at one it lies above {MARGIN:g} (Holm). Inconclusive: else, or a "
    "seed is missing."
)
CLAIMS = (
    Claim(
        "universality",
        "Encoders need not know the prior: with decoders and a prior that can be anything, the two "
        "phases make a perfect model of the population, whatever the encoders.",
        f"{MCALLESTER}, “Phase Two Training”",
        "Gaussian data, linear encoders drawn at random, best decoders and best prior of all "
        "Gaussians: divergence of the law that prior and decoders draw from the data's; the same "
        "with decoders of covariance σ²I.",
        f"Reproduced: below {EXACT:g} nats for every encoder in every seed, and with the narrower "
        "decoders an interval above 0, so that the assumption is needed. Not reproduced: more for "
        "some encoder. Inconclusive: else, or a seed is missing.",
        decide_universal,
    ),
    Claim(
        "nearly-deterministic",
        "What makes it a diffusion is that the conditional entropy H(zₗ₊₁ | zₗ) of a fixed encoder "
        "is small: simple decoders then are enough.",
        f"{MCALLESTER}, “Progressive VAEs” (that H is small); that it is what simple decoders "
        "need: ours, after 002, 11.2.2",
        "Gaussian data, a chain of equal steps to the same end: by how much the best bound with "
        "decoders of covariance σ²I and prior N(0, I) exceeds the data's entropy, in closed form, "
        "over the number of steps.",
        "Reproduced: in every seed it falls with every smaller H, and at the smallest less than "
        "twice (fewest / most steps) of that at the largest is left. Not reproduced: in some seed "
        "it rises. Inconclusive: else, or a seed is missing.",
        decide_small,
    ),
    Claim(
        "phases-decouple",
        "With fixed encoders the two phases are the bound: decoders and prior trained apart or at "
        "once are one model.",
        f"{PHASES}; that it holds of fixed encoders: ours",
        "Digits, fixed linear encoders, one noise: decoders layer by layer and then the prior, "
        "against all by the whole bound, with the same images and noise.",
        f"Reproduced: in every seed the mean absolute difference of a test digit's bound is below "
        f"{SAME:g} bits/dim. Not reproduced: more in some seed. Inconclusive: a seed is missing.",
        decide_decoupled,
    ),
    Claim(
        "two-phases",
        "On digits, too, two phases are as good as joint training.",
        f"{PHASES} (perfect under universality); that it holds of small networks: ours",
        "Learned encoders, the noise of each a constant; the same networks, steps and images: the "
        "bound of two phases less that of joint training.",
        BY_MARGIN,
        decide_two_phases,
    ),
    Claim(
        "shared-layers",
        "Layers may share parameters, trained on all of phase one's losses, and lose nothing.",
        f"{MCALLESTER}, “Phase One Training” (that they are influenced by all); that nothing is "
        "lost: ours",
        "Two phases: the bound with one core for all encoders and one for all decoders, less that "
        "with cores of their own.",
        BY_MARGIN,
        decide_shared,
    ),
)
LEAD = (
    "Latents of {latents} dimensions. An encoder's noise τ is a constant, and what it adds it to "
    "has root mean square √(1 − τ²): without either, phase one asks for an encoder without noise. "
    "The bound is phase one's losses and phase two's, less the encoders' conditional entropies "
    "H = d/2 log 2πeτ², which no phase has. Fixed encoders are z → √(1 − τ²) z, of {pixels} "
    "dimensions; the prior is a mixture of {components} Gaussians."
)


def sentences(results: Results) -> list[str]:
    own, chosen = Read(results, NAME), block(results)
    if own.empty or chosen is None:
        return []
    name = f"t{middle(chosen):g}"
    parts = [f"{LABELS[way]} {own.words(f'bound/{way}/{name}')}" for way in WAYS]
    return [f"A VAE of {len(chosen.digits.latents)} layers: {', '.join(parts)} bits/dim."]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    lead = LEAD.format(
        latents=", ".join(map(str, chosen.digits.latents)),
        pixels=PIXELS,
        components=chosen.digits.components,
    )
    plots = () if Read(results, NAME).empty else (plot(results, chosen),)
    shown = (bounds(results, chosen), known(results, chosen))
    return [Section(NAME, "A VAE in two phases", lead, shown, plots)]


TOPIC = Topic(NAME, sections, CLAIMS, sentences)
