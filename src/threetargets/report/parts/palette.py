"""The colours of the report, by what they stand for: of the pages, and of the drawings in them.

Drawings are made with the light values, which a page replaces by CSS variables of the same names,
so that the reader's scheme decides. Targets and models have Okabe and Ito's colours, darkened where
they were too faint on white.
"""

from __future__ import annotations

PALETTE = {
    "paper": ("#fffffe", "#14171a"),
    "ink": ("#1d2126", "#e4e7ea"),
    "muted": ("#5c6570", "#9aa4ae"),
    "rule": ("#dfe3e8", "#2f353b"),
    "shade": ("#f5f6f8", "#1c2024"),
    "link": ("#0a5c9c", "#7db8ea"),
    "good": ("#0f7a4d", "#5bc795"),
    "bad": ("#b3261e", "#ff8a80"),
    "warn": ("#8a5a00", "#e6b450"),
    "bad-shade": ("#fdf0ee", "#2d1b1a"),
    "warn-shade": ("#fff7e6", "#2a2314"),
    "x0": ("#0a6cb0", "#5aa9e6"),
    "eps": ("#c8500a", "#f08a4b"),
    "score": ("#0b8a67", "#4cc9a0"),
    "v": ("#8a4fa3", "#c58fe0"),
    "flow": ("#56750b", "#a9c95a"),
    "edm": ("#b8256f", "#f07fb4"),
    "raw-score": ("#a8841a", "#dcbf55"),
    "vae": ("#5b6570", "#a7b1bb"),
    "hvae": ("#9a3b4f", "#e58a9c"),
}
"""On a light and on a dark page."""


def light(name: str) -> str:
    """The value on a light page; of what has no colour of its own that of `muted`."""
    return PALETTE.get(name, PALETTE["muted"])[0]


def style() -> str:
    """The colours as CSS variables, for both schemes."""

    def variables(scheme: int) -> str:
        return " ".join(f"--{name}: {values[scheme]};" for name, values in PALETTE.items())

    dark = f"@media screen and (prefers-color-scheme: dark) {{\n  :root {{ {variables(1)} }}\n}}"
    return f":root {{ {variables(0)} }}\n{dark}\n"
