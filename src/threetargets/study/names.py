"""The names in a registry, read without importing what it registers.

Parameters are checked by the pipeline's front end, which every job starts again and which must not
import torch. So the legal names are read from the source of the module that registers them: adding
an entry there is adding it everywhere.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from pydantic import AfterValidator

PACKAGE = Path(__file__).parent.parent


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
    found = (
        value.keys
        if isinstance(value, ast.Dict)
        else value.elts
        if isinstance(value, ast.Tuple)
        else []
    )
    constants = [
        item.value
        for item in found
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    ]
    if constants and len(constants) == len(found):
        return tuple(constants)
    raise LookupError(f"{module} assigns no dictionary or tuple of plain names to {variable}")


@functools.cache
def facts(module: str, variable: str, keyword: str) -> dict[str, int]:
    """The number that every entry of the dictionary is made with as `keyword=`."""
    value = _assigned(module, variable)
    calls = value.values if isinstance(value, ast.Dict) else []
    found = [
        k.value for c in calls if isinstance(c, ast.Call) for k in c.keywords if k.arg == keyword
    ]
    numbers = [
        item.value
        for item in found
        if isinstance(item, ast.Constant) and isinstance(item.value, int)
    ]
    if numbers and len(numbers) == len(calls):
        return dict(zip(names(module, variable), numbers, strict=True))
    raise LookupError(f"{module} makes no entry of {variable} with a plain number as {keyword}")


def one_of(module: str, variable: str) -> AfterValidator:
    """A check that a string is an entry of that registry."""

    def check(value: str) -> str:
        legal = names(module, variable)
        if value not in legal:
            raise ValueError(f"unknown name {value!r}; expected one of {', '.join(legal)}")
        return value

    return AfterValidator(check)
