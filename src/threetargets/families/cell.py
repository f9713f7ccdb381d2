"""The name of a cell, parsed."""

from __future__ import annotations


class Cell(str):
    """A cell of the grid. It is a string, since it names a folder, stands in commands and is a key
    of JSON; and it knows what its family read in it, so that nobody parses it again."""

    family: str
    kind: str
    variant: str

    def __new__(cls, name: str, family: str = "", kind: str = "", variant: str = "") -> Cell:
        cell = super().__new__(cls, name)
        cell.family, cell.kind, cell.variant = family, kind or name, variant
        return cell
