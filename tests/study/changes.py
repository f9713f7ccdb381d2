"""The default study with some keys changed, and a walk over every key that there is."""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from threetargets import study
from threetargets.study.schema import Study

ROOT = Path(__file__).parents[2]
DEFAULT: dict[str, Any] = study.load(ROOT / "params.yaml").model_dump(mode="json")
MANIFOLD: dict[str, Any] = study.load(ROOT / "config/manifold.yaml").model_dump(mode="json")


def changed(values: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The parameters with other values: `sampling__eta=0.5`. A key is deleted by `...`."""
    whole = copy.deepcopy(DEFAULT if values is None else values)
    for path, value in changes.items():
        *parents, last = path.split("__")
        section = whole
        for parent in parents:
            section = section[parent]
        section[last] = value
        if value is ...:
            del section[last]
    return whole


def leaves(annotation: Any = Study, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, annotation) of every key that holds no block. A block that is one of several is
    walked once for each: their keys stand beside each other."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for key, field in annotation.model_fields.items():
            yield from leaves(field.annotation, f"{path}.{key}".lstrip("."))
        return
    blocks = [one for one in _inside(annotation) if _is_block(one)]
    if not blocks:
        yield path, annotation
    for block in blocks:
        yield from leaves(block, path)


def _is_block(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _inside(annotation: Any) -> Iterator[Any]:
    """What stands in Optional, Annotated, unions and lists."""
    if hasattr(annotation, "__metadata__"):
        yield from _inside(annotation.__origin__)
    elif get_origin(annotation) in (Union, types.UnionType, list):
        for one in get_args(annotation):
            yield from _inside(one)
    else:
        yield annotation


def holds_numbers(annotation: Any) -> bool:
    """Whether a key holds a whole number, or several."""
    return int in _inside(annotation)
