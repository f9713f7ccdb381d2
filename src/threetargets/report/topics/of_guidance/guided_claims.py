"""The decisions on guidance: curves over gamma, each different one counted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.statistics import holm, page_trend
from threetargets.pipeline.cells import gamma_label
from threetargets.report.parts.comparing import alike
from threetargets.report.parts.measures import EXCESS, FID, compared
from threetargets.report.parts.topic import KASY, POLYAKOV, Claim
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
    differing,
    greater,
    incomplete,
    runs,
    written,
)
from threetargets.report.parts.wording import cell, number, p_value
from threetargets.report.reading.collect import Results

OF_THE_NOTES = NOISY, FREE = "classifier", "classifier-free"
CLEAN = "classifier-clean"


@dataclass(frozen=True)
class Curve:
    """Values (seeds, gammas in the order asked for) of the seeds that are whole; cells with the
    same ones share it."""

    cells: tuple[Cell, ...]
    guidance: str
    seeds: tuple[int, ...]
    values: np.ndarray

    @property
    def name(self) -> str:
        return " = ".join(map(cell, self.cells))

    def same(self, other: Curve) -> bool:
        if (self.guidance, self.seeds) != (other.guidance, other.seeds):
            return False
        return all(
            alike(float(a), float(b))
            for a, b in zip(self.values.flat, other.values.flat, strict=True)
        )


def ignorant(results: Results) -> list[Cell]:
    """Guided models that can ignore their label: of fewer than half of the training images they
    have seen the own one for sure."""
    cells = results.study.guidance.cells
    return [c for c in cells if diffusion.labels_kept(results.study, c) < 0.5]


def usual(results: Results) -> list[Cell]:
    """The other guided models."""
    return [c for c in results.study.guidance.cells if c not in ignorant(results)]


def curves(
    results: Results,
    metric: str,
    kinds: Sequence[str],
    gammas: Sequence[float],
    cells: Sequence[Cell] | None = None,
) -> tuple[list[Curve], bool]:
    """The different curves of these cells, of the usual ones unless said, and whether every cell
    has one."""
    different: list[Curve] = []
    complete = True
    for guidance in kinds:
        for c in usual(results) if cells is None else cells:
            seen = [results.observe(c, metric, guidance, gamma_label(g)).values for g in gammas]
            seeds = tuple(s for s in results.study.seeds if all(s in values for values in seen))
            complete &= bool(seeds)
            if not seeds:
                continue
            one = Curve(
                (c,), guidance, seeds, np.array([[values[s] for values in seen] for s in seeds])
            )
            twin = next((i for i, other in enumerate(different) if one.same(other)), None)
            if twin is None:
                different.append(one)
            else:
                different[twin] = Curve(
                    (*different[twin].cells, c), guidance, seeds, different[twin].values
                )
    return different, complete


def of_the_notes(results: Results) -> list[str]:
    """The kinds of guidance that the claims of the notes are about, of those of the study."""
    return [kind for kind in results.study.guidance.kinds if kind in OF_THE_NOTES]


def counted(different: Sequence[Curve]) -> list[str]:
    repeated = sum(len(c.cells) - 1 for c in different)
    return [f"{repeated} identical to another, not counted"] if repeated else []


def guidance_clear(results: Results) -> Finding:
    alpha, guidance = results.study.comparison.alpha, results.study.guidance
    along, against, sentences, complete = [], [], [], True
    for metric, rises in (("accuracy", True), ("entropy", False), ("recall", False)):
        different, whole = curves(results, metric, of_the_notes(results), sorted(guidance.gammas))
        complete &= whole
        trends = [page_trend(c.values, rises) for c in different]
        along += [t.p for t in trends]
        against += [page_trend(c.values, not rises).p for c in different]
        known = [t.rho for t in trends if t.rho is not None]
        if known:
            size = f"from {number(min(known), 2)} to {number(max(known), 2)}"
            sentences.append(
                ", ".join(
                    [
                        f"{metric}: Spearman's ρ with γ {size} over {len(known)} curves",
                        *counted(different),
                    ]
                )
            )
    if not along:
        return NOTHING
    held, refuted = holm(along), holm(against)
    if any(p is not None and p < alpha for p in refuted):
        verdict = NOT_REPRODUCED
    else:
        verdict = REPRODUCED if all(p is not None and p < alpha for p in held) else INCONCLUSIVE
    known_p = [p for p in held if p is not None]
    sentences.append(f"largest p, Holm over {len(known_p)}: {p_value(max(known_p, default=None))}")
    return Finding(
        incomplete(verdict, complete), "; ".join(sentences), runs(results, usual(results))
    )


def _compared(results: Results, metric: str, values: np.ndarray) -> tuple[np.ndarray, str]:
    """FIDs by the logarithm of their excess over the floor, as everywhere; where one has no
    excess, and of other metrics, as they are. And what that is called."""
    known = compared(results, FID, values.ravel().tolist()) if metric == FID.metric else None
    return (values, metric) if known is None else (np.reshape(known, values.shape), EXCESS)


def guidance_u(results: Results) -> Finding:
    guidance = results.study.guidance
    gammas = np.array(sorted(guidance.gammas))
    inside = (gammas >= 1) & (gammas <= 2)
    if not inside.any() or inside.all() or inside[-1]:
        return NOTHING
    differences, sentences = [], []
    different, complete = curves(results, "fid", of_the_notes(results), sorted(guidance.gammas))
    for c in different:
        values, what = _compared(results, "fid", c.values)
        within = values[:, inside].min(axis=1).tolist()
        outside = differing(values[:, ~inside].min(axis=1).tolist(), within)
        differences += [outside, differing(values[:, -1].tolist(), within)]
        lowest = gamma_label(float(gammas[c.values.mean(axis=0).argmin()]))
        sentences.append(
            f"{c.name}, {c.guidance}: lowest mean FID at γ = {lowest}, {what} outside − inside "
            f"{written(outside.interval)}"
        )
    if not differences:
        return NOTHING
    verdict = incomplete(greater(results, differences), complete)
    return Finding(
        verdict, "; ".join([*sentences, *counted(different)]), runs(results, usual(results))
    )


def noisy_classifier(results: Results) -> Finding:
    guidance = results.study.guidance
    if not {NOISY, CLEAN} <= {*guidance.kinds} or 1.0 not in guidance.gammas:
        return NOTHING
    differences, sentences, complete = [], [], True
    for metric, sign in (("accuracy", 1), ("fid", -1)):
        different, whole = curves(results, metric, [NOISY, CLEAN], [1.0])
        complete &= whole
        for a in (c for c in different if c.guidance == NOISY):
            for b in (c for c in different if c.guidance == CLEAN and c.cells == a.cells):
                seeds = [s for s in a.seeds if s in b.seeds]
                both = [c.values[[c.seeds.index(s) for s in seeds], 0] for c in (a, b)]
                values, what = _compared(results, metric, np.array(both))
                first, second = (sign * values).tolist()
                differences.append(differing(first, second))
                sides = f"{NOISY} − {CLEAN}" if sign > 0 else f"{CLEAN} − {NOISY}"
                size = written(differences[-1].interval)
                sentences.append(f"{a.name}, {what} of {sides}: {size}")
        sentences += counted([c for c in different if c.guidance == NOISY])
    if not differences:
        return NOTHING
    verdict = incomplete(greater(results, differences), complete)
    return Finding(verdict, "; ".join(sentences), runs(results, usual(results)))


CLAIMS = (
    Claim(
        "guidance-clear",
        "Larger γ gives more clear-cut samples: accuracy rises, entropy and recall fall.",
        f"{KASY}; {POLYAKOV}",
        "Page's trend test over γ with seeds as blocks, for each guided model and kind of "
        "guidance.",
        "Reproduced: all three trends of every curve hold (Holm over all). Not reproduced: one "
        "runs the other way. Else inconclusive.",
        guidance_clear,
        "identical curves were each counted; now once",
    ),
    Claim(
        "guidance-u",
        "FID over γ has its minimum in [1, 2] and rises after.",
        "Literature, not the notes: Dhariwal & Nichol 2021 (arXiv:2105.05233); Ho & Salimans 2022 "
        "(arXiv:2207.12598)",
        "Best FID in [1, 2] against the best outside, and against the largest γ, paired by "
        "seed, for each curve.",
        "Reproduced: both are higher in every curve (one-sided paired t, Holm over all). Not "
        "reproduced: in some curve one is lower. Else inconclusive.",
        guidance_u,
        "identical curves were each counted, now once; FID itself was compared, now the logarithm "
        "of its excess over the floor",
    ),
    Claim(
        "noisy-classifier",
        "Guidance by a classifier needs one that deals with noised inputs.",
        POLYAKOV,
        "Accuracy and FID at γ = 1 under a classifier trained on clean images alone against those "
        "under one trained on noisy images, paired by seed.",
        "Reproduced: in every guided model accuracy is lower and FID higher without noise in the "
        "classifier's training (one-sided paired t, Holm over all). Not reproduced: in some model "
        "one of the two runs the other way. Else inconclusive.",
        noisy_classifier,
        "FID itself was compared, now the logarithm of its excess over the floor",
    ),
)
