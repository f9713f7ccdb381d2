"""A caption is cut between sentences and nowhere else."""

from __future__ import annotations

import pytest

from threetargets.report.parts.sentences import brief, method, sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("One alone", ["One alone"]),
        ("One. two. Three.", ["One.", "two.", "Three."]),
        (
            "N = 0.5 ± 0.1 of x (as in e.g. SPEC). ε is next.",
            [
                "N = 0.5 ± 0.1 of x (as in e.g. SPEC).",
                "ε is next.",
            ],
        ),
        ("After Ho et al. (2020) it is so. Yes.", ["After Ho et al. (2020) it is so.", "Yes."]),
        (
            "Called “at most” there. (Post hoc.) Then.",
            [
                "Called “at most” there.",
                "(Post hoc.)",
                "Then.",
            ],
        ),
        (
            "Behind each (and its rule) are others. End.",
            [
                "Behind each (and its rule) are others.",
                "End.",
            ],
        ),
    ],
)
def test_sentences_end_at_full_stops(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


def test_two_are_shown_and_none_is_lost() -> None:
    text = "One is. Two are. Three is 1.5. Four."
    assert brief(text) == "One is. Two are." and method(text) == "Three is 1.5. Four."
    assert method("One. Two.") == ""
