"""Writes the malformed parameter files of this folder: `params.yaml` with one mistake of
mistakes.json each, and `expected.json`, which says for each the key that the error has to name and
a word of what it has to say.

    python tests/malformed/generate.py
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PARAMS = HERE.parents[1] / "params.yaml"


@dataclass(frozen=True)
class Mistake:
    """`old` in params.yaml becomes `new`; the error names `key` and says `said`."""

    name: str
    old: str
    new: str
    key: str
    said: str = ""


MISTAKES = [Mistake(**row) for row in json.loads((HERE / "mistakes.json").read_text("utf-8"))]
WHOLE = (  # name, content, key, said
    ("nested-without-end", b"study: " + b"[" * 3000 + b"\n", "nested too deeply", ""),
    ("empty", b"", "mapping", "expected a mapping"),
    ("list-at-the-top", b"- study: digits\n- seeds: [0]\n", "mapping", "found list"),
    (
        "not-utf-8",
        'study: digits\ntitle: "Chiffres \xe9crits"\n'.encode("latin-1"),
        "UTF-8",
        "not a text file",
    ),
)


def main() -> None:
    text, expected = PARAMS.read_text(encoding="utf-8"), {}
    for mistake in MISTAKES:
        assert text.count(mistake.old) >= 1, mistake.name
        (HERE / f"{mistake.name}.yaml").write_text(
            text.replace(mistake.old, mistake.new, 1), encoding="utf-8"
        )
        expected[mistake.name] = {"key": mistake.key, "said": mistake.said}
    for name, content, key, said in WHOLE:
        (HERE / f"{name}.yaml").write_bytes(content)
        expected[name] = {"key": key, "said": said}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
