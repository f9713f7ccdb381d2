"""Variants of a cell: the same block of parameters, but for the keys that the variant names."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from threetargets.study.complaint import complaint
from threetargets.study.values import Section

if TYPE_CHECKING:
    from threetargets.study.blocks import Training
    from threetargets.study.schema import Study

TRAINING = "training"
Block = TypeVar("Block", bound=Section)


def variant_name(name: str) -> str:
    """The last part of a cell's name, such as z20 of vae_z20. Raises ValueError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise ValueError(
            f"{name!r} names a variant; expected lower case letters, digits and hyphens"
        )
    return name


Variants = Annotated[
    dict[Annotated[str, AfterValidator(variant_name)], dict[str, Any]], Field(default={})
]


def merged(own: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`own` with `changes`, block by block. A block that gets another `name` is another thing, and
    keeps nothing of the old one that it does not say."""
    whole = dict(own)
    for key, value in changes.items():
        old = own.get(key)
        whole[key] = value
        if not (isinstance(value, Mapping) and isinstance(old, Mapping)):
            continue
        if value.get("name", old.get("name")) == old.get("name"):
            whole[key] = merged(old, value)
    return whole


@functools.cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def changed(
    block: Block, changes: Any, where: str, more_keys: tuple[str, ...] = (), schema: Any = None
) -> Block:
    """The block with the changes, checked against `schema`, its own class unless said. Raises
    ValueError, one line that begins with `where`."""
    if not isinstance(changes, Mapping):
        raise ValueError(f"{where}: expected a mapping of keys")
    schema = schema or type(block)
    try:
        made: Block = _adapter(schema).validate_python(merged(block.model_dump(), changes))
    except ValidationError as error:
        raise ValueError(f"{where}.{complaint(error, schema, more_keys)}") from None
    return made


def training(study: Study, kind: str, changes: Mapping[str, Any], where: str) -> Training:
    """The training block of a kind of model, with a variant's changes of it. Raises ValueError."""
    block: Training | None = getattr(study.training, kind)
    if block is None:
        raise ValueError(f"training.{kind} is missing, and cells names a {kind}")
    return (
        changed(block, changes[TRAINING], f"{where}.{TRAINING}") if TRAINING in changes else block
    )


def without(changes: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in changes.items() if key not in keys}
