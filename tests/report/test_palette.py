"""One palette for pages and drawings."""

from __future__ import annotations

import re
from pathlib import Path

from threetargets import report
from threetargets.families import FAMILIES
from threetargets.report.parts.palette import PALETTE, style

FOLDER = Path(report.__file__).parent


def test_no_colour_stands_anywhere_else() -> None:
    files = [p for p in FOLDER.rglob("*") if p.suffix in (".py", ".html", ".css", ".md")]
    assert len(files) > 30
    for path in files:
        text = re.sub(r"&#\d+;|href=\"#|#\{", "", path.read_text())
        if path.name != "palette.py":
            assert not re.search(r"#(?:[0-9a-fA-F]{3}){1,2}\b", text), path


def test_every_colour_has_two_values_and_is_told_from_the_others() -> None:
    for scheme in (0, 1):
        values = [pair[scheme] for pair in PALETTE.values()]
        assert len(set(values)) == len(values)
    assert all(f"--{name}: {value};" in style() for name, both in PALETTE.items() for value in both)


def test_kinds_of_models_have_their_colours() -> None:
    autoencoder = FAMILIES["autoencoder"]
    looks = [autoencoder.look(autoencoder.parse(kind)).colour for kind in autoencoder.KINDS]
    assert looks == ["vae", "hvae"] and set(looks) <= set(PALETTE)
