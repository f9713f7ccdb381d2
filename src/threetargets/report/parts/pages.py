"""The templates of the pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from threetargets.report.parts import palette, sentences

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


FOLDER = Path(__file__).parents[1] / "templates"


def environment(escape: bool) -> Environment:
    """With `escape`, everything that a template is given is escaped as HTML."""
    import jinja2

    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=escape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"brief": sentences.brief, "method": sentences.method}
    return pages


def style() -> Markup:
    """The style sheet that every page carries."""
    from markupsafe import Markup

    return Markup(palette.style() + (FOLDER / "style.css").read_text(encoding="utf-8"))
