"""The page across studies as files: reports/index.html, report.md and what lies behind them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from threetargets.errors import UserError
from threetargets.files import write_text
from threetargets.report.across import agreement, forest, regret_plot, side_by_side, which
from threetargets.report.across.contrasts import BOUND, FID, Contrast, contrasts
from threetargets.report.across.regret import of_choices, regrets
from threetargets.report.across.studies import CHOOSING, OneStudy
from threetargets.report.parts.drawing import Plot
from threetargets.report.parts.pages import environment, style
from threetargets.report.parts.wording import Table
from threetargets.report.reading import tidy

COMMAND = "threetargets index"
TABLES = ("regret", "answers", "side-by-side", "other-models", "settings")
DRAWN = (
    *(f"{name}.{kind}" for name in (regret_plot.NAME, forest.NAME) for kind in ("svg", "csv")),
    *(f"table-{name}.csv" for name in TABLES),
)
"""All that the page can have under figures/."""


@dataclass(frozen=True)
class Part:
    """Sentences, a picture, a table and remarks on one question."""

    lead: tuple[str, ...]
    sure: str
    plot: Plot | None
    table: Table | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Across:
    """What the page says: which choice is never far behind, which target of a pair is lower,
    tables, every study, and what was left out."""

    which: Part
    pairs: Part
    table: Table | None
    folded: Table | None
    settings: Table
    studies: tuple[OneStudy, ...]
    holes: tuple[str, ...]
    lowest: str
    differ: str
    choosing: str = ""
    command: str = COMMAND


def across(studies: list[OneStudy], left_out: list[UserError], choosing: bool = False) -> Across:
    """The page before it is HTML or Markdown; with `choosing` it names the study that chooses
    parameters for others."""
    compared = contrasts(studies)
    models, others = side_by_side.tables(studies)
    return Across(
        _which(studies, compared),
        _pairs(studies, compared),
        models,
        others,
        side_by_side.settings(studies),
        tuple(studies),
        tuple(one_line(error) for error in left_out),
        side_by_side.lowest(models),
        side_by_side.differ(studies),
        CHOOSING if choosing else "",
    )


def _which(studies: list[OneStudy], compared: list[Contrast]) -> Part:
    some = of_choices(regrets(studies))
    lead = [which.advice(some, BOUND), which.advice(some, FID)]
    then = [agreement.under_own_losses(compared), agreement.trained_on_the_bound(compared)]
    beside = [*which.remarks(some, studies), *then]
    return Part(
        tuple(filter(None, lead)) or (which.NONE,),
        which.sure(some, len(studies)),
        regret_plot.picture(some),
        which.table(some),
        tuple(filter(None, beside)),
    )


def _pairs(studies: list[OneStudy], some: list[Contrast]) -> Part:
    sentences = [agreement.skipped(some), *agreement.rules(some, studies)]
    return Part(
        tuple(filter(None, [agreement.headline(some), agreement.samples(some)])),
        agreement.sure(some, studies),
        forest.picture(some),
        agreement.answers(some),
        tuple(filter(None, sentences)),
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
    for plot in (page.which.plot, page.pairs.plot):
        if plot is not None:
            drawn[f"{plot.name}.svg"] = plot.svg
            drawn[f"{plot.name}.csv"] = tidy.as_csv(plot.rows, plot.columns)
    tables = (page.which.table, page.pairs.table, page.table, page.folded, page.settings)
    for table in tables:
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
