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


def json_schema() -> str:
    """The JSON schema of a parameter file, as text; config/schema.json is a copy of it."""
    import json

    from threetargets.study.schema import Study

    values = Study.model_json_schema()
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(about | values, indent=1, ensure_ascii=False) + "\n"
