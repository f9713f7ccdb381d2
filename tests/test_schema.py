"""The JSON schema that editors read is that of the code, and the shipped files name it."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from threetargets import study
from threetargets.study.yaml import read_mapping

ROOT = Path(__file__).parents[1]
COPY = ROOT / "config" / "schema.json"
SHIPPED = [ROOT / "params.yaml", *sorted((ROOT / "config").glob("*.yaml"))]
SCHEMA = json.loads(study.json_schema())


def test_the_copy_is_fresh() -> None:
    assert COPY.read_text() == study.json_schema(), "run `threetargets schema > config/schema.json`"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_files_fit_and_name_it(path: Path) -> None:
    jsonschema.validate(read_mapping(path), SCHEMA)
    first = path.read_text().splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == COPY


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("sampling", "sampler"), "dpm"),
        (("diffusion", "schedule", "name"), "sigmoid"),
        (("network", "name"), "cnn"),
        (("evaluation", "metrics"), ["fidd"]),
        (("seed",), 1),
        (("training", "gan"), {}),
        (("experiments",), {"manifolds": {}}),
    ],
)
def test_it_knows_the_names(keys: tuple[str, ...], value: object) -> None:
    values = copy.deepcopy(read_mapping(ROOT / "params.yaml"))
    section = values
    for key in keys[:-1]:
        section = section[key]  # type: ignore[index]
    section[keys[-1]] = value  # type: ignore[index]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, SCHEMA)
