"""The house: how modules are named, what is declared, and what nobody may know."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from mutated_suites import SUITES
from mutations import MUTATIONS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "threetargets"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
AGREED = {"__init__", "__main__", "spec", "model", "sampling", "likelihood", "operations"}
AGREED |= {"measure"}
"""Basenames that several folders have: the files of families and experiments, and a stage named as
they are."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_no_two_modules_have_one_name() -> None:
    names = Counter(path.stem for path in MODULES)
    assert {name for name, count in names.items() if count > 1} <= AGREED


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_families_know_a_family_by_its_name(path: Path) -> None:
    if path.relative_to(SOURCE).parts[0] in ("families", "calibration"):
        return
    text = path.read_text()
    for forbidden in (r'== "ddpm"', r'startswith\("ddpm', r"isinstance\((?:model|guide|judge),"):
        assert not re.search(forbidden, text), f"{path.name}: {forbidden}"


@pytest.mark.parametrize(
    "path", [*MODULES, *TESTS], ids=lambda path: str(path.relative_to(ROOT).with_suffix(""))
)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def imported(paths: list[Path]) -> set[str]:
    """Top-level modules of other projects that these files import."""
    names = set[str]()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"threetargets"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=\[; ]", name)[0]).lower()


DECLARED = {canonical(name) for name in PROJECT["dependencies"]}
IMPLIED = {
    "markupsafe": "of jinja2",
    "pydantic-core": "of pydantic",
}
"""Imported, and installed with the package that is declared."""
NOT_IMPORTED = {
    "snakemake": "the engine, called by name",
    "snakemake-executor-plugin-slurm": "of the Slurm profile",
    "dvc": "the other engine, called by name",
    "torchvision": "torch-fidelity's extractor takes it",
}


def test_every_import_is_declared_and_every_declared_package_is_used() -> None:
    where = packages_distributions()
    used = {canonical(d) for name in imported(MODULES) for d in where.get(name, [name])[:1]}
    used = {"mlflow" if name.startswith("mlflow-") else name for name in used}  # its parts
    assert used - DECLARED - set(IMPLIED) == set()
    assert DECLARED - used - set(NOT_IMPORTED) == set()


def prose() -> list[Path]:
    documents = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    return [*documents, ROOT / "workflow" / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]


@pytest.mark.parametrize("path", prose(), ids=lambda path: path.name)
def test_lines_have_at_most_a_hundred_columns(path: Path) -> None:
    """In rules and in prose; tables, examples and words that cannot be cut go on."""
    code = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        code ^= line.startswith("```")
        if code or (line.startswith(("|", "    ", "[", "!", "<")) and path.suffix == ".md"):
            continue
        assert len(line) <= 100 or " " not in line.strip()[:80], f"{path.name}:{number}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_values_are_named_after_what_they_are(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [getattr(node, key, None) for key in ("id", "arg", "attr", "name")]
        assert not {"found", "said", "told"} & {n for n in names if isinstance(n, str)}, path.name


@pytest.mark.parametrize("file", dict.fromkeys(file for file, _, _ in MUTATIONS))
def test_a_mutation_changes_one_place_into_what_can_be_read(file: str) -> None:
    """The suite that has to fail is there, too."""
    text = (SOURCE / file).read_text()
    for old, new in ((old, new) for one, old, new in MUTATIONS if one == file):
        assert text.count(old) == 1, old
        ast.parse(text.replace(old, new))
    paths = [part for part in SUITES[file.split("/")[0]] if part.startswith("tests/")]
    assert paths and all((ROOT / part).exists() for part in paths)
