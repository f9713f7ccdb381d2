"""What is claimed of autoencoders: that bounds tighten, and that superfluous latents do no harm."""

from __future__ import annotations

from itertools import pairwise

from threetargets.families.autoencoder import spec as autoencoder
from threetargets.metrics.catalogue import label, one_of
from threetargets.metrics.statistics import Difference, Interval, paired_t, t_interval
from threetargets.report.parts.measures import BOUND
from threetargets.report.parts.topic import CHAPTER, KASY, POLYAKOV, Claim, Topic
from threetargets.report.parts.verdicts import (
    NOTHING,
    Finding,
    greater,
    incomplete,
    paired,
    runs,
    written,
)
from threetargets.report.parts.wording import cell, number
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_autoencoders import autoencoders
from threetargets.report.topics.of_autoencoders.autoencoders import TRAIN, widths


def latent_width(results: Results) -> Finding:
    """The claim: the widest against the next narrower, on test images and in the gap to training
    images."""
    cells, margin, unit = widths(results), results.study.comparison.bound_margin, results.unit.name
    if not cells:
        return NOTHING
    narrower, widest = list(cells.values())[-2:]
    seen = [results.observe(c, m).values for c in (narrower, widest) for m in (BOUND.metric, TRAIN)]
    seeds = [s for s in results.study.seeds if all(s in values for values in seen)]
    if not seeds:
        return NOTHING
    few, few_train, many, many_train = ([values[s] for s in seeds] for values in seen)
    gaps = [
        [a - b for a, b in zip(x, y, strict=True)]
        for x, y in ((few, few_train), (many, many_train))
    ]
    less = [_within(a, b, margin) for a, b in ((few, many), (gaps[0], gaps[1]))]
    figure = (
        f"{cell(widest)} − {cell(narrower)}: bound {written(_difference(many, few))} {unit}, "
        f"gap to training images {written(_difference(gaps[1], gaps[0]))} {unit}; margin "
        f"{number(margin, 2)}"
    )
    complete = len(seeds) == len(results.study.seeds)
    return Finding(
        incomplete(greater(results, less), complete), figure, runs(results, [narrower, widest])
    )


def _within(narrow: list[float], wide: list[float], margin: float) -> Difference:
    """The paired difference (narrow + margin) - wide: above 0 where the wide one is worse by less
    than the margin."""
    return paired_t([n + margin for n in narrow], wide)


def _difference(a: list[float], b: list[float]) -> Interval:
    return t_interval([x - y for x, y in zip(a, b, strict=True)])


def elbo_bound(results: Results) -> Finding:
    cells, chosen = autoencoder.cells(results.study), results.study.likelihood
    ks = [k for k in sorted(chosen.iwae) if k > (min(chosen.iwae) if chosen.iwae_images else 1)]
    # All on the same images: with importance samples for some of them alone, the chain starts at
    # the smallest k.
    known = {BOUND.metric: label(BOUND.metric)}
    known |= {one_of("iwae_{}", k): label("iwae_{}", k) for k in chosen.iwae}
    first = one_of("iwae_{}", min(chosen.iwae)) if chosen.iwae_images else BOUND.metric
    steps, sentences, complete = [], [], True
    for c in cells:
        chain = [first, *(one_of("iwae_{}", k) for k in ks)]
        for looser, tighter in pairwise(chain):
            step = paired(results, (c, looser, "", ""), (c, tighter, "", ""))
            complete &= step is not None
            if step is not None:
                steps.append(step)
                what = f"{cell(c)}, {known[looser]} − {known[tighter]}"
                sentences.append(f"{what}: {written(step.interval)}")
    if not steps:
        return NOTHING
    return Finding(
        incomplete(greater(results, steps), complete),
        "; ".join(sentences) + f" {results.unit.name}",
        runs(results, cells),
    )


CLAIMS = (
    Claim(
        "elbo-bound",
        "The evidence bound is below the importance-weighted bound, which tightens with every "
        "further sample.",
        f"{KASY}; {POLYAKOV}",
        "Trained VAE and HVAE on the test split: bound, then IWAE k for rising k, paired by "
        "seed (k = 1 is the bound itself).",
        "Reproduced: every step lowers it (one-sided paired t, Holm over steps). Not "
        "reproduced: a step raises it. Else inconclusive.",
        elbo_bound,
    ),
    Claim(
        "latent-width",
        "Superfluous latent dimensions of a VAE do not overfit.",
        CHAPTER,
        "Autoencoders that differ in the width of their latent space alone: the widest against "
        "the next narrower, by the bound on test images, and by its gap to the bound on "
        "training images, paired by seed.",
        "Reproduced: in both the widest is worse by less than the bound's margin (one-sided "
        "paired t, Holm). Not reproduced: in one it is worse by more. Else inconclusive. (Of "
        "trainings as long as these; a study without three widths has no data: "
        "config/aevb.yaml.)",
        latent_width,
    ),
)


TOPIC = Topic("autoencoders", autoencoders.sections, CLAIMS, autoencoders.sentences)
