"""The page across studies as files: reports/index.html, report.md and what lies behind them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from threetargets.errors import UserError
from threetargets.files import write_text
from threetargets.report.across import agreement, forest, side_by_side
from threetargets.report.across.contrasts import contrasts
from threetargets.report.across.studies import CHOOSING, OneStudy
from threetargets.report.parts.drawing import Plot
from threetargets.report.parts.pages import environment, style
from threetargets.report.parts.wording import Table
from threetargets.report.reading import tidy

DRAWN = (
    f"{forest.NAME}.svg",
    f"{forest.NAME}.csv",
    *(f"table-{name}.csv" for name in ("answers", "side-by-side", "other-models", "settings")),
)
"""All that the page can have under figures/."""


@dataclass(frozen=True)
class Across:
    """What the page says: what to use, how sure it is, a picture, tables, every study, and what was
    left out."""

    headline: tuple[str, ...]
    answers: Table | None
    sure: str
    sentences: tuple[str, ...]
    plot: Plot | None
    table: Table | None
    folded: Table | None
    settings: Table
    studies: tuple[OneStudy, ...]
    holes: tuple[str, ...]
    choosing: str = ""


def across(studies: list[OneStudy], left_out: list[UserError], choosing: bool = False) -> Across:
    """The page before it is HTML or Markdown; with `choosing` it names the study that chooses
    parameters for others."""
    some = contrasts(studies)
    sentences = [agreement.skipped(some), *agreement.rules(some, studies)]
    return Across(
        tuple(filter(None, [agreement.headline(some), agreement.samples(some)])),
        agreement.answers(some),
        agreement.sure(some, studies),
        tuple(filter(None, sentences)),
        forest.picture(some),
        *side_by_side.tables(studies),
        side_by_side.settings(studies),
        tuple(studies),
        tuple(one_line(error) for error in left_out),
        CHOOSING if choosing else "",
    )


def one_line(error: UserError) -> str:
    """Its message, of which the name of a folder may be a part."""
    return " ".join(str(error).split())


def _html(page: Across) -> str:
    from markupsafe import Markup

    pages = environment(escape=True)
    pages.filters["drawing"] = lambda plot: Markup(plot.inline)
    return pages.get_template("index.html").render(page=page, style=style())


def _markdown(page: Across) -> str:
    def plain(text: str) -> str:
        return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")

    pages = environment(escape=False)
    pages.filters["plain"] = plain
    text: str = pages.get_template("index.md").render(page=page)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def write(reports: Path, page: Across) -> Path:
    """Write figures and tables first, the page last. Returns the page. Raises CannotWrite."""
    html, markdown = _html(page), _markdown(page)
    drawn: dict[str, str] = {}
    if page.plot is not None:
        drawn[f"{page.plot.name}.svg"] = page.plot.svg
        drawn[f"{page.plot.name}.csv"] = tidy.as_csv(page.plot.rows, page.plot.columns)
    for table in (page.answers, page.table, page.folded, page.settings):
        if table is not None:
            drawn[f"table-{table.name}.csv"] = tidy.as_csv(table.csv_rows, table.head)
    for name in DRAWN:
        if name in drawn:
            write_text(reports / "figures" / name, drawn[name])
        else:
            (reports / "figures" / name).unlink(missing_ok=True)
    write_text(reports / "report.md", markdown)
    written = reports / "index.html"
    write_text(written, html)
    return written
