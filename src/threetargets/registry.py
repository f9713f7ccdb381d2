"""The names in a registry, read without importing what it registers.

Parameters are checked by the pipeline's front end, which every job starts again and which must not import torch. So the
legal names are read from the source of the module that registers them: adding an entry there is adding it everywhere.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from pydantic import AfterValidator

PACKAGE = Path(__file__).parent


@functools.cache
def names(module: str, variable: str) -> tuple[str, ...]:
    """The keys of the dictionary, or the entries of the tuple, that `module` (a path in the package) assigns to
    `variable`."""
    for node in ast.parse((PACKAGE / module).read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        goals = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not any(isinstance(goal, ast.Name) and goal.id == variable for goal in goals):
            continue
        value = node.value
        found = value.keys if isinstance(value, ast.Dict) else value.elts if isinstance(value, ast.Tuple) else []
        constants = [item.value for item in found if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        if constants and len(constants) == len(found):
            return tuple(constants)
    raise LookupError(f"{module} assigns no dictionary or tuple of plain names to {variable}")


def one_of(module: str, variable: str) -> AfterValidator:
    """A check that a string is an entry of that registry."""

    def check(value: str) -> str:
        legal = names(module, variable)
        if value not in legal:
            raise ValueError(f"unknown name {value!r}; expected one of {', '.join(legal)}")
        return value

    return AfterValidator(check)
