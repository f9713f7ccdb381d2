"""The report as files: one self-contained page, the same in Markdown, and a CSV behind every table
and figure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from threetargets import experiments
from threetargets.files import need, write_json, write_text
from threetargets.pipeline import paths
from threetargets.report import topics
from threetargets.report.answer import Answer, answer
from threetargets.report.parts.pages import environment, style
from threetargets.report.parts.topic import Section
from threetargets.report.parts.wording import of
from threetargets.report.reading import calibrated, tidy
from threetargets.report.reading.collect import Results, calibration_dir
from threetargets.report.reading.headlines import headlines
from threetargets.report.reading.setting import setting
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.grounds.calibrations import PAGE
from threetargets.study.schema import Study


def _models(study: Study) -> str:
    """What stands beside the number of seeds."""
    if study.cells:
        return f"{len(study.cells)} models"
    return of(len(experiments.of(study)), "experiment")


@dataclass(frozen=True)
class Made:
    """A command, and what of the page it made: names of anchors and titles."""

    command: str
    what: tuple[tuple[str, str], ...]


def made(first: Answer, body: list[Section]) -> list[Made]:
    """Every command behind the page once, with the tables and figures that rest on it."""
    shown: list[tuple[str, str, tuple[str, ...]]] = []
    for tables, plots in (
        (first.tables, first.plots),
        *(((*section.tables, *section.folded), section.plots) for section in body),
    ):
        shown += [(f"table-{t.name}", t.title, t.commands) for t in tables]
        shown += [(f"figure-{p.name}", p.title, p.commands) for p in plots]
    by_command: dict[str, dict[str, str]] = {}
    for anchor, title, commands in shown:
        for command in commands:
            by_command.setdefault(command, {})[anchor] = title
    return [Made(command, tuple(what.items())) for command, what in by_command.items()]


def _html(results: Results, first: Answer, body: list[Section]) -> str:
    from markupsafe import Markup

    pages = environment(escape=True)
    # The style sheet and the drawings are ours, or escaped where they were drawn; everything else
    # is escaped here.
    pages.filters["drawing"] = lambda plot: Markup(plot.inline)
    return pages.get_template("page.html").render(
        study=results.study,
        models=_models(results.study),
        answer=first,
        sections=body,
        made=made(first, body),
        style=style(),
    )


def _markdown(results: Results, first: Answer, body: list[Section]) -> str:
    def plain(text: str) -> str:
        return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")

    pages = environment(escape=False)
    pages.filters["plain"] = plain
    text: str = pages.get_template("summary.md").render(
        study=results.study, answer=first, sections=body, made=made(first, body)
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _contents(first: Answer, body: list[Section]) -> dict[str, dict[str, str]]:
    """What each figure and table is called and under which heading it stands; the first screen
    shows some again."""
    shown: dict[str, dict[str, str]] = {}
    for topic, plots, tables in (
        *((s.title, s.plots, (*s.tables, *s.folded)) for s in body),
        ("The answer", first.plots, first.tables),
    ):
        for plot in plots:
            shown.setdefault(f"{plot.name}.svg", {"topic": topic, "title": plot.title})
        for table in tables:
            shown.setdefault(f"table-{table.name}.csv", {"topic": topic, "title": table.title})
    return shown


def write(results: Results, mirror: Mirror) -> Path:
    """Write reports/<study>/: figures and tables first, the page last. Returns the page.

    Raises CannotWrite, and MissingInput where calibration.json has lost its page.
    """
    folder = paths.reports(results.study)
    first, body = answer(results), topics.sections(results, mirror)
    html, markdown = _html(results, first, body), _markdown(results, first, body)
    write_text(folder / "metrics.csv", tidy.as_csv(tidy.rows(results)))
    write_json(folder / "metrics.json", headlines(results))
    known = setting(results.study).model_dump(mode="json") | {"headline": first.headline}
    write_json(folder / "setting.json", known)
    drawn: dict[str, str] = {}
    for plot in (*first.plots, *(p for section in body for p in section.plots)):
        drawn[f"{plot.name}.svg"] = plot.svg
        drawn[f"{plot.name}.csv"] = tidy.as_csv(plot.rows, plot.columns)
    shown = [table for section in body for table in (*section.tables, *section.folded)]
    for table in (*first.tables, *shown):
        drawn[f"table-{table.name}.csv"] = tidy.as_csv(table.csv_rows, table.head)
    for name, text in drawn.items():
        write_text(folder / "figures" / name, text)
    write_json(folder / "figures" / "contents.json", _contents(first, body))
    for old in (folder / "figures").iterdir():
        if old.suffix in (".svg", ".csv") and old.name not in drawn:
            old.unlink()
    if results.calibration is not None:
        copied = need(calibration_dir(results.study) / calibrated.PAGE)
        write_text(folder / PAGE, copied.read_text(encoding="utf-8"))
    else:
        (folder / PAGE).unlink(missing_ok=True)
    write_text(folder / "report.md", markdown)
    page = folder / "index.html"
    write_text(page, html)
    return page
