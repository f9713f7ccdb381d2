"""The claims that a study of this shape can test, each decided by its topic.

Rules were written before the first run that measured what they decide; what was changed since is
marked post hoc. A claim whose data is missing says so; it never passes by default. Sources:
000 M. Kasy, Oxford reading group, 2024; 001 B. Dai, lecture 12; 002 lecture-notes chapter 11; 003
G. Polyakov, MIPT, 2022 (after Luo 2022); 004 D. McAllester, TTIC 31230, 2022.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from threetargets.report.parts.captions import commands
from threetargets.report.parts.comparing import NO_DATA
from threetargets.report.parts.topic import Claim, Section
from threetargets.report.parts.verdicts import VERDICTS, Finding
from threetargets.report.parts.wording import Table, Text, listing, number, of
from threetargets.report.reading.collect import Results

ORDER = (
    "same-process",
    "likelihood-fails",
    "likelihood-fails (diffusion)",
    "typicality-mends",
    "typicality-mends (diffusion)",
    "classifier-detects",
    "elbo-identity",
    "elbo-bound (toy)",
    "elbo-bound",
    "latent-width",
    "ladder",
    "targets-optimum",
    "targets-trained",
    "eps-over-x0 (bound, native)",
    "eps-over-x0 (bound, matched)",
    "eps-over-x0 (FID, native)",
    "eps-over-x0 (FID, matched)",
    "output-space",
    "manifold",
    "score-sde",
    "reverse-sde",
    "score-norm (as printed)",
    "langevin-density",
    "langevin-density (as printed)",
    "langevin-annealed",
    "z-unknown",
    "gradient-flow",
    "reverse-gaussian",
    "direct-kernel",
    "gaussian-target",
    "gaussian-target (whitened)",
    "reparam-needed",
    "reparam-trains-better",
    "gumbel-softmax",
    "absorbing-autoregressive",
    "absorbing-over-uniform",
    "schedule-invariant",
    "schedule-variance",
    "schedule-optimal",
    "schedule-faster",
    "amortisation-gap",
    "amortisation-dominates",
    "ddpm-is-hvae",
    "deeper-fixed",
    "deeper-learned",
    "restrictions-free",
    "universality",
    "nearly-deterministic",
    "phases-decouple",
    "two-phases",
    "shared-layers",
    "fill-holes",
    "replacement-biased",
    "simple-over-elbo",
    "guidance-clear",
    "guidance-u",
    "ignore-label",
    "ignore-label (trained as usual)",
    "noisy-classifier",
    "reparam-variance (toy)",
    "reparam-variance (trained)",
    "forward-marginal",
    "posterior-constants",
    "targets-equivalent",
    "tweedie",
    "two-elbos (toy)",
    "two-elbos (trained)",
    "schedule",
    "schedule (trained)",
    "guidance-same",
    "guidance-tilt",
)
"""In which claims are read: as the lecture notes come to them. Others follow."""


def decided(results: Results, claims: Sequence[Claim]) -> list[tuple[Claim, Finding]]:
    """The claims with what became of them, in the order of reading."""
    place = {name: index for index, name in enumerate(ORDER)}
    ordered = sorted(claims, key=lambda claim: place.get(claim.id, len(ORDER)))
    return [(claim, claim.decide(results)) for claim in ordered]


def _changed(claim: Claim) -> str:
    return f" (Post hoc: {claim.post_hoc}.)" if claim.post_hoc else ""


CLAIMS_TABLE_CAPTION = (
    "Rules were written before the first run that measured what they decide; one that was "
    "changed since is marked post hoc, with what changed (alpha = {alpha:g}{margins}). Behind each "
    "statement are its source, its test and its rule, behind each figure the others and their "
    "runs; the interval of one part of a claim is its own, at 95%, the verdict is on all parts."
)
CLAIMS_MARGINS = ", margins {number} {unit} and {fid_margin:.0%} of FID's excess over its floor"


def _figure(finding: Finding) -> tuple[Text]:
    """The first number, with what is said of all of them before it, and the others behind it."""
    parts = finding.figure.split("; ") if finding.figure else ["–"]
    shown = 1 if ":" in parts[0] else 2
    first, others = "; ".join(parts[:shown]), parts[shown:]
    behind = (*others, *([f"Runs: {finding.runs}"] if finding.runs else []))
    return (Text(first, more=behind),)


def claims_table(results: Results, claims: Sequence[Claim]) -> Table:
    """One row a claim; one that this study has no data for says so."""
    rows = [
        (
            Text(claim.id),
            Text(
                finding.verdict,
                finding.verdict.replace(" ", "-"),
                "rule post hoc" if claim.post_hoc else "",
            ),
            *_figure(finding),
            Text(
                claim.statement,
                more=tuple(
                    f"{name}: {what}"
                    for name, what in (
                        ("Source", claim.source),
                        ("Test", claim.test),
                        ("Rule", claim.rule + _changed(claim)),
                    )
                ),
            ),
        )
        for claim, finding in decided(results, claims)
    ]
    comparison = results.study.comparison
    margins = CLAIMS_MARGINS.format(
        number=number(comparison.bound_margin, 2),
        unit=results.unit.name,
        fid_margin=comparison.fid_margin,
    )
    caption = CLAIMS_TABLE_CAPTION.format(
        alpha=comparison.alpha, margins=margins if results.study.cells else ""
    )
    head = ("claim", "verdict", "figure", "statement")
    made = commands(results, "train", "likelihood", "sample", "evaluate", "experiment")
    return Table("claims", "Claims", head, tuple(rows), caption, made)


def section(results: Results, claims: Sequence[Claim]) -> Section:
    return Section("claims", "Claims", lead(results, claims), (claims_table(results, claims),))


def lead(results: Results, claims: Sequence[Claim]) -> str:
    """How many have which verdict."""
    return tally([finding.verdict for _, finding in decided(results, claims)])


def tally(verdicts: Sequence[str]) -> str:
    """Of 5 claims 3 are reproduced, 1 is inconclusive and 1 has no data."""
    counts, parts = Counter(verdicts), []
    for verdict in (v for v in VERDICTS if counts[v]):
        verbs = ("has", "have") if verdict == NO_DATA else ("is", "are")
        parts.append(f"{counts[verdict]} {verbs[counts[verdict] > 1]} {verdict}")
    return f"Of {of(len(verdicts), 'claim')} {listing(parts)}."
