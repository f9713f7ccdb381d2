"""The decisions on whether a model heeds its label: of models that can ignore it, and of usual
ones."""

from __future__ import annotations

from collections.abc import Sequence

from threetargets.metrics.statistics import Difference, t_interval, welch_reference
from threetargets.pipeline.cells import FLOOR, gamma_label
from threetargets.report.parts.captions import floor_in_words, on_test
from threetargets.report.parts.topic import KASY, POLYAKOV, Claim
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    all_above,
    differing,
    greater,
    incomplete,
    runs,
    written,
)
from threetargets.report.parts.wording import interval
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_guidance.guided_claims import (
    FREE,
    counted,
    curves,
    ignorant,
    usual,
)
from threetargets.study.values import CLASSES

ACCURACY_MARGIN = 0.02


def _ceiling(results: Results) -> tuple[float, float, int] | None:
    """Accuracy of real images, its standard error, and their number."""
    fixed, real = on_test(results, "accuracy"), results.observe(FLOOR, "accuracy").values
    if not real:
        return None
    # Records in which the ceiling differs between seeds have no single standard error: their mean
    # stands alone.
    value = sum(real.values()) / len(real)
    return (value, 0.0, 1) if fixed is None else (value, fixed.stderr or 0.0, fixed.n or 1)


def _above(
    results: Results, values: Sequence[float], border: tuple[float, float, int]
) -> Difference:
    """border - values, the border (value, standard error, n) being an estimate, too."""
    return welch_reference(values, *border, 1 - results.study.comparison.alpha)


def ignore_label(results: Results) -> Finding:
    guidance, able = results.study.guidance, ignorant(results)
    most = max(guidance.gammas)
    if not able or FREE not in guidance.kinds or 1.0 not in guidance.gammas or most <= 1:
        return NOTHING
    different, complete = curves(results, "accuracy", [FREE], [1.0, most], able)
    ceiling = _ceiling(results)
    if not different or ceiling is None:
        return NOTHING
    real, error, n = ceiling
    chance = 1 / CLASSES[results.study.data.name]
    repaired, heeding = list[Difference](), list[bool]()
    sentences = [f"real images {floor_in_words(results, 'accuracy')}, chance {chance:g}"]
    for c in different:
        model, guided = c.values[:, 0].tolist(), c.values[:, 1].tolist()
        short = _above(results, model, ((real + chance) / 2, error / 2, n))
        lacking = [a / 2 - b for a, b in zip(model, guided, strict=True)]
        back = _above(results, lacking, (-real / 2, error / 2, n))
        heeding.append(short.interval.high is not None and short.interval.high < 0)
        if short.interval.low is not None and short.interval.low > 0:
            repaired.append(back)
        sentences.append(
            f"{c.name}: {interval(t_interval(model))} at γ = 1, {interval(t_interval(guided))} at "
            f"γ = {gamma_label(most)}, which is {written(back.interval)} above half of the way to "
            "real images"
        )
    if repaired:
        verdict = all_above(repaired, results.study.comparison.alpha)
    else:
        verdict = NOT_REPRODUCED if all(heeding) else INCONCLUSIVE
    figure = "; ".join([*sentences, *counted(different)])
    return Finding(incomplete(verdict, complete), figure, runs(results, able))


def usual_label(results: Results) -> Finding:
    guidance = results.study.guidance
    above = sorted(g for g in guidance.gammas if g > 1)
    if FREE not in guidance.kinds or 1.0 not in guidance.gammas or not above:
        return NOTHING
    different, complete = curves(results, "accuracy", [FREE], [1.0, above[0]])
    ceiling = _ceiling(results)
    if not different or ceiling is None:
        return NOTHING
    value, error = ceiling[0], ceiling[1:]
    short, repaired, equal = list[Difference](), list[Difference](), list[bool]()
    sentences = [f"real images {floor_in_words(results, 'accuracy')}"]
    for c in different:
        model, next_one = c.values[:, 0].tolist(), c.values[:, 1].tolist()
        gap, gain = welch_reference(model, value, *error), differing(next_one, model)
        short.append(gap)
        repaired.append(gain)
        # Two one-sided tests: the gap is above minus the margin, and below the margin.
        sides = (
            welch_reference(model, value + ACCURACY_MARGIN, *error).p_greater,
            welch_reference(model, value - ACCURACY_MARGIN, *error).p_less,
        )
        equal.append(all(p is not None and p < results.study.comparison.alpha for p in sides))
        sentences.append(
            f"{c.name}: {interval(t_interval(model))} at γ = 1, real images "
            f"{written(gap.interval)} above it, γ = {gamma_label(above[0])} "
            f"{written(gain.interval)}"
        )
    verdict = greater(results, [*short, *repaired])
    lowered = greater(results, repaired) == NOT_REPRODUCED
    if verdict != REPRODUCED:
        verdict = NOT_REPRODUCED if all(equal) or lowered else INCONCLUSIVE
    sentences += counted(different)
    return Finding(
        incomplete(verdict, complete), "; ".join(sentences), runs(results, usual(results))
    )


SLIDES = (
    f'{POLYAKOV}, "Guidance: Conditioning" and "Classifier-Free guidance"; {KASY}, "Conditioning"'
)
CLAIMS = (
    Claim(
        "ignore-label",
        "A conditional model may ignore its label; guidance repairs it.",
        SLIDES,
        "Models that see the own label of fewer than half of their training images for sure "
        "(label dropout, label noise), classifier-free: accuracy of the independent classifier at "
        "γ = 1, which is the conditional model, and at the largest γ. One ignores its label where "
        "accuracy at γ = 1 is nearer to chance than to real images.",
        "Reproduced: some model ignores its label, and in each that does the largest γ brings back "
        "at least half of what is missing to real images (Welch's t with the seeds' variance and "
        "the squared standard error of the real images' accuracy; intervals at 1 − alpha). Not "
        "reproduced: in one of them it brings back less (Holm), or all heed their label. "
        "Inconclusive: else, or a curve is missing.",
        ignore_label,
    ),
    Claim(
        "ignore-label (trained as usual)",
        "A conditional model that is trained as usual ignores its label; guidance repairs it.",
        SLIDES,
        "Accuracy of the independent classifier at γ = 1 (the conditional model) against real "
        "images, and at the next larger γ, paired by seed; classifier-free.",
        "Reproduced: at γ = 1 below real images (Welch's t with the seeds' variance and the "
        "squared standard error of the ceiling), raised by the next γ (one-sided paired t), in "
        "every curve; Holm over all. Not reproduced: at γ = 1 equal to real images within 0.02 "
        "in every curve, or lowered by guidance. Else inconclusive.",
        usual_label,
        "the ceiling was training images, which the judge had learned; now it is the judge's "
        "accuracy on the test split, with its standard error; identical curves were each counted, "
        "now once; models that can ignore their label have a claim of their own",
    ),
)
