"""The names in a registry, read without importing what it registers.

Parameters are checked by the pipeline's front end, which every job starts again and which must not
import torch. So the legal names are read from the source of the module that registers them: adding
an entry there is adding it everywhere.
"""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

PACKAGE = Path(__file__).parent.parent
Plain = TypeVar("Plain", int, str)


def _assigned(module: str, variable: str) -> ast.expr | None:
    for node in ast.parse((PACKAGE / module).read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        goals = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(goal, ast.Name) and goal.id == variable for goal in goals):
            return node.value
    return None


@functools.cache
def names(module: str, variable: str) -> tuple[str, ...]:
    """The keys of the dictionary, or the entries of the tuple, that `module` (a path in the
    package) assigns to `variable`."""
    value = _assigned(module, variable)
    entries: list[ast.expr | None] = []
    if isinstance(value, ast.Dict):
        entries = list(value.keys)
    elif isinstance(value, ast.Tuple):
        entries = list(value.elts)
    plain = [e.value for e in entries if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    if plain and len(plain) == len(entries):
        return tuple(plain)
    raise LookupError(f"{module} assigns no dictionary or tuple of plain names to {variable}")


def _given(module: str, variable: str, keyword: str, kind: type[Plain]) -> dict[str, Plain]:
    value = _assigned(module, variable)
    calls = value.values if isinstance(value, ast.Dict) else []
    given = [
        k.value for c in calls if isinstance(c, ast.Call) for k in c.keywords if k.arg == keyword
    ]
    plain = [e.value for e in given if isinstance(e, ast.Constant) and isinstance(e.value, kind)]
    if plain and len(plain) == len(calls):
        return dict(zip(names(module, variable), plain, strict=True))
    raise LookupError(
        f"{module} makes no entry of {variable} with a plain {kind.__name__} as {keyword}"
    )


@functools.cache
def facts(module: str, variable: str, keyword: str) -> dict[str, int]:
    """The number that every entry of the dictionary is made with as `keyword=`."""
    return _given(module, variable, keyword, int)


@functools.cache
def words(module: str, variable: str, keyword: str) -> dict[str, str]:
    """The word that every entry of the dictionary is made with as `keyword=`."""
    return _given(module, variable, keyword, str)


@functools.cache
def pools(module: str, variable: str) -> dict[str, tuple[tuple[int, tuple[str, ...]], ...]]:
    """What every entry of the dictionary is made with as `pools=`: numbers of images, and the
    splits that may be cut from them."""
    value = _assigned(module, variable)
    calls = value.values if isinstance(value, ast.Dict) else []
    given = [
        _literal(module, k.value)
        for c in calls
        if isinstance(c, ast.Call)
        for k in c.keywords
        if k.arg == "pools"
    ]
    return dict(zip(names(module, variable), given, strict=True))


def _literal(module: str, node: ast.expr | None) -> Any:
    """The value of an expression of plain values, and of names of such in the module."""
    if isinstance(node, ast.Tuple):
        return tuple(_literal(module, entry) for entry in node.elts)
    if isinstance(node, ast.Name):
        return _literal(module, _assigned(module, node.id))
    if isinstance(node, ast.Constant):
        return node.value
    raise LookupError(f"{module}: expected plain values, found {ast.dump(node) if node else node}")


@dataclass(frozen=True)
class OneOf:
    """A check that a string is an entry of one of these registries of a module; for editors, the
    list of their entries."""

    module: str
    variables: tuple[str, ...]

    @functools.cached_property
    def legal(self) -> list[str]:
        return [name for variable in self.variables for name in names(self.module, variable)]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "enum": self.legal}

    def check(self, value: str) -> str:
        if value not in self.legal:
            raise ValueError(f"unknown name {value!r}; expected one of {', '.join(self.legal)}")
        return value


def one_of(module: str, *variables: str) -> OneOf:
    return OneOf(module, variables)
