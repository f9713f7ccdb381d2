"""The digest of the code that a stage runs: its module and everything of ours that it imports, by
content."""

from __future__ import annotations

import ast
import functools
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
NO_NUMBERS = (
    "tracking",
    "study",
    "pipeline",
    "errors",
)
"""Left out of every digest but the report's: the mirror of what was measured, the reading of
parameters, whose values are in the identity themselves, the names of files, and messages."""


def _file(module: str) -> Path | None:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    if path.is_dir():
        return path / "__init__.py"
    return path.with_suffix(".py") if path.with_suffix(".py").exists() else None


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] == PACKAGE.name}


def _counts(module: str) -> bool:
    return module.split(".")[1:2] not in [[name] for name in NO_NUMBERS]


@functools.cache
def modules(stage: str) -> tuple[str, ...]:
    """The files, relative to the package, that `stages/<stage>.py` imports directly or through
    others, itself included; and the templates that lie beside them; less NO_NUMBERS where they
    cannot change one."""
    todo = [f"{PACKAGE.name}.stages.{stage}"]
    files: set[Path] = set()
    while todo:
        path = _file(todo.pop())
        if path is None or path in files or not path.exists():
            continue
        files.add(path)
        todo.extend(name for name in _imports(path) if stage == "report" or _counts(name))
    templates = {
        t for path in files for t in path.parent.iterdir() if t.suffix in (".html", ".css", ".md")
    }
    return tuple(sorted(str(path.relative_to(PACKAGE)) for path in files | templates))


@functools.cache
def code_digest(stage: str) -> str:
    """12 hexadecimal digits: SHA-256 over the names and contents of `modules(stage)`."""
    sha = hashlib.sha256()
    for name in modules(stage):
        sha.update(name.encode() + b"\0" + (PACKAGE / name).read_bytes() + b"\0")
    return sha.hexdigest()[:12]
