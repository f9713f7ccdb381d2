"""What a study is: its file of parameters, checked before work starts. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threetargets.study.schema import Study


def parse(values: object, name: str) -> Study:
    """The study in `values`. Raises ConfigError with one line that names the key, the value and
    what was expected."""
    from threetargets.study import schema

    return schema.parse(values, name)


def load(path: str | Path) -> Study:
    """Read and check a parameter file. Raises MissingInput or ConfigError."""
    from threetargets.study.yaml import read_mapping

    return parse(read_mapping(Path(path)), str(path))
