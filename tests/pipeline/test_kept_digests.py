"""Digests of code are kept beside the bytecode, and are never those of other code."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pipeline.conftest import ROOT
from pipeline.test_identity import identities

from threetargets.pipeline import kept_digests


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of one module, whose bytecode may be written."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "package" / "pipeline").mkdir(parents=True)
    (tmp_path / "package" / "pipeline" / "digest.py").write_text("ONE = 1\n")
    return tmp_path / "package"


def asked(package: Path, key: str = "train") -> tuple[str, int]:
    """What a new process gets for the key, and how often it computes."""
    calls: list[str] = []

    def compute() -> str:
        calls.append(key)
        return f"{key} of {(package / 'pipeline' / 'digest.py').read_text()!r}"

    kept_digests._sha.cache_clear()
    return kept_digests.kept(package, key, compute), len(calls)


def file_of(package: Path) -> Path:
    return next((package / "pipeline" / "__pycache__").glob("*.json"))


def test_what_was_computed_once_is_read_afterwards(package: Path) -> None:
    first, again, other = asked(package), asked(package), asked(package, "sample")
    assert first == ("train of 'ONE = 1\\n'", 1)
    assert again == (first[0], 0)
    assert other[1] == 1
    assert asked(package)[1] == asked(package, "sample")[1] == 0


EDITS: dict[str, Callable[[Path], object]] = {
    "an edit": lambda package: (package / "pipeline" / "digest.py").write_text("ONE = 2\n"),
    "a new file": lambda package: (package / "new.py").write_text(""),
    "a new name": lambda package: (
        (package / "pipeline" / "digest.py").rename(package / "pipeline" / "other.py"),
        (package / "pipeline" / "digest.py").write_text(""),
    ),
    "a template": lambda package: (package / "page.html").write_text("<p>"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_other_bytes_are_another_package(package: Path, edit: Callable[[Path], object]) -> None:
    asked(package)
    edit(package)
    digest, computed = asked(package)
    assert computed == 1
    assert digest == f"train of {(package / 'pipeline' / 'digest.py').read_text()!r}"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"package": 1}', '{"digests": {}}'])
def test_a_file_that_says_nothing_is_none(package: Path, text: str) -> None:
    asked(package)
    file_of(package).write_text(text)
    assert asked(package)[1] == 1
    assert asked(package)[1] == 0


def test_nothing_is_written_where_python_writes_no_bytecode(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert asked(package)[1] == asked(package)[1] == 1
    assert not (package / "pipeline" / "__pycache__").exists()


def test_a_folder_that_cannot_be_written_stops_nothing(package: Path) -> None:
    (package / "pipeline" / "__pycache__").write_text("a file in the place of the folder")
    assert asked(package)[1] == asked(package)[1] == 1


def test_identities_are_the_same_computed_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped = shutil.ignore_patterns("__pycache__")
    package = tmp_path / "src" / "threetargets"
    shutil.copytree(ROOT / "src" / "threetargets", package, ignore=skipped)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    computed = identities(package)
    assert not list(package.rglob("*.json"))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE")
    assert identities(package) == computed
    written = file_of(package).stat().st_mtime_ns
    assert identities(package) == computed
    assert file_of(package).stat().st_mtime_ns == written
