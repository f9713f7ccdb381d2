"""A caption as a reader meets it: two sentences, and the rest behind them."""

from __future__ import annotations

import re

SHOWN = 2
_END = re.compile(r"(?<=[.!?”)])(?<!e\.g\.)(?<!i\.e\.)(?<!et al\.)(?<!vs\.)\s+(?=\S)")
"""After a full stop that ends a sentence."""


def sentences(text: str) -> list[str]:
    """The sentences of a text; a closing bracket or quotation mark ends one only behind its full
    stop."""
    parts: list[str] = []
    for piece in _END.split(text.strip()):
        if parts and not re.search(r"[.!?][”)]?$", parts[-1]):
            parts[-1] = f"{parts[-1]} {piece}"
        else:
            parts.append(piece)
    return [part for part in parts if part]


def brief(caption: str) -> str:
    """The first two sentences."""
    return " ".join(sentences(caption)[:SHOWN])


def method(caption: str) -> str:
    """What follows them: how it was measured; empty for nothing."""
    return " ".join(sentences(caption)[SHOWN:])
