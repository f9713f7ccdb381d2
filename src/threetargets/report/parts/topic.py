"""A topic of the report: one subject, with its tables and figures, its claims and their deciders,
and what the first screen says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from threetargets.report.parts.drawing import Plot
from threetargets.report.parts.verdicts import Finding
from threetargets.report.parts.wording import Table
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror

KASY, DAI = "Kasy 2024 (000)", "Dai, lecture 12 (001)"
CHAPTER, POLYAKOV = "Lecture notes, chapter 11 (002)", "Polyakov 2022 (003)"
MCALLESTER = "McAllester 2022 (004)"


@dataclass(frozen=True)
class Claim:
    """What is claimed, by whom, how it is tested, and what would count as reproduced. `post_hoc`:
    what was changed after a run had measured what the rule decides, empty for nothing."""

    id: str
    statement: str
    source: str
    test: str
    rule: str
    decide: Callable[[Results], Finding]
    post_hoc: str = ""


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


def _nothing(results: Results) -> list[str]:
    return []


@dataclass(frozen=True)
class Topic:
    """Each topic is a module of topics/ that ends with its TOPIC. A section without tables and
    figures is left out."""

    id: str
    sections: Callable[[Results, Mirror], list[Section]]
    claims: tuple[Claim, ...] = ()
    sentences: Callable[[Results], list[str]] = _nothing
