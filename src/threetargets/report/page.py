"""The report as files: one self-contained page, the same in Markdown, and a CSV behind every table and figure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from threetargets import grid
from threetargets.files import need, write_text
from threetargets.report import (
    calibrated,
    calibration_tables,
    claims,
    comparisons,
    costs,
    draws,
    figures,
    provenance,
    samples,
    tables,
    tidy,
)
from threetargets.report.answer import Answer, answer
from threetargets.report.captions import commands
from threetargets.report.collect import Results, calibration_dir
from threetargets.report.comparisons import BOUND, FID
from threetargets.report.drawing import Plot
from threetargets.report.mirror import Mirror
from threetargets.report.wording import Table, Text, cell

TEMPLATES = Path(__file__).parent
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
        "Rules were written before the first run; what was changed since is named with its claim (alpha = "
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
        Section("comparisons", "Paired comparisons", "", tuple(t for t in paired if t.rows)),
    ]
    if swept:
        lead = "One γ for both kinds: γ = 0 is unconditional, γ = 1 Bayes; the classifier-free paper's w is γ − 1."
        plots = tuple(figures.along_gamma(results, m) for m in figures.GAMMA_METRICS)
        folded = tuple(
            tables.along_gamma(results, m, f"{label.split(',')[0]} at every γ")
            for m, label in figures.GAMMA_METRICS.items()
        )
        found.append(Section("guidance", "Guidance", lead, (), plots, folded))
        shown = [samples.guided(results, c, g) for g in study.guidance.kinds for c in study.guidance.cells]
        lead = (
            "Rows are γ, columns are classes: the first sample of each, with the same noise in every "
            "row and every model. "
        )
        lead += f"Models: {', '.join(cell(c) for c in study.guidance.cells)}."
        found.append(Section("samples", "Samples", lead, (), (samples.real(results), *shown), layout="samples"))
    found += [
        Section("levels", "Bound at each noise level", "", (), (figures.levels(results),), (draws.table(results),)),
        Section("training", "Training", "", (), (figures.training(results),)),
        Section("costs", "Costs and classifiers", "", (costs.costs(results), costs.classifiers(results))),
        Section("claims", "Claims", "", (claims_table(results),)),
        *calibration_sections(results),
        Section("provenance", "Provenance", "", (provenance.table(results, mirror),)),
    ]
    return [s for s in found if s.tables or s.plots]


def _html(results: Results, first: Answer, body: list[Section]) -> str:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The style sheet and the drawings are ours, or escaped where they were drawn; everything else is escaped here.
    environment.filters["drawing"] = lambda plot: Markup(plot.inline)
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    return environment.get_template("page.html").render(study=results.study, answer=first, sections=body, style=style)


def _markdown(results: Results, first: Answer, body: list[Section]) -> str:
    import jinja2

    def plain(text: str) -> str:
        return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    text: str = environment.get_template("summary.md").render(study=results.study, answer=first, sections=body)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def write(results: Results, mirror: Mirror) -> Path:
    """Write reports/<study>/: figures and tables first, the page last. Returns the page.

    Raises CannotWrite, and MissingInput where calibration.json has lost its page.
    """
    folder = grid.reports(results.study)
    first, body = answer(results), sections(results, mirror)
    html, markdown = _html(results, first, body), _markdown(results, first, body)
    write_text(folder / "metrics.csv", tidy.as_csv(tidy.rows(results)))
    drawn: dict[str, str] = {}
    for section in body:
        for plot in section.plots:
            drawn[f"{plot.name}.svg"] = plot.svg
            drawn[f"{plot.name}.csv"] = tidy.as_csv(plot.rows, plot.columns)
        for table in (*section.tables, *section.folded):
            drawn[f"table-{table.name}.csv"] = tidy.as_csv(table.csv_rows, table.head)
    for name, text in drawn.items():
        write_text(folder / "figures" / name, text)
    for old in (folder / "figures").iterdir():
        if old.suffix in (".svg", ".csv") and old.name not in drawn:
            old.unlink()
    if results.calibration is not None:
        copied = need(calibration_dir(results.study) / calibrated.PAGE)
        write_text(folder / CALIBRATION, copied.read_text(encoding="utf-8"))
    else:
        (folder / CALIBRATION).unlink(missing_ok=True)
    write_text(folder / "report.md", markdown)
    page = folder / "index.html"
    write_text(page, html)
    return page
