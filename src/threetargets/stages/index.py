"""The stage that reads every report there is and writes the page across studies."""

from __future__ import annotations

from pathlib import Path

from threetargets.errors import UserError
from threetargets.report import index_page
from threetargets.report.across import studies
from threetargets.report.index_page import one_line

__all__ = ["one_line", "run"]

CONFIG = Path("config")


def run(reports: Path) -> tuple[Path, list[UserError]]:
    """Write index.html, report.md and figures/ in the folder of the reports. Returns the page, and
    why folders are not on it.

    Raises MissingInput without the folder, CannotWrite.
    """
    config = [Path("params.yaml"), *sorted(CONFIG.glob("*.yaml"))]
    known, left_out = studies.read_all(reports, config)
    choosing = (reports / studies.CHOOSING / "index.html").is_file()
    return index_page.write(reports, index_page.across(known, left_out, choosing)), left_out
