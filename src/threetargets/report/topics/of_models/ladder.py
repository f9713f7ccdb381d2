"""The claim that models of more and more latents bound the likelihood better and better."""

from __future__ import annotations

from itertools import pairwise

from threetargets.families.autoencoder import spec as autoencoder
from threetargets.families.diffusion import spec as diffusion
from threetargets.report.parts import comparing
from threetargets.report.parts.captions import (
    null_branch,
)
from threetargets.report.parts.comparing import DIFFERENT, NO_DATA, TIED
from threetargets.report.parts.measures import BOUND
from threetargets.report.parts.topic import KASY, POLYAKOV, Claim
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_OBTAINED,
    NOTHING,
    REPRODUCED,
    Finding,
    runs,
    written,
)
from threetargets.report.parts.wording import cell, number
from threetargets.report.reading.collect import Results

PARAMETERS_WITHIN = 0.2


def ladder(results: Results) -> Finding:
    best_first = ("elbo", "eps-equivalent", "native")
    tops = [c for w in best_first if (c := diffusion.cell_of("eps", w)) in results.study.cells]
    rungs = [*map(autoencoder.parse, autoencoder.KINDS), *tops[:1]]
    if len(rungs) < 3:
        return NOTHING
    if not set(rungs) <= set(results.study.cells):
        return NOTHING
    pairs = [comparing.pair(results, BOUND, b, a, "ladder") for a, b in pairwise(rungs)]
    steps = comparing.family(results, pairs)
    if any(s.verdict == NO_DATA for s in steps):
        return NOTHING
    worse = any(s.verdict == DIFFERENT and s.better != s.a for s in steps)
    good = all(s.verdict in TIED or (s.verdict == DIFFERENT and s.better == s.a) for s in steps)
    sizes = [next(iter(results.observe(c, "parameters").values.values()), None) for c in rungs]
    known = [s for s in sizes if s is not None]
    alike = len(known) == 3 and max(known) <= (1 + PARAMETERS_WITHIN) * min(known)
    verdict = NOT_OBTAINED if worse else REPRODUCED if good else INCONCLUSIVE
    figure = "; ".join(
        f"{cell(s.a)} − {cell(s.b)}: {written(s.difference.interval)} {results.unit.name}, "
        f"{s.verdict}"
        for s in steps
    )
    figure += f"; parameters {', '.join(number(s) if s is None else f'{s:,.0f}' for s in sizes)}"
    figure += f"; the diffusion model {null_branch(results)}"
    if not alike:
        verdict, figure = INCONCLUSIVE, figure + "; parameters not within 20%"
    return Finding(verdict, figure, runs(results, rungs))


CLAIMS = (
    Claim(
        "ladder",
        "Each rung bounds the likelihood at least as well as the one before: VAE, hierarchical "
        "VAE, diffusion model.",
        f"{KASY}; {POLYAKOV}",
        "Bits/dim paired by seed; the diffusion model is the noise predictor trained on the "
        "bound (else on the eps-equivalent loss).",
        "Reproduced: at both steps the later model is better or equal within the margin, "
        "parameters within 20%. Not obtained at this size: a step is worse. Else inconclusive.",
        ladder,
        "a worse step was called not reproduced; the bound was that of a fixed reverse variance",
    ),
)
