"""What is wrong with a parameter file, in one line."""

from __future__ import annotations

import re

from pydantic import BaseModel, ValidationError


def complaint(
    found: ValidationError, schema: type[BaseModel], more_keys: tuple[str, ...] = ()
) -> str:
    """`key: what is wrong and what was expected`, of the first error. `more_keys` are legal beside
    the schema's."""
    # A misspelt key is also a missing one: what was written says more than what was not.
    errors = sorted(found.errors(), key=lambda e: e["type"] != "extra_forbidden")
    error, total = errors[0], len(errors)
    where = ".".join(str(part) for part in error["loc"]) or "the file"
    kind = error["type"]
    if kind == "extra_forbidden":
        known = sorted({*_known_keys(error["loc"][:-1], schema), *more_keys})
        said = f"unknown key; expected one of {', '.join(known)}"
    elif kind == "missing":
        said = "is missing"
    else:
        message = error["msg"].removeprefix("Value error, ")
        said = message[0].lower() + message[1:]
        if not isinstance(error["input"], dict) and kind != "value_error":
            said += f", found {error['input']!r}"
        if kind in ("float_type", "int_type") and _exponent(error["input"]):
            said += (
                "; YAML takes it for text: write the mantissa with a point and the "
                "exponent with a sign, as 1.0e-3"
            )
    more = f" (and {total - 1} more mistake{'s' if total > 2 else ''})" if total > 1 else ""
    return f"{where}: {said}{more}"


def _exponent(value: object) -> bool:
    return (
        isinstance(value, str)
        and re.fullmatch(r"[+-]?[0-9.]+[eE][+-]?[0-9]+", value.strip()) is not None
    )


def _known_keys(loc: tuple, section: type[BaseModel]) -> set[str]:
    for part in loc:
        field = section.model_fields.get(str(part))
        if (
            field is None
            or not isinstance(field.annotation, type)
            or not issubclass(field.annotation, BaseModel)
        ):
            break
        section = field.annotation
    return set(section.model_fields)
