"""What is wrong with a parameter file, in one line."""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError


def complaint(error: ValidationError, schema: Any, more_keys: tuple[str, ...] = ()) -> str:
    """`key: what is wrong and what was expected`, of the first mistake. `more_keys` are legal
    beside the schema's."""
    # A misspelt key is also a missing one: what was written says more than what was not.
    mistakes = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    mistake, total = mistakes[0], len(mistakes)
    keys, parent = _keys(mistake["loc"], schema)
    kind = mistake["type"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        keys.append("name")
    where = ".".join(keys) or "the file"
    if kind == "extra_forbidden":
        known = sorted({*parent, *more_keys})
        wrong = f"unknown key; expected one of {', '.join(known)}"
    elif kind in ("missing", "union_tag_not_found"):
        wrong = "is missing"
    elif kind == "union_tag_invalid":
        context = mistake["ctx"]
        expected = context["expected_tags"].replace(", ", " or ")
        wrong = f"input should be {expected}, found {context['tag']!r}"
    else:
        message = mistake["msg"].removeprefix("Value error, ")
        wrong = message[0].lower() + message[1:]
        if not isinstance(mistake["input"], dict) and kind != "value_error":
            wrong += f", found {mistake['input']!r}"
    more = f" (and {total - 1} more mistake{'s' if total > 2 else ''})" if total > 1 else ""
    return f"{where}: {wrong}{more}"


def _keys(loc: tuple[int | str, ...], schema: Any) -> tuple[list[str], set[str]]:
    """The keys that lead to a mistake, and the known keys of the block that it stands in. Where a
    block is one of several by its `name`, pydantic puts the name among the keys: it is no key."""
    keys: list[str] = []
    known: set[str] = set()
    options = _blocks(schema)
    for part in loc:
        named = [o for o in options if _name(o) == part] if len(options) > 1 else []
        if named:
            options = named
            continue
        keys.append(str(part))
        known = {key for option in options for key in option.model_fields}
        inner = [o.model_fields[part] for o in options if part in o.model_fields]
        options = [b for field in inner for b in _blocks(field.annotation)]
    return keys, known


def _name(block: type[BaseModel]) -> object:
    return next(iter(get_args(block.model_fields["name"].annotation)), None)


def _blocks(annotation: Any) -> list[type[BaseModel]]:
    """The blocks that an annotation allows: one, or several told apart by their `name`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType):
        return [block for option in get_args(annotation) for block in _blocks(option)]
    arguments = get_args(annotation)
    return _blocks(arguments[0]) if hasattr(annotation, "__metadata__") else []
