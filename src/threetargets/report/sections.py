"""The report from top to bottom, below the answer: which tables and figures stand under which heading."""

from __future__ import annotations

from dataclasses import dataclass

from threetargets.report import (
    calibration_tables,
    claims,
    comparisons,
    costs,
    draws,
    extractors,
    figures,
    provenance,
    routes,
    samples,
    tables,
)
from threetargets.report.captions import commands
from threetargets.report.collect import Results, calibration_dir
from threetargets.report.comparisons import BOUND, FID
from threetargets.report.drawing import Plot
from threetargets.report.mirror import Mirror
from threetargets.report.wording import Table, Text, cell

CALIBRATION = "calibration.html"
"""The copy of the calibration's page beside the report."""


@dataclass(frozen=True)
class Section:
    """A heading with its tables and figures, in that order; `layout` is a CSS class for the figures."""

    id: str
    title: str
    lead: str = ""
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    folded: tuple[Table, ...] = ()
    layout: str = ""
    links: tuple[tuple[str, str], ...] = ()


def claims_table(results: Results) -> Table:
    """One row a claim; those that this study has no data for are listed last."""
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
    rows += [
        (
            Text(name),
            Text("no data", "no-data"),
            Text(said, "", source),
            Text("no data in this study", "weak"),
            Text("–"),
        )
        for name, said, source in claims.ELSEWHERE
    ]
    caption = (
        "Rules were written before the first run that measured what they decide; what was changed since is named with "
        "its claim (alpha = "
        f"{results.study.comparison.alpha:g}, margins as in the tables of comparisons). "
        "Under each statement its source, under each test its rule, under each figure the runs behind it."
    )
    head = ("claim", "verdict", "statement", "test and rule", "figure")
    made = commands(results, "train", "likelihood", "sample", "evaluate")
    return Table("claims", "Claims", head, tuple(rows), caption, made)


def calibration_sections(results: Results) -> list[Section]:
    """The estimators on known densities, and the errata of the notes; where they are missing it says so."""
    found = results.calibration
    if found is None:
        command = f"threetargets calibrate --out {calibration_dir(results.study)}"
        lost = [("calibration", "Calibration"), ("errata", "Errata of the lecture notes")]
        return [Section(n, t, "", (calibration_tables.missing(n, t, command),)) for n, t in lost]
    lead = "The estimators behind this report, run where the answer is known."
    links = ((CALIBRATION, "Every row, expected and measured"),)
    return [
        Section("calibration", "Calibration", lead, (calibration_tables.overview(found),), links=links),
        Section("errata", "Errata of the lecture notes", "", (calibration_tables.errata(found),)),
    ]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    """The page from top to bottom, below the answer."""
    study = results.study
    swept = bool(study.guidance.cells and study.guidance.kinds)
    families = (("targets", comparisons.targets), ("weightings", comparisons.weightings))
    paired = [tables.paired(results, name, decide(results, BOUND), decide(results, FID)) for name, decide in families]
    found = [
        Section(
            "models", "Models", "", (tables.models(results),), (figures.bounds(results),), (tables.parts(results),)
        ),
        Section(
            "grid",
            "Target by weighting",
            "The same network, data order and noise in every cell; only what the network predicts and how its "
            "error is weighted differ.",
            (tables.target_grid(results, BOUND), tables.target_grid(results, FID)),
        ),
        Section(
            "fidelity",
            "FID and its kin",
            "Tables, figures and comparisons of FID elsewhere are by the first extractor."
            if len(study.evaluation.extractors) > 1
            else "",
            extractors.tables(results),
        ),
        Section("comparisons", "Paired comparisons", "", tuple(t for t in paired if t.rows)),
    ]
    if swept:
        lead = "One γ for both kinds: γ = 0 is unconditional, γ = 1 Bayes; the classifier-free paper's w is γ − 1."
        plots = tuple(figures.along_gamma(results, m) for m in figures.GAMMA_METRICS)
        folded = tuple(
            tables.along_gamma(results, m, f"{label.split(',')[0]} at every γ")
            for m, label in figures.GAMMA_METRICS.items()
        )
        found.append(Section("guidance", "Guidance", lead, (), plots, (*folded, *extractors.further(results))))
        shown = [samples.guided(results, c, g) for g in study.guidance.kinds for c in study.guidance.cells]
        lead = (
            "Rows are γ, columns are classes: the first sample of each, with the same noise in every "
            "row and every model. "
        )
        lead += f"Models: {', '.join(cell(c) for c in study.guidance.cells)}."
        found.append(Section("samples", "Samples", lead, (), (samples.real(results), *shown), layout="samples"))
    found += [
        Section(
            "routes",
            "Other routes to the likelihood",
            "The same checkpoints by other estimators.",
            tuple(t for t in (routes.variances(results), routes.forms(results), routes.gradients(results)) if t.rows),
            (routes.lengths(results),) if routes.ddpms(results) else (),
        ),
        Section("levels", "Bound at each noise level", "", (), (figures.levels(results),), (draws.table(results),)),
        Section("training", "Training", "", (), (figures.training(results),)),
        Section("costs", "Costs and classifiers", "", (costs.costs(results), costs.classifiers(results))),
        Section("claims", "Claims", "", (claims_table(results),)),
        *calibration_sections(results),
        Section("provenance", "Provenance", "", (provenance.table(results, mirror),)),
    ]
    return [s for s in found if s.tables or s.plots]
