"""The report from top to bottom, below the answer: which tables and figures stand under which
heading."""

from __future__ import annotations

from dataclasses import dataclass

from threetargets.report import (
    autoencoders,
    calibration_tables,
    claims,
    comparisons,
    costs,
    draws,
    extractors,
    figures,
    manifold,
    provenance,
    published,
    routes,
    samples,
    tables,
)
from threetargets.report.captions import commands
from threetargets.report.collect import Results, calibration_dir
from threetargets.report.comparisons import BOUND, FID
from threetargets.report.drawing import Plot
from threetargets.report.mirror import Mirror
from threetargets.report.wording import Table, Text, cell, number

CALIBRATION = "calibration.html"
"""The copy of the calibration's page beside the report."""


@dataclass(frozen=True)
class Section:
    """A heading with its tables and figures, in that order; `layout` is a CSS class for the
    figures."""

    id: str
    title: str
    lead: str = ""
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    folded: tuple[Table, ...] = ()
    layout: str = ""
    links: tuple[tuple[str, str], ...] = ()


def claims_table(results: Results) -> Table:
    """One row a claim; one that this study has no data for says so."""
    rows = [
        (
            Text(claim.id),
            Text(finding.verdict, finding.verdict.replace(" ", "-")),
            Text(claim.statement, "", claim.source),
            Text(claim.test, "", claim.rule),
            Text(finding.figure.replace("; ", ";\n") or "–", "", finding.runs),
        )
        for claim, finding in claims.decided(results)
    ]
    comparison = results.study.comparison
    caption = (
        "Rules were written before the first run that measured what they decide; what was "
        f"changed since is named with its claim (alpha = {results.study.comparison.alpha:g}, "
        f"margins {number(comparison.bound_margin, 2)} {results.unit.name} and "
        f"{comparison.fid_margin:.0%} of FID). Under each statement its source, under each "
        "test its rule, under each figure the runs behind it."
    )
    head = ("claim", "verdict", "statement", "test and rule", "figure")
    made = commands(results, "train", "likelihood", "sample", "evaluate")
    return Table("claims", "Claims", head, tuple(rows), caption, made)


def calibration_sections(results: Results) -> list[Section]:
    """The estimators on known densities, and the errata of the notes; where they are missing it
    says so."""
    found = results.calibration
    if found is None:
        command = f"threetargets calibrate --out {calibration_dir(results.study)}"
        lost = [("calibration", "Calibration"), ("errata", "Errata of the lecture notes")]
        return [Section(n, t, "", (calibration_tables.missing(n, t, command),)) for n, t in lost]
    lead = "The estimators behind this report, run where the answer is known."
    links = ((CALIBRATION, "Every row, expected and measured"),)
    return [
        Section(
            "calibration", "Calibration", lead, (calibration_tables.overview(found),), links=links
        ),
        Section("errata", "Errata of the lecture notes", "", (calibration_tables.errata(found),)),
    ]


def _grid(results: Results) -> list[Section]:
    """Diffusion models, target by weighting, by the measures that the study has."""
    if not routes.ddpms(results):
        return []
    measures = (BOUND, FID) if results.study.evaluation.extractors else (BOUND,)
    lead = (
        "The same network, data order and noise in every cell; only what the network predicts "
        "and how its error is weighted differ."
    )
    grids = tuple(tables.target_grid(results, measure) for measure in measures)
    return [Section("grid", "Target by weighting", lead, grids)]


def _comparisons(results: Results) -> list[Section]:
    families = (("targets", comparisons.targets), ("weightings", comparisons.weightings))
    seen = bool(results.study.evaluation.extractors)
    paired = [
        tables.paired(results, name, decide(results, BOUND), decide(results, FID) if seen else [])
        for name, decide in families
    ]
    return [Section("comparisons", "Paired comparisons", "", tuple(t for t in paired if t.rows))]


def _autoencoders(results: Results) -> list[Section]:
    """What the autoencoders are made of, published figures of the same models, and what two latents
    look like."""
    if not results.study.autoencoders:
        return []
    known = published.table(results)
    plots = (autoencoders.over_widths(results),) if autoencoders.widths(results) else ()
    return [
        Section(
            "autoencoders",
            "Autoencoders",
            "",
            (autoencoders.table(results), *((known,) if known.rows else ())),
            (*plots, *manifold.plots(results)),
        )
    ]


def _fidelity(results: Results) -> list[Section]:
    study = results.study
    if not study.evaluation.extractors:
        return []
    several = len(study.evaluation.extractors) > 1
    lead = (
        "Tables, figures and comparisons of FID elsewhere are by the first extractor."
        if several
        else ""
    )
    return [Section("fidelity", "FID and its kin", lead, extractors.tables(results))]


def _guidance(results: Results) -> list[Section]:
    """The sweeps over gamma, and their samples beside real images; without a sweep what the
    autoencoders draw."""
    study = results.study
    if not (study.guidance.cells and study.guidance.kinds):
        drawn = tuple(samples.drawn(results, c) for c in study.autoencoders)
        return [Section("samples", "Samples", "", (), drawn, layout="samples")]
    lead = (
        "One γ for both kinds: γ = 0 is unconditional, γ = 1 Bayes; the classifier-free "
        "paper's w is γ − 1."
    )
    plots = tuple(figures.along_gamma(results, m) for m in figures.GAMMA_METRICS)
    folded = tuple(
        tables.along_gamma(results, m, f"{label.split(',')[0]} at every γ")
        for m, label in figures.GAMMA_METRICS.items()
    )
    shown = [
        samples.guided(results, c, g) for g in study.guidance.kinds for c in study.guidance.cells
    ]
    rows = (
        "Rows are γ, columns are classes: the first sample of each, with the same noise in "
        "every row and every model. Models: "
        f"{', '.join(cell(c) for c in study.guidance.cells)}."
    )
    return [
        Section("guidance", "Guidance", lead, (), plots, (*folded, *extractors.further(results))),
        Section("samples", "Samples", rows, (), (samples.real(results), *shown), layout="samples"),
    ]


def _routes(results: Results) -> list[Section]:
    """The likelihood by other estimators, and level by level."""
    ddpms = bool(routes.ddpms(results))
    found = (routes.variances(results), routes.forms(results), routes.gradients(results))
    sections = [
        Section(
            "routes",
            "Other routes to the likelihood",
            "The same checkpoints by other estimators.",
            tuple(t for t in found if t.rows),
            (routes.lengths(results),) if ddpms else (),
        )
    ]
    if ddpms:
        levels = (figures.levels(results),)
        sections.append(
            Section("levels", "Bound at each noise level", "", (), levels, (draws.table(results),))
        )
    return sections


def sections(results: Results, mirror: Mirror) -> list[Section]:
    """The page from top to bottom, below the answer."""
    models = (tables.models(results),)
    costs_of = (costs.costs(results), costs.classifiers(results))
    found = [
        Section(
            "models", "Models", "", models, (figures.bounds(results),), (tables.parts(results),)
        ),
        *_grid(results),
        *_autoencoders(results),
        *_fidelity(results),
        *_comparisons(results),
        *_guidance(results),
        *_routes(results),
        Section("training", "Training", "", (), (figures.training(results),)),
        Section("costs", "Costs and classifiers", "", tuple(t for t in costs_of if t.rows)),
        Section("claims", "Claims", "", (claims_table(results),)),
        *calibration_sections(results),
        Section("provenance", "Provenance", "", (provenance.table(results, mirror),)),
    ]
    return [s for s in found if s.tables or s.plots]
